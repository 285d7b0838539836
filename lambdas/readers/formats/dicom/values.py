"""DICOM's values as a person reads them. What is not what its type allows is left out, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambdas.readers.hl7_values import joined, moment

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_AGES = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
_MOST_VALUES = 100  # of one element


def texts(data: Dataset, keyword: str) -> list[str]:
    """The values of an element as they are written, without what pads them."""
    try:
        return texts_or_raise(data, keyword)
    except Exception:
        return []


def texts_or_raise(data: Dataset, keyword: str) -> list[str]:
    value: Any = data.get(keyword)
    if value is None:
        return []
    several = (
        not isinstance(value, str | bytes) and hasattr(value, "__iter__") and not hasattr(value, "components")
    )
    found = list(value)[:_MOST_VALUES] if several else [value]
    return [text for item in found if (text := str(item).strip(" \x00"))]


def rendered(data: Dataset, keyword: str) -> str:
    """The element as one text; empty if there is none, or none that can be read."""
    try:
        element = data[keyword]
        if element.VR == "PN":
            return person(data, keyword)
        if element.VR == "UI":
            return joined(getattr(data.get(keyword), "name", str(data.get(keyword))).split("\x00"))
        return joined(map(_as_read, texts(data, keyword), [element.VR] * _MOST_VALUES), ", ")
    except Exception:
        return ""


def person(data: Dataset, keyword: str) -> str:
    """Names as they are said, and beside them how they are written in ideographs and how they sound."""
    said = []
    for name in texts(data, keyword):
        alphabetic, *others = name.split("=")
        family, given, further, prefix, suffix, *_ = [*alphabetic.split("^"), *[""] * 5]
        spoken = joined((prefix, given, further, family, suffix)) or alphabetic.replace("^", " ").strip()
        # The family's name comes first in the scripts that the others are for.
        written = joined((joined(other.split("^")) for other in others), ", ")
        said.append(f"{spoken} ({written})" if spoken and written else spoken or written)
    return joined(said, "; ")


def _as_read(text: str, type_: str) -> str:
    if type_ in ("DA", "DT"):
        return moment(text)
    if type_ == "AS" and len(text) == 4 and text[:3].isdigit() and text[3] in _AGES:
        return f"{int(text[:3])} {_AGES[text[3]]}"
    return text
