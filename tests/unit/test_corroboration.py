"""What a document's text says, held against the patient directory: what it suggests, contradicts and decides."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from benchmarks.matching.people import Person
from benchmarks.matching.trial import Mode, as_decided
from carefile.cli.aws.listing import Item
from carefile.cli.moving.forecast import Forecaster
from carefile.cli.shown.story import print_story
from carefile.core.deciding.corroboration import Factor, Supported, _suggestions, described, says_much
from carefile.core.documents.extraction import DocumentFacts, Extraction, Status
from carefile.core.documents.recognition import Line, RecognisedPage, Word, recognition_of
from carefile.core.documents.scans import with_recognition
from carefile.core.model import EvidenceSource
from carefile.core.patients.entries import Identifier, PatientEntry, PersonName, Statement
from carefile.core.patients.mentions import mentions_in
from carefile.core.records.catalog import Entry
from carefile.core.records.patients import index_key, index_keys
from lambdas.adapters import aws, contracts
from tests.unit.conftest import connection_to
from tests.unit.test_listed import put, whose
from tests.unit.world import LANDING, World, cataloged, submitted_event

LABELS = contracts.rules().text_labels
PEOPLE = {
    "4711": ("Ana Ruiz Soto", "1984-02-11"),
    "4712": ("Eva Ruiz Soto", "1984-02-11"),  # her twin
    "5001": ("Juan Pérez", "1950-03-04"),
    "5002": ("Juan Pérez", "1979-12-24"),  # his son
    "6001": ("María Gil", "1990-01-01"),
    "6002": ("María Gil", "1990-01-01"),  # a namesake of one birth date
    "7001": ("Chidi Okafor", "2001-07-09"),
}
LETTER = "Clinic of St Elmo\n\nPatient: {name}\nDOB: {born}\nMRN: {number}\n\nDear colleague, all is well.\n"


def patient(number: str, name: str, born: str, *further: str) -> PatientEntry:
    identifiers = frozenset(Identifier.of("1.2.3", one) for one in further)
    return PatientEntry(number).stating(
        "ehr", Statement((PersonName(name),), born, identifiers=identifiers, stated_at="2020")
    )


def list_all(world: World, *entries: PatientEntry) -> None:
    put(world, *entries)
    for entry in entries:
        for one in index_keys(entry):
            world.dynamodb.put_item(TableName="patients", Item=index_key(one, entry.id))


@pytest.fixture(params=["suggest"])
def listed(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATIENTS", "listed")
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    monkeypatch.setenv("CORROBORATED", request.param)
    world.wire()
    list_all(world, *(patient(number, *facts) for number, facts in PEOPLE.items()))
    return world


deciding = pytest.mark.parametrize("listed", ["decide"], indirect=True)


def suggested(result: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(it["patient_id"], it["supported_by"]) for it in cataloged(result).get("suggestions", ())]


def letter(name: str = "Ana Ruiz Soto", born: str = "11 Feb 1984", number: str = "4711") -> bytes:
    return LETTER.format(name=name, born=born, number=number).encode()


# What is suggested


def test_a_letter_that_names_a_listed_patient_suggests_them_and_says_why(listed: World) -> None:
    result = listed.file("letter.txt", letter())
    assert whose(result) == (None, "no-evidence")
    first, *others = suggested(result)
    assert first == ("4711", ["identifier", "name", "birth-date"])
    assert [one for one, _ in others] == []
    (told,) = [it for it in cataloged(result)["evidence"] if it["source"] == "text"]
    assert told["value"] == "4711"
    assert told["where"] == "number, text; name, text; birth date, text"
    assert (told["used"], told["listed"]) == (False, True)


@pytest.mark.parametrize(
    ("body", "first"),
    [
        (letter(number="4771"), ("4711", ["name", "birth-date", "near-identifier"])),
        (letter(number="none given"), ("4711", ["name", "birth-date"])),
        (letter(name="Ana Ruis Soto"), ("4711", ["identifier", "birth-date", "similar-name"])),
        (letter(name="A. Ruiz", number=""), ("4711", ["birth-date", "similar-name"])),
        (letter(born="unknown"), ("4711", ["identifier", "name"])),
        (letter(born="11 Feb 1985", number=""), ("4711", ["name"])),
        (letter(born="02/11/1984"), ("4711", ["identifier", "name", "birth-date"])),
        (b"I saw Ana Ruiz Soto (11/02/1984).", ("4711", ["name-in-text", "birth-date-in-text"])),
        (letter("Juan Perez", "24/12/1979", ""), ("5002", ["name", "birth-date"])),
        (b"Patient: Okafor Chidi\nthe end", ("7001", ["name"])),
    ],
)
def test_less_suggests_too_and_the_best_supported_come_first(
    listed: World, body: bytes, first: tuple[str, list[str]]
) -> None:
    assert suggested(listed.file("letter.txt", body))[0] == first


def test_a_further_identifier_in_the_text_leads_to_its_patient(listed: World) -> None:
    list_all(listed, patient("8001", "Noa Levi", "1999-09-09", "N-77"))
    result = listed.file("a.txt", letter("Noa Levi", "1999-09-09", "N-77"))
    assert suggested(result)[0] == ("8001", ["identifier", "name", "birth-date"])


def test_a_merged_patients_number_suggests_whom_they_are_now(listed: World) -> None:
    put(listed, replace(patient("4711", *PEOPLE["4711"]), merged_into="7001"))
    assert suggested(listed.file("a.txt", letter()))[0][0] == "7001"


def test_nobody_is_suggested_who_is_not_listed_or_whose_relative_is_named(listed: World) -> None:
    assert not suggested(listed.file("a.txt", letter("Nadia Nobody", "1999-01-09", "9999")))
    assert not suggested(listed.file("b.txt", b"Mother: Ana Ruiz Soto, DOB 1984-02-11, MRN 4711"))


def test_a_number_that_leads_to_nobody_is_told(listed: World) -> None:
    result = listed.file("a.txt", b"MRN: 9999")
    (told,) = [it for it in cataloged(result)["evidence"] if it["source"] == "text"]
    assert (told["value"], told["listed"], told["used"]) == ("9999", False, False)


def test_a_record_is_written_again_only_when_the_directory_says_something_else_of_it(listed: World) -> None:
    listed.file("a.txt", b"Patient: Noa Levi\n\nAll is well.")
    asked = {"bucket": LANDING, "key": "a.txt"}
    again = listed.run(asked, "again")
    assert cataloged(again)["disposition"] == "duplicate"
    list_all(listed, patient("8001", "Noa Levi", "1999-09-09"))
    found = listed.run(asked, "listed")
    assert cataloged(found)["disposition"] == "cataloged"
    assert [one for one, _ in suggested(found)] == ["8001"]
    manifest = json.loads(listed.body("processed/unknown_a/_manifest.json"))
    assert [it["patient_id"] for it in manifest["classification"]["suggestions"]] == ["8001"]
    assert cataloged(listed.run(asked, "at-last"))["disposition"] == "duplicate"


@deciding
def test_a_forecast_in_listed_mode_says_what_an_intake_would_do(listed: World) -> None:
    listed.file("decided.txt", letter())
    listed.file("documents/7001/conflict.txt", letter(), name="e2")
    for key in ("documents/5001/new.txt", "documents/5009/unlisted.txt"):
        listed.upload(key, b"All is well.")
    put(listed, replace(patient("5001", *PEOPLE["5001"]), merged_into="7001"))
    connection = connection_to(listed)
    connection.__dict__["patients_are_listed"] = True
    there = listed.s3.list_objects_v2(Bucket=LANDING)["Contents"]
    items = [Item(it["Key"], it["Size"], it["LastModified"], it["ETag"]) for it in there]
    told = {one.key: one for one in Forecaster(connection, LANDING, contracts.rules()).of(items)}
    assert {key: (one.would.value, one.patient, one.reason) for key, one in told.items()} == {
        "decided.txt": ("stay", "4711", None),
        "documents/7001/conflict.txt": ("stay", None, "conflict"),
        "documents/5001/new.txt": ("file", "7001", None),
        "documents/5009/unlisted.txt": ("file", None, "unlisted"),
    }


# What contradicts


@pytest.mark.parametrize(
    ("text", "whose_it_is"),
    [
        (letter(), (None, "conflict")),
        (letter(number=""), (None, "conflict")),
        (letter(born=""), (None, "conflict")),
        (letter("Juan Pérez", "4 March 1950", "5001"), ("5001", None)),
        (letter("Juan Pérez", "4 March 1950", "4711"), ("5001", None)),  # a wrong number among right facts
        (letter("Juan Pérez", "", "5002"), (None, "conflict")),  # the son's number and the name of both
        (b"Mother: Ana Ruiz Soto, DOB 1984-02-11, MRN 4711", ("5001", None)),
        (letter("Nadia Nobody", "1999-01-09", "9999"), ("5001", None)),
        (b"All is well.", ("5001", None)),
    ],
)
def test_a_text_that_is_somebody_elses_is_a_conflict(
    listed: World, text: bytes, whose_it_is: tuple[str | None, str | None]
) -> None:
    assert whose(listed.file("documents/5001/letter.txt", text)) == whose_it_is
    assert whose(listed.file("b.txt", text, Metadata={"patient-id": "5001"})) == whose_it_is


def test_a_person_who_decided_is_not_contradicted(listed: World) -> None:
    listed.upload("a.txt", letter())
    assert whose(listed.run(submitted_event("a.txt", {"patient_id": "5001"}))) == ("5001", None)


# What decides


@deciding
@pytest.mark.parametrize(
    ("text", "patient_id"),
    [
        (letter(), "4711"),
        (letter(born="11/02/1984"), "4711"),
        (letter("RUIZ SOTO, Ana"), "4711"),
        (letter() + b"\n\nMother: Eva Lopez, MRN 5001, DOB 1950-03-04.", "4711"),
        (letter("Ruiz, A."), None),  # an initial is two twins'
        (letter("Ruiz Soto"), None),  # so is a family name
        (letter("María Gil", "1990-01-01", "6001"), None),  # a namesake was born that day
        (letter(number="4712"), None),  # the twin's number
        (letter(born=""), None),
        (letter() + b"\nMRN: 5001", None),
        (letter() + b"\nPatient: Carlos Gil", None),
        (letter() + b"\nDOB: 2015-03-01", None),
        (b"Re: Juan Perez\n\nAll is well.\n\n09:30 Juan Perez MRN 5001 DOB 1950-03-04", None),
        (letter() + b"\n\nPatient: Ana Ruiz Soto", None),  # this one may be a namesake
        (b"Patient: Ana Ruiz Soto\n\n" + letter(), None),
        (letter() + b"\n\n" + letter(), "4711"),
        (b"Father: Luis Gil\nName: Chidi Okafor\nMRN: 7001\n\n" + letter(), None),
        (letter() + letter("Juan Perez", "4 March 1950", "5001"), None),
        # A namesake's line of a list just above the heading, which is a name by itself.
        (b"09:30 Juan Perez MRN 5001 DOB 04.03.50\n\nPatient: Juan Perez\n\nAll is well.", None),
        (b"09:00 Ana Ruiz Soto MRN 4711 DOB 1984-02-11", None),  # its name has no label: a line of a list
    ],
)
def test_exactly_one_patient_whom_everything_corroborates_is_decided_on(
    listed: World, text: bytes, patient_id: str | None
) -> None:
    assert whose(listed.file("letter.txt", text))[0] == patient_id


@deciding
def test_what_decided_is_told_and_nothing_is_suggested(listed: World) -> None:
    result = listed.file("letter.txt", letter())
    assert not suggested(result)
    (told,) = [it for it in cataloged(result)["evidence"] if it["source"] == "text"]
    assert (told["value"], told["used"], told["listed"]) == ("4711", True, True)


@deciding
def test_text_does_not_outweigh_a_key_or_metadata(listed: World) -> None:
    assert whose(listed.file("documents/9999/a.txt", letter())) == (None, "unlisted")
    assert whose(listed.file("documents/7001/a.txt", letter())) == (None, "conflict")
    assert whose(listed.file("b.txt", letter(), Metadata={"patient-id": "7001"})) == (None, "conflict")


# Pictures


def scanned(*lines: str, doubtful: str = "") -> Extraction:
    words = [
        Line(tuple(Word(it, (0, 0, 1, 1), 40 if it == doubtful else 95) for it in line.split()))
        for line in lines
    ]
    page = RecognisedPage(1, 10, 10, 0, tuple(words))
    blank = Extraction(DocumentFacts("x", 1, 1, "pdf", "application/pdf"), Status.NOT_READ, "no-text")
    return with_recognition(blank, recognition_of("tesseract", "5", ["eng"], [page]), {})


def test_what_was_recognised_says_so_and_is_not_the_whole_text() -> None:
    found = mentions_in(scanned("Patient: Ana Ruiz", "MRN: 4711"), LABELS)
    assert [(it.values[0], it.recognised, it.place) for it in found.found] == [
        ("Ana Ruiz", True, "page 1, recognised"),
        ("4711", True, "page 1, recognised"),
    ]
    assert not found.whole


def test_a_number_with_a_doubtful_character_is_not_mentioned() -> None:
    assert not mentions_in(scanned("MRN: 4711", doubtful="4711"), LABELS).numbers
    assert mentions_in(scanned("MRN: 4711 or", doubtful="or"), LABELS).numbers


@pytest.mark.parametrize("number", ["123 456 789", "12 34 56 78", "123 456 789 012", "1 23 45 67 89"])
def test_a_number_in_groups_whose_last_group_is_doubtful_is_not_mentioned(number: str) -> None:
    assert mentions_in(scanned(f"MRN: {number}"), LABELS).numbers
    assert not mentions_in(scanned(f"MRN: {number}", doubtful=number.split()[-1]), LABELS).numbers


# What it costs


@contextmanager
def asked() -> Iterator[Counter[str]]:
    """The requests to the directory."""
    made: Counter[str] = Counter()

    def count(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "patients" in (params.get("TableName"), *params.get("RequestItems", ())):
            made[model.name] += 1

    events = aws.dynamodb().meta.events
    events.register("provide-client-params.dynamodb", count, unique_id="asked")
    try:
        yield made
    finally:
        events.unregister("provide-client-params.dynamodb", unique_id="asked")


def test_a_text_without_labels_asks_nothing_and_a_number_that_the_key_names_no_more(listed: World) -> None:
    def requests(key: str, body: bytes) -> Counter[str]:
        with asked() as made:
            listed.file(key, body)
        return made

    assert requests("a.txt", b"All is well.") == {}
    assert requests("documents/5001/a.txt", b"All is well there.") == {"BatchGetItem": 3}
    own = letter("Juan Perez", "4 March 1950", "5001")
    assert requests("documents/5001/b.txt", own) == {"BatchGetItem": 3}
    # Nobody's: the number, then the birth date and its patients; in the check, all of this, with the ledger's item.
    assert requests("b.txt", letter()) == {"BatchGetItem": 4, "Query": 2}
    # Nothing leads anywhere: the number, its index, two dates and two words, each twice.
    assert requests("c.txt", letter("Nadia Nobody", "01/09/1999", "9999")) == {"BatchGetItem": 2, "Query": 10}


def test_a_long_list_of_patients_is_looked_up_for_nobody(listed: World) -> None:
    with asked() as made:
        listed.file("list.txt", "".join(f"MRN: {number}\n" for number in range(4700, 4720)).encode())
    assert made == {}


@pytest.fixture
def opened(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    world.wire()
    return world


def test_in_open_mode_an_empty_directory_costs_nothing(opened: World) -> None:
    with asked() as made:
        opened.file("a.txt", b"All is well.")
        opened.file("documents/4711/a.txt", letter())
    assert made == {}
    with asked() as made:
        for number in range(3):
            opened.file(f"b{number}.txt", letter())
    assert made == {"DescribeTable": 1}  # which is free


def test_in_open_mode_a_filled_directory_suggests_and_decides_and_contradicts_nothing(opened: World) -> None:
    list_all(opened, *(patient(number, *facts) for number, facts in PEOPLE.items()))
    assert whose(opened.file("documents/5001/a.txt", letter())) == ("5001", None)
    assert whose(opened.file("documents/9999/a.txt", letter())) == ("9999", None)
    with asked() as made:
        result = opened.file("b.txt", letter())
    assert whose(result) == (None, "no-evidence")
    assert suggested(result)[0] == ("4711", ["identifier", "name", "birth-date"])
    # Suggestions decide nothing, so the check does not read them again.
    assert made == {"DescribeTable": 1, "BatchGetItem": 2, "Query": 1}


def test_suggestions_are_in_the_catalog_by_id_on_the_page_and_in_words(listed: World) -> None:
    listed.file("letter.txt", letter("Juan Pérez", "", "9999"))
    (item,) = [it for it in listed.catalog() if "landing_key" in it]
    assert Entry.of_item(item).suggested == ("5001", "5002")
    page = listed.body("processed/unknown_letter/result.html").decode()
    assert "The text suggests “5001” (name, text)." in page
    assert "The text says “9999”, which the patient directory does not list (text)." in page
    assert described(
        {"patient_id": "4711", "supported_by": ["identifier", "birth-date-in-text", "new-factor"]}
    ) == ("4711: number, birth date, new factor")


def test_what_was_recognised_contradicts_as_text_does_and_says_that_it_is_a_picture() -> None:
    people = [
        Person(number, *_named(name), date.fromisoformat(born)) for number, (name, born) in PEOPLE.items()
    ]
    record = scanned("Patient: Ana Ruiz Soto", "DOB: 11 Feb 1984", "MRN: 4711")
    found = as_decided(people, Mode.DECIDE, "documents/5001/scan.pdf", {}, record)
    assert found.patient.reason == "conflict"
    assert [it.value for it in found.evidence if it.source == "picture"] == ["4711"]
    nobodys = as_decided(people, Mode.DECIDE, "scan.pdf", {}, record)
    assert nobodys.patient.id is None
    assert [it.patient_id for it in nobodys.suggestions] == ["4711"]


def _named(name: str) -> tuple[str, tuple[str, ...]]:
    given, *family = name.split()
    return given, tuple(family)


def test_show_says_whose_it_may_be() -> None:
    out = Console(file=StringIO(), width=120)
    suggestion = {"patient_id": "4711", "supported_by": ["identifier", "name"]}
    classification = {
        "kind": "document",
        "rule": "loose-file",
        "patient": {"status": "unknown", "reason": "no-evidence"},
        "suggestions": [suggestion],
    }
    story = {
        **dict.fromkeys(("failure", "source", "location", "console")),
        **{"name": "e1", "status": "SUCCEEDED", "disposition": "cataloged", "redrives": 0, "path": []},
        **{"started": "2026-11-20T10:00:00+00:00", "seconds": 1.0, "classification": classification},
    }
    print_story(out, story)
    assert re.search(r"May be +4711: number, name *\n", out.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("supported_by", "much"),
    [
        (["identifier"], True),
        (["name", "birth-date"], True),
        (["similar-name", "birth-date-in-text"], True),
        (["name-in-text", "birth-date"], True),
        (["name"], False),
        (["birth-date"], False),
        (["near-identifier", "birth-date"], False),
        (["near-identifier", "name"], False),
        ([], False),
    ],
)
def test_an_id_or_a_name_with_a_birth_date_says_much_of_whom_a_document_is_about(
    supported_by: list[str], much: bool
) -> None:
    assert says_much(supported_by) is much


def test_what_the_schema_of_an_event_has_no_room_for_is_no_suggestion() -> None:
    def suggested(number: str) -> tuple[str, ...]:
        supported = Supported(
            number, {Factor.IDENTIFIER: "text"}, frozenset(), frozenset(), EvidenceSource.TEXT
        )
        return tuple(it.patient_id for it in _suggestions([supported]))

    assert suggested("P" * 256) == ("P" * 256,)
    assert suggested("P" * 257) == ()
