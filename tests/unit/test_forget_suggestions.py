"""A forgotten patient is not left in what the records of other people's unknown documents suggest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from carefile.cli.again import refiling
from carefile.cli.aws.directory import Patients
from carefile.core.model import Source
from carefile.core.patients.entries import PersonName, Statement
from lambdas import assign_patient
from lambdas.intake import wiring
from lambdas.intake.filing import Filing
from tests.unit.histories import ANA, BEN, History, Step, history
from tests.unit.remains import left_of
from tests.unit.world import LANDING, created_event

KEY = "letters/a.txt"
NAMED = b"Patient: Benedikt Ocho\n\nAll is well."
BORN = b"Patient: Benedikt Ocho\nDOB: 1971-03-05\n\nAll is well."


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    with history(listed=True) as told:
        patients = Patients(told.connection)
        for patient, name in ((ANA, "Ana Ruiz"), (BEN, "Benedikt Ocho")):
            said = Statement((PersonName(name),), "1971-03-05")
            patients.state(patient, "ehr", said, patients.get(patient))

        def start(_: object, source: Source) -> None:
            told.run({"bucket": source.bucket, "key": source.key})

        monkeypatch.setattr(refiling, "start_intake", start)
        yield told


def upload(told: History, body: bytes) -> None:
    told.send(created_event(KEY, told.put(KEY, body)), Step("upload"))


def suggested(told: History) -> bool:
    return any(BEN in repr(item.get("suggested")) for item in told.world.catalog())


def test_who_is_only_suggested_is_suggested_no_more(told: History) -> None:
    upload(told, NAMED)
    assert suggested(told)
    assert left_of(BEN, told)
    assert told.traces(BEN).suggested == {Source(LANDING, KEY)}
    assert told.forget(BEN)
    assert not left_of(BEN, told)
    told.replay()
    told.backfill()
    assert not left_of(BEN, told)
    assert told.world.body("processed/unknown_a/original.txt") == NAMED


def nobody_takes_it_in() -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(refiling, "start_intake", lambda *_: None)


def record_stays() -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(Filing, "_is_up_to_date", lambda *_: True)


@pytest.mark.parametrize("broken", [nobody_takes_it_in(), record_stays()])
def test_no_success_is_reported_while_a_record_suggests_the_patient(
    told: History, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    upload(told, NAMED)
    broken(monkeypatch)
    assert not told.forget(BEN)
    assert left_of(BEN, told)


def test_what_may_well_be_about_the_patient_is_for_a_person_to_decide_and_then_names_nobody(
    told: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(told, BORN)
    assert not told.forget(BEN)
    found = told.traces(BEN)
    assert not found.suggested
    assert found.undecided[Source(LANDING, KEY)].startswith("names the patient in its text")
    monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
    assign_patient.handler({"input": {"key": KEY, "decision": "nobody", "decided_by": "Dr. Rey"}}, None)
    told.run({"bucket": LANDING, "key": KEY})
    assert told.forget(BEN)
    assert not left_of(BEN, told)


def test_a_document_whose_upload_is_gone_is_for_a_person_to_decide(told: History) -> None:
    upload(told, NAMED)
    for version in told.versions(KEY):
        told.world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
    assert Source(LANDING, KEY) in told.traces(BEN).undecided
