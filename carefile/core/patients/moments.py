"""When something was stated, in one form that sorts: UTC, to the microsecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_HL7 = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?(?:\.(\d{1,6})\d*)?([+-]\d{4})?")


def moment(text: str) -> str:
    """A moment as ISO 8601 or HL7 v2 writes it; empty where it is none. Without an offset it is taken for UTC."""
    text = text.strip()
    try:
        found = _hl7(match) if (match := _HL7.fullmatch(text)) else datetime.fromisoformat(text)
        known = found if found.tzinfo else found.replace(tzinfo=UTC)
        return known.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError):
        return ""


def _hl7(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    clock = f"{hour or '00'}{minute or '00'}{second or '00'}.{(fraction or '0').ljust(6, '0')}"
    return datetime.strptime(f"{year}{month}{day}{clock}{offset or '+0000'}", "%Y%m%d%H%M%S.%f%z")
