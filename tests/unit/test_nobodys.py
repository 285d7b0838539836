"""What a person decided to be no patient's, and decisions that are taken back, in the order of the machine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.filed import Filed
from carefile.core.deciding.classification import classify
from carefile.core.errors import AssignmentConflict, LeftBehind, RejectedAssignment
from carefile.core.messages import intake_request
from carefile.core.messages.events import iso_8601
from carefile.core.model import Source
from carefile.core.records.session_entries import (
    Change,
    Facts,
    Place,
    Seen,
    SessionEntry,
    SessionSummary,
    entry_at,
)
from lambdas.adapters.contracts import rules
from tests.unit.test_assigning import assign, listed, plan, reassign, verify
from tests.unit.test_recovery import assert_same
from tests.unit.world import LANDING, Json, World, cataloged, prefix_of, submitted_event, types

T1, T2, T3 = (f"2026-11-20T12:0{minute}:00.000Z" for minute in (1, 2, 3))
REY = {"decided_by": "Dr. Rey", "reason": "an advertisement"}
PLACE = Place("processed", "processed/unknown_medical_notes/session_7/")
KEYS = [f"sessions/session_7/m/{number}.json" for number in range(3)]
UNKNOWN, ANAS = "processed/unknown_medical_notes/session_7/", "processed/Ana_7_medical_notes/session_7/"


def decide(world: World, asked: Json, at: str = T1, name: str = "d") -> Json:
    """The whole machine, with every move."""
    decided = assign(asked, started=at)
    for number, item in enumerate(listed(decided)):
        world.run(item, f"{name}{at[14:16]}-{number}")
    assert verify(decided) == {"left": 0}
    return decided


def nobody(**named: Any) -> Json:
    return {"decision": "nobody", **named} | REY


def take_back(**named: Any) -> Json:
    return {"decision": "take-back", **named} | REY


def manifest_decision(world: World, folder: str) -> Json | None:
    return world.json(f"{folder}_manifest.json")["classification"].get("decision")


def entry(connection: Connection, key: str) -> Any:
    return Entries(connection).get(Source(LANDING, key).source_id)


def test_an_unknown_document_that_is_nobodys_stays_where_it_is_and_says_who_decided_so(world: World) -> None:
    before = cataloged(world.file("flyer.txt"))
    decide(world, nobody(key="flyer.txt"))
    (told,) = [manifest_decision(world, "processed/unknown_flyer/")]
    assert told == {"type": "nobody", "decided_at": T1} | REY
    again = cataloged(world.run({"bucket": LANDING, "key": "flyer.txt"}, "again"))
    assert (again["decision"], again["disposition"]) == (told, "duplicate")
    assert again["revision"] > before["revision"]
    assert again["patient"] == {"status": "unknown", "reason": "no-evidence"}


def test_a_patients_document_becomes_nobodys_only_where_the_patient_is_named(world: World) -> None:
    key = "documents/Ana_7/flyer.txt"
    world.file(key)
    with pytest.raises(AssignmentConflict, match=r"^filed-otherwise: "):
        assign(nobody(key=key))
    decide(world, nobody(key=key) | {"from": "Ana_7"})
    assert world.filed("processed/Ana_7_flyer/") == ["processed/Ana_7_flyer/_manifest.json"]
    assert len(world.filed("processed/unknown_flyer/")) == 4


def test_it_stays_nobodys_when_the_same_bytes_are_sent_again_and_other_bytes_are_judged_anew(
    world: World,
) -> None:
    key = "documents/Ana_7/flyer.txt"
    world.file(key, b"an advertisement")
    decide(world, nobody(key=key) | {"from": "Ana_7"})
    assert prefix_of(world.file(key, b"an advertisement", name="same")) == "processed/unknown_flyer/"
    assert prefix_of(world.file(key, b"a finding", name="other")) == "processed/Ana_7_flyer/"


def test_what_is_taken_back_goes_where_the_evidence_says(world: World) -> None:
    key = "documents/Ana_7/x.txt"
    world.file(key)
    decide(world, {"key": key, "patient_id": "Ben_8", "from": "Ana_7"})
    assert len(world.filed("processed/Ben_8_x/")) == 4
    decided = decide(world, take_back(key=key), T2)
    assert "to" not in decided
    assert world.filed("processed/Ben_8_x/") == ["processed/Ben_8_x/_manifest.json"]
    assert manifest_decision(world, "processed/Ana_7_x/") == {"type": "take-back", "decided_at": T2} | REY


def test_a_hint_that_a_person_overruled_holds_again_once_that_is_taken_back(world: World) -> None:
    world.upload("x.txt")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7", "document_name": "lab"}))
    decide(world, {"key": "x.txt", "patient_id": "Ben_8", "from": "Ana_7"}, T2)
    decide(world, nobody(key="x.txt") | {"from": "Ben_8"}, T3)
    decide(world, take_back(key="x.txt"), "2026-11-20T12:04:00.000Z")
    assert len(world.filed("processed/Ana_7_lab/")) == 4


def test_nothing_is_taken_back_that_nobody_decided_nor_twice(world: World) -> None:
    world.file("x.txt")
    with pytest.raises(RejectedAssignment, match=r"^nothing-decided: "):
        assign(take_back(key="x.txt"))
    decide(world, nobody(key="x.txt"))
    decide(world, take_back(key="x.txt"), T2)
    assert assign(take_back(key="x.txt"), started=T3)["nothing_to_move"]
    with pytest.raises(RejectedAssignment, match=r"^nothing-decided: "):
        assign(take_back(key="x.txt") | {"reason": "again"}, started=T3)


def test_the_same_decision_again_is_none_and_another_reason_is_one(world: World) -> None:
    world.file("x.txt")
    decide(world, nobody(key="x.txt"))
    assert assign(nobody(key="x.txt"), started=T2)["nothing_to_move"]
    assert manifest_decision(world, "processed/unknown_x/") == {"type": "nobody", "decided_at": T1} | REY
    other = nobody(key="x.txt") | {"reason": "a form"}
    assert not plan(other)["nothing_to_move"]
    decide(world, other, T3)
    assert (manifest_decision(world, "processed/unknown_x/") or {})["reason"] == "a form"


def test_what_a_document_does_not_show_yet_is_left_behind(world: World) -> None:
    world.file("x.txt")
    decided = assign(nobody(key="x.txt"))
    with pytest.raises(LeftBehind, match=r"^left-behind: 1 objects"):
        verify(decided)


def test_an_older_decision_that_arrives_late_is_refused(world: World) -> None:
    world.file("x.txt")
    decide(world, nobody(key="x.txt"), T2)
    with pytest.raises(AssignmentConflict, match=r"^decided-otherwise: "):
        assign({"key": "x.txt", "patient_id": "Ana_7"}, started=T1)


def test_a_clock_that_is_ahead_does_not_put_a_decision_before_later_ones(world: World) -> None:
    world.file("x.txt")
    assign(nobody(key="x.txt") | {"decided_at": "2031-01-01T00:00:00Z"}, started=T1)
    decide(world, {"key": "x.txt", "patient_id": "Ana_7"}, T2)
    assert len(world.filed("processed/Ana_7_x/")) == 4


def test_a_decision_on_another_version_than_was_looked_at_is_refused(world: World) -> None:
    version = world.upload("x.txt", b"one")
    world.run({"bucket": LANDING, "key": "x.txt"})
    seen = {"folder": "processed/unknown_x/", "version": version}
    around = {"source": "carefile.intake", "detail-type": "Patient Identified", "detail": nobody(key="x.txt")}
    assert not assign(around | {"seen": seen})["nothing_to_move"]
    world.file("x.txt", b"two", name="e2")
    with pytest.raises(AssignmentConflict, match=r"^changed-since: "):
        assign(around | {"seen": seen}, started=T2)


@pytest.mark.parametrize("named", [{"key": "x.txt"}, {"prefix": "processed/unknown_x/"}])
def test_a_decision_that_was_sent_before_the_document_was_uploaded_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, named: Json
) -> None:
    """It was about an earlier upload of that key, and comes again from an archive."""
    monkeypatch.setattr(intake_request, "_CLOCKS", timedelta(minutes=1))
    world.file("x.txt")
    uploaded = world.s3.head_object(Bucket=LANDING, Key="x.txt")["LastModified"]
    event = {"source": "carefile.intake", "detail-type": "Patient Identified"}
    event |= {"detail": {**named, "patient_id": "Ana_7"}, "time": iso_8601(uploaded - timedelta(hours=1))}
    started = iso_8601(uploaded + timedelta(days=1))
    with pytest.raises(AssignmentConflict, match=r"^changed-since: "):
        assign(event, started=started)
    again = event | {"time": iso_8601(uploaded)}
    assert assign(again, started=started)["to"] == "processed/Ana_7_x/"
    assert not assign(again, started=started)["nothing_to_move"]


def test_a_session_that_is_nobodys_keeps_its_later_objects_whatever_they_say(world: World) -> None:
    for number, key in enumerate(KEYS):
        world.file(key, b"x", name=f"e{number}")
    decide(world, nobody(key=KEYS[0]))
    later = world.file("sessions/session_7/m/9.json", b"x", name="l", Metadata={"patient-id": "Ana_7"})
    assert prefix_of(later) == UNKNOWN
    assert cataloged(later)["decision"] == {"type": "nobody", "decided_at": T1} | REY
    assert assign(nobody(key=KEYS[0]), started=T2)["nothing_to_move"]


def test_a_session_that_was_a_patients_is_taken_back_whole(world: World) -> None:
    for number, key in enumerate(KEYS):
        world.file(key, b"x", name=f"e{number}")
    reassign(world, {"session_id": "7", "patient_id": "Ana_7"})
    decided = assign(take_back(key=KEYS[0]), started=T2)
    assert decided["from"] == ["Ana_7"]
    world.run(listed(decided)[0], "first")
    with pytest.raises(LeftBehind, match=r"^left-behind: 2 objects"):
        verify(decided)
    assert not assign(take_back(key=KEYS[0]), started=T2)["nothing_to_move"]
    for number, item in enumerate(listed(decided)):
        world.run(item, f"t{number}")
    assert verify(decided) == {"left": 0}
    assert (len(world.filed(UNKNOWN)), len(world.filed(ANAS))) == (4, 1)
    assert prefix_of(world.file("sessions/session_7/m/9.json", b"x", name="l")) == UNKNOWN


def test_an_assignment_that_comes_again_does_not_undo_its_being_taken_back(world: World) -> None:
    world.file(KEYS[0], b"x")
    anas = {"key": KEYS[0], "patient_id": "Ana_7"}
    decide(world, anas, T1)
    decide(world, take_back(key=KEYS[0]), T2)
    with pytest.raises(AssignmentConflict, match=r"^assigned-otherwise: "):
        assign(anas, started=T1)
    decide(world, anas, T3)
    assert len(world.filed(ANAS)) == 2


def test_an_assignment_carries_who_and_why_into_event_manifest_and_ledger(world: World) -> None:
    world.file("x.txt")
    decided = assign({"key": "x.txt", "patient_id": "Ana_7"} | REY, started=T1)
    (moved,) = [world.run(item, "m") for item in listed(decided)]
    told = {"type": "assign", "decided_at": T1} | REY
    assert types(moved) == ["Object Cataloged", "Object Retired"]
    assert cataloged(moved)["decision"] == told
    assert manifest_decision(world, "processed/Ana_7_x/") == told


def test_a_hint_says_who_gave_it_or_the_system(world: World) -> None:
    world.upload("x.txt")
    hinted = world.run(
        submitted_event("x.txt", {"patient_id": "Ana_7", "decided_by": "Dr. Rey", "reason": "told"})
    )
    assert cataloged(hinted)["decision"]["decided_by"] == "Dr. Rey"
    world.upload("y.txt")
    hinted = world.run(submitted_event("y.txt", {"patient_id": "Ana_7"}), "e2")
    decision = cataloged(hinted)["decision"]
    assert (decision["type"], decision["decided_by"]) == ("hint", "system:carefile.intake")


def keys_of(found: Any) -> list[str]:
    return [getattr(one, "landing_key", "") or one.session_id for one in found]


def test_what_is_nobodys_or_assigned_waits_for_nobody_and_is_still_listed_as_unknown(
    world: World, connection: Connection
) -> None:
    entries = Entries(connection)
    for number, key in enumerate(("a.txt", "b.txt", "c.txt")):
        world.file(key, name=f"e{number}")
    assert sorted(keys_of(entries.waiting())) == ["a.txt", "b.txt", "c.txt"]
    decide(world, nobody(key="a.txt"), name="a")
    decide(world, {"key": "b.txt", "patient_id": "Ana_7"}, name="b")
    (waiting,) = entries.waiting()
    assert (waiting.reason, waiting.waits) == ("no-evidence", True)
    assert keys_of(entries.nobodys()) == ["a.txt"]
    assert sorted(keys_of(entries.of_patient(None))) == ["a.txt", "c.txt"]
    found = entry(connection, "a.txt")
    assert (found.is_nobodys, found.waits, found.decision.decided_by) == (True, False, "Dr. Rey")
    decide(world, take_back(key="a.txt"), T2)
    assert sorted(keys_of(entries.waiting())) == ["a.txt", "c.txt"]


def test_the_catalog_can_be_made_again_with_what_was_decided(world: World) -> None:
    world.file("a.txt")
    for number, key in enumerate(KEYS):
        world.file(key, b"x", name=f"e{number}")
    decide(world, nobody(key="a.txt"))
    decide(world, nobody(key=KEYS[0]))
    assert_same(world)
    assert {item["patient_ref_key"]["S"][:-2] for item in world.catalog()} == {"NOBODYS#"}


def test_a_session_waits_until_all_of_it_shows_that_it_is_nobodys() -> None:
    def change(number: int, revision: int, nobodys: bool) -> Change:
        facts = Facts(1, number, number, is_nobodys=nobodys)
        return Change(PLACE, f"{number:032x}", Seen(revision, facts))

    entry = SessionEntry(PLACE, None, {}).merged([change(1, 1, False), change(2, 1, False)])
    item = entry.to_item() or {}
    assert item["patient_ref_key"]["S"].startswith("UNKNOWN#")
    entry = entry_at(PLACE, item).merged([change(1, 2, True)])
    assert (entry.to_item() or {})["patient_ref_key"]["S"].startswith("UNKNOWN#")
    item = entry.merged([change(2, 2, True)]).to_item() or {}
    summary = SessionSummary.of_item(item)
    assert summary is not None
    assert (summary.is_nobodys, summary.waits, summary.patient) == (True, False, None)
    assert entry_at(PLACE, item).is_nobodys


def test_the_page_says_who_decided_when_and_why(world: World) -> None:
    world.file("x.txt")
    decide(world, nobody(key="x.txt") | {"reason": "an <advertisement>"})
    page = world.body("processed/unknown_x/result.html").decode()
    assert "Dr. Rey decided that it is no patient&#39;s, 20 November 2026, 12:01 UTC: an &lt;adver" in page
    assert "Neither folder, metadata" not in page
    decide(world, {"key": "x.txt", "patient_id": "Ana_7"} | REY, T2)
    assert "Dr. Rey assigned it to this patient" in world.body("processed/Ana_7_x/result.html").decode()


def test_a_session_that_is_nobodys_is_predicted_to_stay_whatever_the_rules_say_and_after_taking_back_not(
    world: World, connection: Connection
) -> None:
    key = "sessions/Ana_7/session_7/m/0.json"
    world.file(key, b"x")
    decide(world, nobody(key=key) | {"from": "Ana_7"})
    found = classify(key, (), rules())
    filed, source = Filed(connection), Source(LANDING, key)
    assert filed.stays(found, source, entry(connection, key))
    decide(world, take_back(key=key), T2)
    assert not filed._is_decided(found, source)
