"""Parse durations such as 90s, 30m, 2h, 3d, 2w, and moments such as 2026-11-20T08:00 or yesterday."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from carefile.cli.problem import Problem

_DAYS = {"today": 0, "yesterday": 1}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})\s*([smhdw])", text.strip(), re.ASCII)
    if not found:
        raise Problem(f"invalid duration: {text!r}", "use a form such as 90s, 30m, 2h, 3d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def since(text: str | None, now: datetime | None = None) -> datetime | None:
    """The time a duration ago, the start of `today` or `yesterday`, or the given timestamp.

    Days and timestamps without a time zone are local ones.
    """
    if text is None:
        return None
    now = now or datetime.now(UTC)
    if text in _DAYS:
        local = now.astimezone() - timedelta(days=_DAYS[text])
        return datetime(local.year, local.month, local.day).astimezone(UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return now - span(text)
    except (Problem, OverflowError):
        raise Problem(
            f"not a time: {text!r}", "use a duration (30m, 2h, 3d), a date (2026-11-20), today or yesterday"
        ) from None
