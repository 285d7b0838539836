"""What holding a document's text against the patient directory reads, exactly."""

from __future__ import annotations

from benchmarks.directory import CASES, CROWDED, Reads, listing_units, reads


def test_a_text_costs_nothing_that_says_nothing_or_only_what_is_known() -> None:
    found = reads()
    assert found.keys() == CASES.keys()
    assert found["no label in its text, nobody's"] == Reads(0, 0)
    # In the requests of the ledger's item, at the start and in the check.
    assert found["no label in its text, the folder's"] == Reads(0, 2)
    assert found["the folder's patient in its text"] == Reads(0, 2)


def test_a_text_of_nobodys_costs_its_number_its_birth_date_and_its_name() -> None:
    found = reads()
    # The number, and the index of the birth date, twice; the patient found there is known already.
    assert found["a listed patient in its text, nobody's"] == Reads(4, 5)
    # The number and its index, two readings of the birth date, two words of the name; and the same in the check.
    assert found["nobody who is listed in its text"] == Reads(11, 12)


def test_everybody_of_one_birth_date_is_read() -> None:
    found = reads(born_that_day=CROWDED)["a listed patient in its text, nobody's"]
    assert found == Reads(5, 2 * (1 + 1 + CROWDED) - 1)


def test_a_new_patient_costs_an_entry_counted_and_what_finds_them() -> None:
    words_date_and_number, identifier = 5, 1
    assert listing_units() == 2 + words_date_and_number + identifier
