"""The settings that say how long records are kept.

May live here: the settings and their defaults. Like `config.py`, no CDK and no AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long filed objects of a kind and patient status are kept, and how long versions that were replaced, retired
    or deleted. None: for ever."""

    kind: str
    patient_status: str | None = None
    expire_days: int | None = None
    older_versions_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class RetentionConfig:
    """The settings of one stage about how long what is kept; `docs/retention.md` tells what they mean."""

    retention: tuple[Retention, ...] = ()
    object_lock: bool = False
    locked_days: int | None = None


def overlap(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Whether two rules mean the same kind and patient status; one without a status means both."""
    named = [
        (rule["kind"], status)
        for rule in rules
        for status in ([rule["patient_status"]] if rule.get("patient_status") else ("known", "unknown"))
    ]
    return len(named) > len(set(named))
