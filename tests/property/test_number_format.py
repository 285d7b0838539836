"""A number stands as a cell shows it; whatever the format code, reading goes on."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.readers.formats.office.number_format import (
    general,
    moment_as_shown,
    number_as_shown,
    text_as_shown,
)

_ACCOUNTS = '_(* #,##0_);_(* (#,##0);_(* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (4711, "00000000", "00004711"),
        (4711, '"MRN "00000', "MRN 04711"),
        (123456789, "000-00-0000", "123-45-6789"),
        (5551234567, "(000) 000-0000", "(555) 123-4567"),
        (0.125, "0.0%", "12.5%"),
        (0.125, "0%", "13%"),
        (-0.05, "0%", "-5%"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (123457000000, "0.00E+00", "1.23E+11"),
        (0.00042, "0.0E+0", "4.2E-4"),
        (999999, "0.0E+0", "1.0E+6"),
        (12345, "##0.0E+0", "12.3E+3"),
        (-5, "0.0;(0.0)", "(5.0)"),
        (0, '0;-0;"none"', "none"),
        (42, "[Red][>100]0;[Blue]0.0", "42.0"),
        (12.5, '0.0 "mg"', "12.5 mg"),
        (1500, "0.0,", "1.5"),
        (0.5, "#.##", ".5"),
        (1, "0.0##", "1.0"),
        (-0.001, "0.00", "0.00"),
        (12, "[$€-407]#,##0.00", "€12.00"),
        (1234, _ACCOUNTS, " 1,234 "),
        (7, '"positive"', "positive"),
        (5, ";;;", ""),
        (0.5, "# ?/?", None),
        (0.5, "h:mm", None),
    ],
)
def test_a_number_is_shown_by_its_code(value: float, code: str, shown: str | None) -> None:
    assert number_as_shown(value, code) == shown


@pytest.mark.parametrize(
    ("code", "shown"), [("mmm-yy", "Mar-24"), ("d-mmm", "4-Mar"), ("yyyy", "2024"), ("dd/mm/yyyy", None)]
)
def test_a_date_of_which_a_part_is_shown_is_that_part(code: str, shown: str | None) -> None:
    assert moment_as_shown(date(2024, 3, 4), code) == shown


def test_words_may_stand_before_a_text() -> None:
    assert text_as_shown("4711", '"MRN "@') == "MRN 4711"
    assert text_as_shown("4711", "@") == text_as_shown("4711", "0.00") == "4711"


@given(st.integers(0, 10**15), st.integers(1, 20))
def test_zeros_keep_the_number_and_fill_its_width(number: int, width: int) -> None:
    shown = number_as_shown(number, "0" * width)
    assert shown is not None
    assert int(shown) == number
    assert len(shown) >= width


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_decimals_are_rounded_as_people_round(number: int, places: int) -> None:
    value = number / 1000
    code = "0" + ("." + "0" * places if places else "")
    shown = number_as_shown(value, code)
    assert shown is not None
    assert abs(float(shown) - value) <= 0.5000001 * 10**-places + abs(value) * 1e-15


@given(
    st.floats() | st.integers(), st.text(st.sampled_from('0#?.,%E+-;[]"\\_*@/yhmsd AGeneral>1$'), max_size=40)
)
def test_any_code_is_answered(value: float, code: str) -> None:
    shown = number_as_shown(value, code)
    assert shown is None or len(shown) < 3_000
    assert text_as_shown("x", code) is not None
    moment_as_shown(date(2024, 3, 4), code)


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_a_number_without_a_code_keeps_what_a_spreadsheet_keeps(value: float) -> None:
    assert float(general(value)) == pytest.approx(value, rel=1e-14, abs=0)
