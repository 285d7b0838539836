"""A hint is a decision about one version, by a person or an upstream system."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from carefile.core.errors import RejectedObject
from carefile.core.messages import intake_request
from carefile.core.messages.events import iso_8601
from carefile.core.messages.intake_request import decided_at
from carefile.core.model import Observation
from lambdas.intake.admission import Admission
from tests.unit.world import LANDING, Json, World, created_event, prefix_of, submitted_event, types

KEY = "documents/Juan_Perez_123/lab.txt"


def test_a_hint_decides_kind_patient_and_name(world: World) -> None:
    world.upload("x.txt")
    hints = {"kind": "document", "patient_id": "Ana_7", "document_name": "Blood count"}
    assert prefix_of(world.run(submitted_event("x.txt", hints))) == "processed/Ana_7_Blood_count/"


def test_a_hint_may_be_typed_in_the_console(world: World) -> None:
    world.upload("x.txt")
    typed = {"bucket": LANDING, "key": "x.txt", "hints": {"patient_id": "Ana_7"}}
    assert prefix_of(world.run(typed)) == "processed/Ana_7_x/"


def test_a_hint_can_make_a_session_of_a_document(world: World) -> None:
    world.upload("talk.json", b"{}")
    hints = {"kind": "session", "patient_id": "Ana_7", "session_id": "20241028"}
    assert prefix_of(world.run(submitted_event("talk.json", hints))) == (
        "processed/Ana_7_medical_notes/session_20241028/"
    )


def test_a_hint_for_a_version_holds_when_its_upload_event_comes_again(world: World) -> None:
    version = world.upload("x.txt")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}))
    again = world.run(created_event("x.txt", version), "e2")
    assert again["disposition"] == "duplicate"
    assert prefix_of(again) == "processed/Ana_7_x/"


def test_a_hint_says_nothing_about_a_later_version(world: World) -> None:
    world.upload("x.txt")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}))
    assert prefix_of(world.file("x.txt", b"new", name="e2")) == "processed/unknown_x/"


def test_a_late_hint_for_an_old_version_leaves_the_hint_for_the_new_one_alone(world: World) -> None:
    old = world.upload("x.txt", b"one")
    new = world.upload("x.txt", b"two")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}, version_id=new))
    late = world.run(submitted_event("x.txt", {"patient_id": "Ben_8"}, version_id=old), "e2")
    assert late["disposition"] == "superseded"
    assert prefix_of(late) == "processed/Ana_7_x/"
    assert world.filed("processed/Ben") == world.filed("processed/unknown") == []


@pytest.mark.parametrize(
    "is_event", [True, False], ids=["event that comes again", "execution that is re-driven"]
)
def test_a_hint_without_a_version_says_nothing_about_what_was_uploaded_since(
    world: World, is_event: bool
) -> None:
    """It may be another patient's, and nobody has decided about it."""
    sent = submitted_event("x.txt", {"patient_id": "Ana_7"}) | {"id": "0f3", "time": "2026-11-20T10:00:00Z"}
    asked = sent if is_event else sent["detail"]

    def run(data: Json, name: str, started: str = "2026-11-20T10:00:00.123Z") -> str:
        return prefix_of(world.normalise(world.classify(data, name, started), name))

    world.upload("x.txt", b"Ana's")
    assert run(asked, "e1") == "processed/Ana_7_x/"
    world.file("x.txt", b"Ben's", name="e2")
    assert run(asked, "e1") == "processed/unknown_x/"
    later = asked | {"id": "0f4"} if is_event else asked
    assert run(later, "e3", "2026-11-20T10:00:00.456Z") == "processed/Ana_7_x/"


@pytest.mark.parametrize("there", ["nothing yet", "an empty upload", "a deletion"])
def test_a_hint_that_finds_nothing_to_decide_about_says_nothing_about_the_next_upload(
    world: World, there: str
) -> None:
    """Another attempt of the function that took it may find that one."""
    if there != "nothing yet":
        world.upload("x.txt", b"" if there == "an empty upload" else b"Ana's")
    if there == "a deletion":
        world.delete("x.txt")
    event = submitted_event("x.txt", {"patient_id": "Ana_7"}) | {"id": "0f3", "time": "2026-11-20T10:00:00Z"}
    with nullcontext() if there == "a deletion" else pytest.raises(RejectedObject):
        world.classify(event, "e1", "2026-11-20T10:00:00.123Z")
    assert prefix_of(world.file("x.txt", b"Ben's", name="u")) == "processed/unknown_x/"
    with pytest.raises(RejectedObject, match=r"^changed-since: "):
        world.classify(event, "e1", "2026-11-20T10:00:00.123Z")
    assert prefix_of(world.run({"bucket": LANDING, "key": "x.txt"}, "again")) == "processed/unknown_x/"
    later = submitted_event("x.txt", {"patient_id": "Ben_8"})
    assert prefix_of(world.run(later, "e2")) == "processed/Ben_8_x/"


def test_a_hint_that_finds_nothing_is_carried_out_if_another_attempt_found_something(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.upload("x.txt", b"")
    event = submitted_event("x.txt", {"patient_id": "Ana_7"}) | {"id": "0f3", "time": "2026-11-20T10:00:00Z"}
    meant = Admission._meant

    def slowly(admission: Admission, observed: Observation) -> Observation | None:
        if observed.version == version:
            world.upload("x.txt", b"Ana's")
            world.classify(event, "e1", "2026-11-20T10:00:00.123Z")
        return meant(admission, observed)

    monkeypatch.setattr(Admission, "_meant", slowly)
    found = world.classify(event, "e1", "2026-11-20T10:00:00.123Z")
    assert prefix_of(world.normalise(found, "e1")) == "processed/Ana_7_x/"


@pytest.mark.parametrize("before", [30, 90])
def test_a_hint_without_a_version_is_refused_where_the_upload_came_a_minute_after_it_was_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """It comes from an archive, or its sender's clock is a little late."""
    monkeypatch.setattr(intake_request, "_CLOCKS", timedelta(minutes=1))
    version = world.upload("x.txt")
    uploaded = world.s3.head_object(Bucket=LANDING, Key="x.txt")["LastModified"]
    sent = iso_8601(uploaded - timedelta(seconds=before))
    event = submitted_event("x.txt", {"patient_id": "Ana_7"}) | {"id": "0f3", "time": sent}
    started = iso_8601(uploaded + timedelta(days=1))
    with nullcontext() if before < 60 else pytest.raises(RejectedObject, match=r"^changed-since: "):
        found = world.classify(event, "e1", started)
        assert prefix_of(world.normalise(found, "e1")) == "processed/Ana_7_x/"
    named = event | {"detail": event["detail"] | {"version_id": version}}
    assert prefix_of(world.normalise(world.classify(named, "e2", started), "e2")) == "processed/Ana_7_x/"


def test_a_hint_that_comes_again_after_the_next_upload_succeeds_as_it_was_carried_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_request, "_CLOCKS", timedelta(minutes=1))
    world.upload("x.txt", b"Ana's")
    uploaded = world.s3.head_object(Bucket=LANDING, Key="x.txt")["LastModified"]
    event = submitted_event("x.txt", {"patient_id": "Ana_7"}) | {"id": "0f3", "time": iso_8601(uploaded)}
    first = world.classify(event, "e1", iso_8601(uploaded))
    assert prefix_of(world.normalise(first, "e1")) == "processed/Ana_7_x/"
    monkeypatch.setattr(intake_request, "_CLOCKS", -timedelta(days=1))  # as if the next one came a day later
    world.file("x.txt", b"Ben's", name="e2")
    again = world.classify(event, "e1", iso_8601(uploaded))
    assert prefix_of(world.normalise(again, "e1")) == "processed/unknown_x/"


def test_a_hint_moves_what_was_filed_as_unknown_and_says_so(world: World) -> None:
    world.file("x.txt")
    moved = world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
    assert moved["disposition"] == "cataloged"
    assert types(moved) == ["Object Cataloged", "Object Retired"]
    assert world.filed("processed/unknown_x/") == ["processed/unknown_x/_manifest.json"]
    assert len(world.filed("processed/Ana_7_x/")) == 4


def decided(world: World, patient: str, name: str, time: str, started: str = "2026-11-20T12:00:00Z") -> str:
    """Who the object is filed under after a decision of that time arrived."""
    event = submitted_event("x.txt", {"patient_id": patient}) | {"time": time}
    return prefix_of(world.normalise(world.classify(event, name, started), name))


def test_of_two_decisions_about_one_version_the_later_one_holds_in_any_order(world: World) -> None:
    world.upload("x.txt")
    assert decided(world, "Ana_7", "e1", "2026-11-20T10:00:00Z") == "processed/Ana_7_x/"
    assert decided(world, "Ben_8", "e2", "2026-11-20T11:00:00Z") == "processed/Ben_8_x/"
    assert decided(world, "Ana_7", "e3", "2026-11-20T10:00:00Z") == "processed/Ben_8_x/"


def test_a_typed_decision_is_as_old_as_its_execution(world: World) -> None:
    world.upload("x.txt")
    decided(world, "Ana_7", "e1", "2026-11-20T10:00:00Z")
    typed = {"bucket": LANDING, "key": "x.txt", "hints": {"patient_id": "Ben_8"}}
    world.normalise(world.classify(typed, "e2", "2026-11-20T11:00:00Z"), "e2")
    assert decided(world, "Ana_7", "e3", "2026-11-20T10:00:00Z") == "processed/Ben_8_x/"


def test_a_clock_that_is_ahead_does_not_shut_out_the_decisions_to_come(world: World) -> None:
    world.upload("x.txt")
    decided(world, "Ana_7", "e1", "2099-01-01T00:00:00Z", "2026-11-20T10:00:00Z")
    assert decided(world, "Ben_8", "e2", "2026-11-20T11:00:00Z") == "processed/Ben_8_x/"


@pytest.mark.parametrize(
    "time", ["", "x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20"]
)
def test_a_decision_whose_time_is_odd_is_taken_all_the_same(world: World, time: str) -> None:
    world.upload("x.txt")
    assert decided(world, "Ana_7", "e1", time) == "processed/Ana_7_x/"


def test_an_empty_hint_is_no_decision(world: World) -> None:
    world.upload(KEY)
    assert prefix_of(world.run({"bucket": LANDING, "key": KEY, "hints": {}})) == (
        "processed/Juan_Perez_123_lab/"
    )


def test_a_hint_taken_while_the_object_is_being_filed_is_followed_in_the_same_intake(world: World) -> None:
    version = world.upload("x.txt")
    classified = world.classify(created_event("x.txt", version))
    read, asked = world.intake.filing.landing.tags, []

    def decide_meanwhile(*arguments: object) -> object:
        if not asked:
            asked.append(True)
            world.classify(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
        return read(*arguments)  # type: ignore[arg-type]

    world.monkeypatch.setattr(world.intake.filing.landing, "tags", decide_meanwhile)
    result = world.normalise(classified)
    assert prefix_of(result) == "processed/Ana_7_x/"
    assert types(result) == ["Object Cataloged", "Object Retired"]


def test_a_moment_that_names_no_zone_is_one_of_utc_wherever_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        found = [decided_at({}, f"2026-11-20T{told}") for told in ("12:00:00", "12:00:00Z", "17:30:00+05:30")]
    time.tzset()
    assert found == [noon] * 3
    assert decided_at({}, "no moment") is None
