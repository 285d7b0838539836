"""The settings that say how long records are kept: what they are, and what is allowed.

May live here: the settings and their defaults. Like `config.py`, no CDK and no AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KINDS = ("document", "session")
_STATUSES = ("known", "unknown")
_MOST_DAYS = 36_500
ALLOWED = (
    '{"kind": "document" or "session", "patient_status": "known", "unknown" or left out, '
    f'and "expire_days", "older_versions_days" or both, 1 to {_MOST_DAYS}}}'
)


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
    """The settings of one stage about how long what is kept; `docs/retention.md` tells what they mean.

    - `retention`: for each kind, or kind and patient status, when filed objects and their older versions expire.
      Nothing in the layout expires by default.
    - `object_lock`: the stack's own buckets of records take legal holds. It can be turned on, and never off.
    - `locked_days`: with `object_lock`, every version is retained in governance mode for so long.
    """

    retention: tuple[Retention, ...] = ()
    object_lock: bool = False
    locked_days: int | None = None


def read_retention(value: object) -> tuple[Retention, ...] | None:
    """The checked setting; None where it is not allowed."""
    if not isinstance(value, list | tuple):
        return None
    rules = [_read(one) for one in value]
    named = [(rule.kind, status) for rule in rules if rule for status in _meant(rule)]
    return None if None in rules or len(named) > len(set(named)) else tuple(rule for rule in rules if rule)


def _read(value: object) -> Retention | None:
    if not isinstance(value, Mapping) or not set(value) <= set(Retention.__dataclass_fields__):
        return None
    status, days = value.get("patient_status"), [value.get("expire_days"), value.get("older_versions_days")]
    fits = value.get("kind") in _KINDS and status in (None, *_STATUSES) and any(days)
    return Retention(**value) if fits and all(_are_days(count) for count in days) else None


def _are_days(value: Any) -> bool:
    return value is None or (type(value) is int and 1 <= value <= _MOST_DAYS)


def _meant(rule: Retention) -> tuple[str, ...]:
    return (rule.patient_status,) if rule.patient_status else _STATUSES
