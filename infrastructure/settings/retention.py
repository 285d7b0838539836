"""The settings for how long records are kept. Like `config.py`: no CDK, no AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long filed objects of a kind and patient status, and their older versions, are kept. None: forever."""

    kind: str
    patient_status: str | None = None
    expire_days: int | None = None
    older_versions_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class RetentionConfig:
    """The retention settings of one stage; `docs/retention.md` explains them."""

    retention: tuple[Retention, ...] = ()
    object_lock: bool = False
    locked_days: int | None = None


def overlap(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Whether two rules cover the same kind and patient status; a rule without a status covers both."""
    named = [
        (rule["kind"], status)
        for rule in rules
        for status in ([rule["patient_status"]] if rule.get("patient_status") else ("known", "unknown"))
    ]
    return len(named) > len(set(named))
