"""Parse durations such as 90s, 30m, 2h, 3d, 2w, and timestamps such as 2026-11-20T08:00."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from carefile.cli.problem import Problem

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)\s*([smhdw])", text.strip())
    if not found:
        raise Problem(f"invalid duration: {text!r}", "use a form such as 90s, 30m, 2h, 3d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def since(text: str | None, now: datetime | None = None) -> datetime | None:
    """The time a duration ago, or the given timestamp (in the local time zone if it names none)."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return (now or datetime.now(UTC)) - span(text)
    return moment.astimezone(UTC)
