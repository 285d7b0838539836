"""What ClassifyObject lets in, and the one sentence that it says to what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carefile.core.errors import CarefileError, RejectedEvent, RejectedObject
from tests.unit.world import LANDING, World, created_event, execution_arn, submitted_event

MARK = "Zyxwvut_Patient_Mark"


def refusal(world: World, data: object) -> str:
    """The cause of the refusal; it is one sentence or two, in plain words, and names nobody."""
    with pytest.raises(CarefileError) as caught:
        world.classify(data)
    cause = str(caught.value)
    assert type(caught.value) in (RejectedEvent, RejectedObject)
    assert re.fullmatch(r"[a-z-]+: [^\n]{10,300}", cause), cause
    assert MARK not in cause
    return f"{type(caught.value).__name__} {cause.partition(':')[0]}"


def test_all_three_shapes_of_input_are_accepted(world: World) -> None:
    version = world.upload("x.txt")
    expected = {"bucket": LANDING, "key": "x.txt", "version": version, "version_id": version}
    for data in (
        created_event("x.txt", version),
        submitted_event("x.txt", version_id=version),
        {"bucket": LANDING, "key": "x.txt", "version_id": version},
        {"bucket": LANDING, "key": "x.txt"},
    ):
        assert world.classify(data)["upload"] == expected


def test_the_classification_shows_kind_patient_rule_and_evidence(world: World) -> None:
    world.upload("documents/P/x.txt")
    found = world.classify({"bucket": LANDING, "key": "documents/P/x.txt"})["classification"]
    assert (found["kind"], found["patient"]) == ("document", {"status": "known", "id": "P"})
    assert found["rule"] == "document-of-patient"
    assert {item["source"] for item in found["evidence"]} == {"key"}


@pytest.mark.parametrize("bucket", ["elsewhere", "processed-bucket", "Landing", "landing-2"])
def test_a_bucket_that_is_not_allowed_is_refused_by_name_in_every_shape(world: World, bucket: str) -> None:
    for data in (
        created_event(MARK, bucket=bucket),
        {"bucket": bucket, "key": MARK},
        submitted_event("x") | {"detail": {"bucket": bucket, "key": MARK}},
    ):
        assert refusal(world, data) == "RejectedObject bucket-not-allowed"


def test_what_the_pipeline_wrote_itself_is_refused(world: World) -> None:
    key = f"processed/{MARK}_lab/original.txt"
    world.upload(key)
    assert refusal(world, created_event(key)) == "RejectedObject own-output"


def test_a_folder_marker_is_refused(world: World) -> None:
    world.upload(f"documents/{MARK}/", b"")
    assert refusal(world, created_event(f"documents/{MARK}/")) == "RejectedObject folder-marker"


def test_an_empty_object_is_refused(world: World) -> None:
    key = f"documents/{MARK}/x.txt"
    version = world.upload(key, b"")
    assert refusal(world, created_event(key, version)) == "RejectedObject empty-object"
    assert refusal(world, {"bucket": LANDING, "key": key}) == "RejectedObject empty-object"


def test_a_key_that_is_not_there_is_refused_when_a_person_or_a_system_asks(world: World) -> None:
    for data in ({"bucket": LANDING, "key": MARK}, submitted_event(MARK)):
        assert refusal(world, data) == "RejectedObject object-not-found"


def test_keys_are_never_url_decoded(world: World) -> None:
    world.upload("a b+c%20.txt")
    for other in ("a+b+c%20.txt", "a b c%20.txt", "a b+c .txt", "a%20b+c%20.txt"):
        assert refusal(world, {"bucket": LANDING, "key": other}) == "RejectedObject object-not-found"
    assert world.classify(created_event("a b+c%20.txt"))["upload"]["key"] == "a b+c%20.txt"


def test_a_version_that_never_was_is_refused(world: World) -> None:
    world.upload("x.txt")
    named = {"bucket": LANDING, "key": "x.txt", "version_id": "8f6c9c3e-8f2e-4b0e-9f50-6f6a3b7f0a01"}
    assert refusal(world, named) == "RejectedObject version-not-found"


def test_an_upload_that_is_gone_when_its_event_comes_is_let_in_to_be_withdrawn(world: World) -> None:
    version = world.upload("documents/P/x.txt")
    world.delete("documents/P/x.txt")
    admitted = world.classify(created_event("documents/P/x.txt", version))
    assert admitted["upload"]["version_id"] == version
    assert admitted["classification"]["patient"] == {"status": "known", "id": "P"}


def test_an_empty_version_does_not_keep_out_the_event_of_a_full_one(world: World) -> None:
    full = world.upload("x.txt", b"full")
    world.upload("x.txt", b"")
    assert world.classify(created_event("x.txt", full))["upload"]["version_id"] == full


def test_a_decision_about_another_version_is_not_shown_as_one_about_the_current_one(world: World) -> None:
    first, second = world.upload("documents/P/x.txt", b"1"), world.upload("documents/P/x.txt", b"2")
    for version, patient in ((first, "P"), (second, "Q")):
        told = world.classify(submitted_event("documents/P/x.txt", {"patient_id": "Q"}, version_id=version))
        assert told["classification"]["patient"] == {"status": "known", "id": patient}


def test_the_null_version_is_no_version(world: World) -> None:
    version = world.upload("x.txt")
    for data in (created_event("x.txt", "null"), {"bucket": LANDING, "key": "x.txt", "version_id": "null"}):
        assert world.classify(data)["upload"]["version_id"] == version


MALFORMED: dict[str, Any] = {
    "nothing": {},
    "null": None,
    "text": MARK,
    "list": [MARK],
    "number": 7,
    "no key": {"bucket": LANDING},
    "no bucket": {"key": MARK},
    "empty key": {"bucket": LANDING, "key": ""},
    "key of another type": {"bucket": LANDING, "key": [MARK]},
    "bucket of another type": {"bucket": {MARK: 1}, "key": "x"},
    "unknown member": {"bucket": LANDING, "key": "x", MARK: 1},
    "unknown hint": {"bucket": LANDING, "key": "x", "hints": {MARK: "x"}},
    "unknown kind": {"bucket": LANDING, "key": "x", "hints": {"kind": MARK}},
    "hint of another type": {"bucket": LANDING, "key": "x", "hints": {"patient_id": [MARK]}},
    "version of another type": {"bucket": LANDING, "key": "x", "version_id": 3},
    "key too long": {"bucket": LANDING, "key": MARK * 100},
    "half a character": {"bucket": LANDING, "key": f"{MARK}\ud800"},
    "half a character in a member": {"bucket": LANDING, "key": "x", f"{MARK}\udfff": 1},
    "another event": created_event("x") | {"detail-type": "Object Deleted"},
    "another source": created_event("x") | {"source": MARK},
    "event without detail": {"source": "aws.s3", "detail-type": "Object Created"},
    "event without object": {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": LANDING}},
    },
    "submitted without key": {
        "source": "carefile.intake",
        "detail-type": "Object Submitted",
        "detail": {"bucket": LANDING, "patient_id": MARK},
    },
    "submitted from elsewhere": submitted_event("x") | {"source": "other"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_input_is_refused_in_one_clear_sentence(world: World, name: str) -> None:
    assert refusal(world, MALFORMED[name]) == "RejectedEvent malformed-input"


def test_a_missing_member_is_named(world: World) -> None:
    with pytest.raises(RejectedEvent, match="the member 'key' is missing"):
        world.classify({"bucket": LANDING})


def test_a_refused_object_stays_untouched_in_the_landing_bucket(world: World) -> None:
    world.upload("x.txt", b"", Tagging="a=b")
    refusal(world, created_event("x.txt"))
    assert world.tags("x.txt", LANDING) == {"a": "b"}
    assert world.filed() == []


def test_an_input_without_the_machines_frame_is_a_defect_that_says_where(world: World) -> None:
    from lambdas import classify_object

    with pytest.raises(CarefileError, match=r"^KeyError at lambdas/classify_object.py:\d+: a defect"):
        classify_object.handler({"execution": execution_arn("e1")}, None)


def test_what_s3_refuses_to_show_is_rejected_by_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    version = world.upload("x.txt")
    head = world.s3.head_object

    def refuse(*, only_versions: bool) -> None:
        def answer(**arguments: Any) -> Any:
            if "VersionId" in arguments or not only_versions:
                raise ClientError({"Error": {"Code": "400"}}, "HeadObject")
            return head(**arguments)

        monkeypatch.setattr(world.s3, "head_object", answer)

    refuse(only_versions=True)
    request = {"bucket": LANDING, "key": "x.txt", "version_id": "not an id"}
    assert refusal(world, request) == "RejectedObject version-not-found"
    refuse(only_versions=False)
    assert refusal(world, created_event("x.txt", version)) == "RejectedObject unreadable-object"
