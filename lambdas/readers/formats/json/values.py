"""JSON as it was written: numbers with their own digits, objects with their own order and repetitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lambdas.readers.limits import MAX_JSON_DEPTH, MAX_JSON_VALUES

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_TOKEN = re.compile(_STRING.pattern + r"|[][{},]", re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^][}{]+")


class Number(str):
    """A number as it stands in the document: `1.10` is not `1.1`, and no number is too long."""

    __slots__ = ()


class Object:
    """The members of an object in order, repeated names included. One that was found to say nothing to people is
    marked, so that nobody asks it again: else each level of nesting would double the work. `label` is what a reference
    leads to, where that is known.
    """

    __slots__ = ("label", "members", "says_nothing")

    def __init__(self, members: list[tuple[str, Value]]) -> None:
        self.members = members
        self.says_nothing = False
        self.label = ""


Scalar: TypeAlias = str | Number | bool | None
Value: TypeAlias = Object | list["Value"] | Scalar


def shown(value: Scalar) -> str:
    """A scalar as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def scalars(values: list[Value]) -> list[Scalar] | None:
    """The values if all of them are scalars, else None."""
    found = [value for value in values if not isinstance(value, (Object, list))]
    return found if len(found) == len(values) else None


def is_too_complex(text: str) -> bool:
    """Whether the text has too many values, or too many within each other, to be parsed within our limits."""
    return _weight(text) + text.count("\n") > MAX_JSON_VALUES or _is_too_deep(text)


def _weight(text: str) -> int:
    """About how many values the text has."""
    return sum(map(text.count, ",:[{"))


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_JSON_DEPTH:
            return True
    return False


def parse(text: str) -> Value:
    """The value that the text is. Raises ValueError if it is none."""
    try:
        value: Value = json.loads(
            text, object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=Number
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def parse_beginning(text: str) -> tuple[Value, int]:
    """The value that a text begins, as far as it is whole and within our limits, and where that ends. None and 0 if
    there is nothing of it.
    """
    limit = len(text)
    for _ in range(2):
        end, closing = _last_whole(text, limit)
        try:
            return parse(text[:end] + closing), end
        except json.JSONDecodeError as error:
            limit = min(error.pos, end)  # damaged there: what stands before it, then
        except ValueError:
            break
    return None, 0


def _last_whole(text: str, limit: int) -> tuple[int, str]:
    """The last place before which every value is whole, and the brackets that would close the text there."""
    closing: list[str] = []
    whole = weight = 0
    for token in _TOKEN.finditer(text, 0, limit):
        sign = text[token.start()]
        if sign == '"':
            continue
        weight += 1
        if weight > MAX_JSON_VALUES or (sign in "[{" and len(closing) == MAX_JSON_DEPTH):
            break
        if sign in "[{":
            closing.append("]" if sign == "[" else "}")
        elif sign in "]}":
            if not closing:
                break
            closing.pop()
        whole = token.start() if sign == "," else token.end()
    return whole, "".join(reversed(closing))


@dataclass(frozen=True, slots=True)
class Lines:
    """JSON lines: the values, each with the number of its line. `count` is how many lines that are not blank were
    looked at; `is_cut` that there are more, beyond the limit.
    """

    values: list[tuple[int, Value]]
    count: int
    is_cut: bool

    @property
    def damaged(self) -> int:
        return self.count - len(self.values)

    @property
    def complaint(self) -> str:
        return f"{self.damaged} of {self.count} lines are no JSON. They are left out."


def parse_lines(text: str, *, last_is_cut: bool) -> Lines | None:
    """One value a line, of which the first two parse and are no scalars, as far as the limit of values goes. None if
    the text is no such.
    """
    values: list[tuple[int, Value]] = []
    count = weight = 0
    for number, line in _lines(text, last_is_cut=last_is_cut):
        weight += 1 + _weight(line)
        if weight > MAX_JSON_VALUES:
            return Lines(values, count, is_cut=True) if len(values) >= 2 else None
        count += 1
        try:
            if _is_too_deep(line):
                raise ValueError("nested too deep")
            value = parse(line)
        except ValueError:
            if count <= 2:
                return None
            continue
        if count <= 2 and not isinstance(value, (Object, list)):
            return None
        values.append((number, value))
    return Lines(values, count, is_cut=False) if len(values) >= 2 else None


def _lines(text: str, *, last_is_cut: bool) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number, one by one."""
    start = number = 0
    while start < len(text):
        end = text.find("\n", start)
        if end < 0 and last_is_cut:
            return
        end = len(text) if end < 0 else end
        number += 1
        line = text[start:end]
        if line.strip():
            yield number, line
        start = end + 1
