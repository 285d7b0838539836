"""What is stored stays readable: the functions write what the golden files hold, and read it, and what the previous
release wrote, as it was meant. A renamed attribute is an upgrade, and these files say so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from carefile.core.filing.stamps import ROLE, metadata_of, stamp_in
from carefile.core.filing.tagging import PipelineStatus, adopted_revision
from carefile.core.messages.events import owner_in
from carefile.core.model import Hints, Source
from carefile.core.records.catalog import Entry, patient_ref_key
from carefile.core.records.ledger import assignment_in, entry_in, version_key
from carefile.core.records.session_entries import Place, SessionSummary, entry_at, is_session_key
from lambdas.adapters.ledger import Ledger
from tests.golden import storing
from tests.golden.pairs import HERE
from tests.golden.storing import DIGEST, DOCUMENT, FIRST, NOON, SECOND, Json, as_json, item_of, plain

PREVIOUS = json.loads((HERE.parent / "unit" / "previous" / "stage.json").read_bytes())
MADE: dict[str, Callable[[], Any]] = {
    "ledger": storing.ledger_items,
    "catalog": storing.catalog_items,
    "sessions": storing.session_items,
    "objects": storing.put_objects,
}


def stored(name: str) -> Any:
    return json.loads(Path(HERE / "stored" / f"{name}.json").read_bytes())


@pytest.fixture(autouse=True)
def _aws_in_process() -> Iterator[None]:
    with mock_aws():
        yield


def laid_open(found: Any) -> Any:
    return {name: storing.inflated(one) if isinstance(one, dict) else one for name, one in found.items()}


@pytest.mark.parametrize("name", MADE)
def test_what_is_stored_is_what_its_golden_file_says(name: str) -> None:
    assert laid_open(json.loads(json.dumps(MADE[name]()))) == laid_open(stored(name))


# Reading what is stored today


def test_a_key_s_item_says_its_places_its_version_and_what_was_decided() -> None:
    entry = entry_in(stored("ledger")[DOCUMENT.source_id])
    assert as_json(entry) == {
        "destinations": ["processed/Ana_7_lab/", "processed/Ben_8_lab/"],
        "revision": 2,
        "version": SECOND,
        "version_id": SECOND,
        "hints": as_json(entry.hints),
        "assignment": None,
        "moments": dict.fromkeys(entry.hints, NOON),
        "taken_out": {},
    }
    assert entry.hints_for(FIRST, DIGEST) == entry.hints_for(SECOND)
    assert entry.hints_for(FIRST, DIGEST.replace("0", "1")) is None
    assert as_json(entry.hints_for(SECOND)) == {
        "kind": "document",
        "patient_id": "Ben_8",
        "document_name": "lab",
        "session_id": "session_1",
        "decision": None,
        "hinted": None,
    }
    assert entry.hints_for(FIRST) is None
    (assigned,) = filter(None, map(assignment_in, stored("ledger").values()))
    assert as_json(assigned) == {"patient_id": "Ben_8", "replaced": ["Ana_7"], "decision": None}


def test_stored_items_hold_off_a_late_decision_and_say_status_and_verdict() -> None:
    dynamodb = storing.tables()
    for item in stored("ledger").values():
        dynamodb.put_item(TableName="ledger", Item=item)
    ledger, unversioned = Ledger(dynamodb, "ledger"), Source("landing", "unversioned")
    ledger.decide(DOCUMENT, SECOND, Hints(patient_id="Late"), "2026-11-20T11:59:59.999Z")
    decided = ledger.read(DOCUMENT).hints_for(SECOND)
    assert decided is not None
    assert decided.patient_id == "Ben_8"
    noted = [ledger.noted_status(DOCUMENT, version) for version in (FIRST, SECOND)]
    assert noted == ["cataloged", "superseded"]
    assert as_json(ledger.verdicts(unversioned, (FIRST, SECOND))) == {
        FIRST: "NO_THREATS_FOUND",
        SECOND: "THREATS_FOUND",
    }


def test_a_catalog_item_says_what_its_event_said() -> None:
    found = {name: Entry.of_item(item) for name, item in stored("catalog").items()}
    assert found == storing.entries()


@pytest.mark.parametrize("name", storing.SESSIONS)
def test_a_session_s_item_is_read_and_written_again_as_it_was(name: str) -> None:
    item = item_of(stored("sessions")[name])
    place = Place("processed-bucket", f"processed/Ana_7_medical_notes/session_{name}/")
    assert place.key == item["source_id"]["S"]
    again = entry_at(place, item).to_item()
    assert storing.inflated(plain(again)) == storing.inflated(plain(item))
    summary = SessionSummary.of_item(item)
    if name == "left":
        assert summary is None
        return
    assert summary is not None
    known = name == "known"
    assert (summary.patient, summary.reason) == (("Ana_7", None) if known else (None, "conflict"))
    assert (summary.objects, summary.messages, summary.snapshots, summary.size) == (4, 1, 1, 60)
    assert summary.agents == ("guide", "scribe")


def test_a_stored_object_s_stamp_says_whose_it_is_and_its_manifest_who_owns_the_folder() -> None:
    for name, objects in stored("objects").items():
        claimed, *filed = objects
        owner = owner_in(claimed["Body"])
        if name == "adopted":
            (marked,) = [one["Tagging"] for one in objects if "Key" not in one]
            assert adopted_revision(marked, FIRST) == 3
            assert adopted_revision(marked, SECOND) is None
            continue
        for one in filed:
            stamp = stamp_in(one["Metadata"])
            assert stamp is not None
            assert (stamp.revision, stamp.execution) == (3, "e1")
            assert bool(stamp.modified) is (one["Metadata"][ROLE] == "session")
            assert bool(stamp.key) is (name == "long key")
            assert one["Tagging"]["ward"] == "7"
        assert {owner_in(one["Body"]) for one in filed if one["Key"].endswith("/_manifest.json")} <= {owner}


# Reading what the previous release stored


def test_the_previous_release_s_ledger_is_read_as_it_was_written() -> None:
    for item in PREVIOUS["ledger"]:
        entry = entry_in(item)
        assert sorted(entry.destinations) == item["destinations"]["SS"]
        assert (entry.revision, entry.version) == (int(item["revision"]["N"]), item["version"]["S"])
        assert entry.version_id == item["version_id"]["S"]


def test_what_an_earlier_release_noted_of_a_contended_tag_is_no_status_and_gives_way_to_one() -> None:
    dynamodb = storing.tables()
    item = {"source_id": {"S": version_key(DOCUMENT.source_id, FIRST)}, "status": {"S": "contended"}}
    dynamodb.put_item(TableName="ledger", Item=item)
    ledger = Ledger(dynamodb, "ledger")
    assert ledger.noted_status(DOCUMENT, FIRST) is None
    assert ledger.note_status(DOCUMENT, FIRST, PipelineStatus.WITHDRAWN) == "withdrawn"
    assert ledger.noted_status(DOCUMENT, FIRST) == "withdrawn"


def test_the_previous_release_s_catalog_is_read_as_it_was_written() -> None:
    sessions = 0
    for found in PREVIOUS["catalog"]:
        item = item_of(found)
        if is_session_key(item["source_id"]["S"]):
            sessions += 1
            again = entry_at(Place(item["bucket"]["S"], item["prefix"]["S"]), item).to_item()
            assert storing.inflated(plain(again)) == storing.inflated(in_its_partition(found))
        else:
            assert Entry.of_item(item).to_item() == in_its_partition(item)
    assert sessions == 9


def in_its_partition(item: Json) -> Json:
    """The item as it is written today: what waited in one partition of the index goes to one of many."""
    if item.get("patient_ref_key") != {"S": "UNKNOWN"}:
        return item
    return item | {"patient_ref_key": {"S": patient_ref_key(None, item["source_id"]["S"])}}


def test_the_previous_release_s_stamps_are_read_as_they_were_written() -> None:
    stamped = 0
    for one in PREVIOUS["processed"]:
        metadata: Json = {name: value for name, value in one["metadata"].items() if "carefile-" in name}
        if stamp := stamp_in(metadata):
            stamped += 1
            assert metadata_of(stamp, metadata[ROLE]) == metadata | {"carefile-layout": "1"}
    assert stamped == 44
