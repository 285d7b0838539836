"""Numbers that a spreadsheet or a program has damaged beyond recovery.

A spreadsheet rounds long numbers (`1.23457E+11` is many patients'), drops leading zeros, turns `3-4` into a date; a
program that met an empty cell writes `4711.0`. Such a value is shown as evidence and never names a patient.
"""

from __future__ import annotations

import re

_LONGEST = 64  # no damaged number is longer

# Whole values only. An exponent counts with a sign, or after a fraction: `12E34` may be an id.
_DAMAGED = re.compile(
    r"""
    [-+]? \d+ [.,] \d* E [-+]? \d+            # 1.23457E+11, 1,2E11
    | [-+]? \d+ E [-+] \d+                    # 1E+11
    | [-+]? \d+ [.,] 0*                       # 4711.0, 4711.
    | [-+]? \d{1,3} (?: ,\d{3} )+ (?: \.\d* )?  # 4,711
    | [-+]? \d+ (?: [.,] \d+ )? \s? %         # 471100%
    | =? "[^"]*" | = [-+\d.,]+ | '.+           # ="00471", '00471: how spreadsheets are kept from it
    | \#+ | [-+]? (?: nan | nat | inf | infinity )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL,
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _NUMBER, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[89]|20|21)\d\d"
_ANY_YEAR = rf"(?:{_YEAR}|\d\d)"
_DATE_OR_TIME = re.compile(
    rf"""
    (?:
        {_YEAR} (?P<a>[-/.]) {_NUMBER} (?P=a) {_DAY}         # 2024-03-04
        | {_DAY} (?P<b>[-/.]) {_NUMBER} (?P=b) {_ANY_YEAR}   # 4.3.2024, 04/03/24
        | {_NUMBER} (?P<c>[-/]) {_DAY} (?P=c) {_ANY_YEAR}    # 3/4/2024
        | {_DAY} [-/\s.]* {_MONTH} (?: [-/\s,]* {_ANY_YEAR} )?  # 4-Mar, 4 March 2024
        | {_MONTH} [-/\s] \s* {_DAY} , \s* {_ANY_YEAR}       # March 4, 2024
        | {_MONTH} [-/\s] {_ANY_YEAR}                        # Mar-24
    )
    (?: [T\s]+ \d\d? : \d\d (?: :\d\d (?: \.\d+ )? )? (?: \s? [AP]M )? (?: Z | [-+]\d\d:?\d\d )? )?
    | \d\d? : \d\d (?: :\d\d (?: \.\d+ )? )? (?: \s? [AP]M )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def damaged_number(value: str) -> bool:
    """Whether a value in the place of an id is a number or date that a program made of one."""
    value = value.strip()
    if not value or len(value) > _LONGEST:
        return False
    return _DAMAGED.fullmatch(value) is not None or _DATE_OR_TIME.fullmatch(value) is not None
