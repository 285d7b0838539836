"""The patient directory's words: names, dates, ids that are near, and what sources state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.model import Decision, DecisionType
from carefile.core.patients.dates import birth_date, dates_in, same_date
from carefile.core.patients.entries import Identifier, PatientEntry, PatientState, PersonName, Statement
from carefile.core.patients.moments import moment
from carefile.core.patients.names import same_name
from carefile.core.patients.near import near_misses
from carefile.core.records.patients import (
    entry_in,
    index_keys,
    merged_entry,
    number_entry,
    patient_key,
    to_item,
    tombstone,
)

STATED = Statement(
    (PersonName(family="Pérez", given=("Juan",)),),
    "1971-03-05",
    identifiers=frozenset({Identifier.of("urn:oid:1.2", "77 ")}),
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Juan Pérez", "PEREZ, Juan", True),
        ("Juan Pérez García", "Juan Perez", True),
        ("Sr. Juan Carlos Pérez", "Pérez, Juan", True),
        ("J. Pérez", "Juan Perez", True),
        ("María de la Cruz", "Cruz María", True),
        ("Łukasz Müller", "lukasz muller", True),
        ("Иван Петров", "ПЕТРОВ Иван", True),
        ("Ana Ruiz", "Eva Ruiz", False),
        ("Ana Ruiz", "Ana Ríos", False),
        ("J. P.", "Juan Pérez", False),
        ("Ruiz", "Ana Ruiz", False),
        ("", "", False),
    ],
)
def test_a_name_is_the_same_without_accents_order_and_titles_and_no_less(
    one: str, other: str, same: bool
) -> None:
    assert same_name(one, other) is same
    assert same_name(other, one) is same


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("DOB 1971-03-05", {"1971-03-05"}),
        ("19710305", {"1971-03-05"}),
        ("03/04/1980", {"1980-03-04", "1980-04-03"}),
        ("25/12/1980", {"1980-12-25"}),
        ("nacido el 5 de marzo de 1971", {"1971-03-05"}),
        ("March 5th, 1971", {"1971-03-05"}),
        ("05-MAR-1971", {"1971-03-05"}),
        ("31/02/1980 and 123456789", set()),
    ],
)
def test_a_date_that_can_be_read_in_two_ways_is_both(text: str, dates: set[str]) -> None:
    assert dates_in(text) == dates


def test_a_field_says_one_date_or_none() -> None:
    assert birth_date("13/04/1980") == "1980-04-13"
    assert birth_date("03/04/1980") is None
    assert birth_date("03/04/1980", day_first=True) == "1980-04-03"
    assert birth_date("03/04/1980", day_first=False) == "1980-03-04"
    assert (birth_date("1971"), birth_date("1971-13"), birth_date("1971-03")) == ("1971", None, "1971-03")
    assert same_date("1971", "1971-03-05")
    assert not same_date("1971-03", "1971-04-05")


def test_the_near_misses_of_an_id_are_one_slip_away() -> None:
    found = near_misses("MRN-4711")
    assert {"MRN-4717", "MRN-7411", "MRM-4711", "mrn-4711"} <= found
    assert not {"MRN-4711", "MRN-4799", "MRN-471"} & found
    assert near_misses("9" * 65) == frozenset()


def test_stating_the_same_again_changes_nothing_and_nothing_older_replaces_what_is_newer() -> None:
    entry = PatientEntry("A").stating("ehr", STATED)
    assert entry.revision == 1
    assert entry.stating("ehr", STATED) is entry
    newer = replace(STATED, birth_date="1971-03-06", stated_at=moment("2026-01-02"))
    assert (changed := entry.stating("ehr", newer)).birth_dates == {"1971-03-06"}
    assert changed.stating("ehr", replace(STATED, stated_at=moment("2026-01-01"))) is changed
    assert changed.stating("file", STATED).birth_dates == {"1971-03-05", "1971-03-06"}


def test_what_was_stated_in_between_does_not_replace_what_was_repeated_after_it() -> None:
    first, second, third = (moment(f"2026-01-0{day}") for day in (1, 2, 3))
    entry = PatientEntry("A").stating("ehr", replace(STATED, stated_at=first))
    entry = entry.stating("ehr", replace(STATED, stated_at=third))
    assert entry.stating("ehr", replace(STATED, sex="male", stated_at=second)) is entry


@given(
    st.permutations([("1971-03-05", "01"), ("1971-03-06", "02"), ("1971-03-05", "03"), ("1971-03-07", "04")])
)
def test_the_newest_statement_of_a_source_holds_in_whatever_order_they_arrive(
    arriving: list[tuple[str, str]],
) -> None:
    entry = PatientEntry("A")
    for born, day in (*arriving, *arriving):
        entry = entry.stating("ehr", Statement(birth_date=born, stated_at=moment(f"2026-01-{day}")))
    assert entry.birth_dates == {"1971-03-07"}


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260102030405", "2026-01-02T03:04:05.000000Z"),
        ("202601020304+0100", "2026-01-02T02:04:00.000000Z"),
        ("20260102030405.1234-0500", "2026-01-02T08:04:05.123400Z"),
        ("2026-01-02T03:04:05.5+02:00", "2026-01-02T01:04:05.500000Z"),
        ("2026-01-02", "2026-01-02T00:00:00.000000Z"),
        ("20261340", ""),
        ("yesterday", ""),
        ("0001-01-01T00:00:00+14:00", ""),
    ],
)
def test_moments_of_every_feed_are_compared_in_one_form(text: str, utc: str) -> None:
    assert moment(text) == utc


def test_an_entry_is_the_same_after_it_was_stored() -> None:
    entry = replace(PatientEntry("A").stating("ehr", replace(STATED, active=False)), merged_into="B")
    assert entry_in(to_item(entry)) == entry
    decided = entry.merged("C", Decision(DecisionType.MERGE, "ana", "2026-11-30T00:00:00Z", "same person"))
    assert entry_in(to_item(decided)) == decided
    assert entry.state is PatientState.MERGED
    assert replace(entry, merged_into=None).state is PatientState.INACTIVE
    found_by = {"name#perez", "name#juan", "born#1971-03-05", number_entry("77")}
    assert index_keys(entry) == found_by | {merged_entry("B")}


def test_a_tombstone_stands_in_the_entrys_place_and_names_nobody() -> None:
    item = tombstone("Juan_Perez_123", "2026-11-30T00:00:00Z")
    assert item.items() >= patient_key("Juan_Perez_123").items()
    assert "Juan_Perez_123" not in str(item)
    assert entry_in(item) is None
