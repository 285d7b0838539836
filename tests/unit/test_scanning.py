"""Where a stage waits for malware protection, only what that found clean is filed, in whatever order things come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.scanning import Verdict, scan_in, with_verdict
from carefile.core.errors import NotScanned, RejectedEvent, RejectedObject, ThreatFound, Unscannable
from carefile.core.filing.tagging import MAX_TAGS, STATUS_TAG, VERDICT_TAG
from carefile.core.messages.intake_request import parse
from tests.unit.test_calls import calls_during
from tests.unit.world import LANDING, World, cataloged, created_event, scan_event, stopped, submitted_event

KEY = "documents/Ana/lab.txt"
FOLDER = "processed/Ana_lab/"
CLEAN, THREAT = "NO_THREATS_FOUND", "THREATS_FOUND"


def later(seconds: int) -> str:
    return f"2026-11-20T10:{seconds // 60:02}:{seconds % 60:02}Z"


def tags_of(world: World, version_id: str | None) -> dict[str, str]:
    return world.tags(KEY, LANDING, **({"VersionId": version_id} if version_id else {}))


# What an event says


def test_a_verdict_names_the_raw_key_and_the_version_and_may_be_about_a_copy() -> None:
    request = parse(scan_event("a+b 50%25.pdf", "v1", THREAT))
    assert (request.source.key, request.version_id, request.copied) == ("a+b 50%25.pdf", "v1", True)
    assert request.scan
    assert (request.scan.verdict, request.scan.at) == (Verdict.THREAT, later(5))


@pytest.mark.parametrize(
    ("status", "result", "verdict"),
    [
        ("COMPLETED", CLEAN, Verdict.CLEAN),
        ("COMPLETED", THREAT, Verdict.THREAT),
        ("SKIPPED", "UNSUPPORTED", Verdict.UNSUPPORTED),
        ("SKIPPED", "ACCESS_DENIED", Verdict.DENIED),
        ("FAILED", "FAILED", Verdict.FAILED),
        ("FAILED", CLEAN, Verdict.FAILED),
        ("SKIPPED", CLEAN, Verdict.FAILED),
        ("COMPLETED", "A_WORD_OF_NEXT_YEAR", Verdict.FAILED),
        ("COMPLETED", None, Verdict.FAILED),
    ],
)
def test_only_a_completed_scan_that_says_so_is_clean(
    status: str, result: str | None, verdict: Verdict
) -> None:
    event = scan_event(KEY, "v1")
    event["detail"] |= {"scanStatus": status, "scanResultDetails": {"scanResultStatus": result}}
    assert scan_in(event).verdict is verdict


# What is filed


def test_a_clean_upload_is_filed_and_its_verdict_stays_on_the_landing_object_alone(
    scanned_world: World,
) -> None:
    world = scanned_world
    version = world.upload(KEY, Tagging=f"ward=7&{VERDICT_TAG}={CLEAN}")
    done = world.run(scan_event(KEY, version))
    assert done["disposition"] == "cataloged"
    assert cataloged(done)["source"]["version_id"] == version
    assert tags_of(world, version) == {"ward": "7", VERDICT_TAG: CLEAN, STATUS_TAG: "cataloged"}
    assert VERDICT_TAG not in world.tags(f"{FOLDER}original.txt")


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (THREAT, ThreatFound),
        ("UNSUPPORTED", Unscannable),
        ("ACCESS_DENIED", Unscannable),
        ("FAILED", Unscannable),
    ],
)
def test_whatever_is_not_clean_fails_by_name_and_is_not_filed(
    scanned_world: World, verdict: str, error: type[Exception]
) -> None:
    version = scanned_world.upload(KEY)
    with pytest.raises(error):
        scanned_world.classify(scan_event(KEY, version, verdict))
    assert scanned_world.filed() == []


@pytest.mark.parametrize("named", [True, False])
def test_what_nobody_scanned_is_not_filed_whatever_asks_for_it(scanned_world: World, named: bool) -> None:
    version = scanned_world.upload(KEY)
    which = {"version_id": version} if named else {}
    for asked in (
        {"bucket": LANDING, "key": KEY, **which},
        submitted_event(KEY, **which),
        created_event(KEY, version if named else None),
    ):
        with pytest.raises(NotScanned):
            scanned_world.classify(asked)
    assert scanned_world.filed() == []


def test_a_verdict_tag_that_the_uploader_brought_proves_nothing(scanned_world: World) -> None:
    version = scanned_world.upload(KEY, Tagging=f"{VERDICT_TAG}={CLEAN}")
    for asked in (created_event(KEY, version), {"bucket": LANDING, "key": KEY}):
        with pytest.raises(NotScanned):
            scanned_world.classify(asked)


def test_a_decision_about_an_upload_that_is_not_scanned_yet_holds_once_it_is(scanned_world: World) -> None:
    version = scanned_world.upload(KEY)
    with pytest.raises(NotScanned):
        scanned_world.classify(submitted_event(KEY, {"patient_id": "Bo"}, version_id=version))
    done = scanned_world.run(scan_event(KEY, version))
    assert cataloged(done)["patient"]["id"] == "Bo"


def test_an_intake_files_the_newest_clean_version_and_not_the_one_that_came_after(
    scanned_world: World,
) -> None:
    world = scanned_world
    first = world.upload(KEY, b"clean")
    classified = world.classify(scan_event(KEY, first))
    world.upload(KEY, b"nobody knows")
    done = world.normalise(classified)
    assert done["disposition"] == "cataloged"
    assert cataloged(done)["source"]["version_id"] == first
    assert world.body(f"{FOLDER}original.txt") == b"clean"


def test_a_threat_over_a_filed_version_leaves_that_in_place(scanned_world: World) -> None:
    world = scanned_world
    first = world.upload(KEY, b"clean")
    world.run(scan_event(KEY, first))
    second = world.upload(KEY, b"threat")
    with pytest.raises(ThreatFound):
        world.classify(scan_event(KEY, second, THREAT))
    again = world.run({"bucket": LANDING, "key": KEY}, "e2")
    assert again["disposition"] == "duplicate"
    assert world.body(f"{FOLDER}original.txt") == b"clean"


def test_verdicts_in_the_wrong_order_end_with_the_newest_clean_version(scanned_world: World) -> None:
    world = scanned_world
    versions = [world.upload(KEY, body) for body in (b"one", b"two", b"three", b"four")]
    assert world.run(scan_event(KEY, versions[2]), "e3")["disposition"] == "cataloged"
    assert world.run(scan_event(KEY, versions[0]), "e1")["disposition"] == "superseded"
    with pytest.raises(ThreatFound):
        world.classify(scan_event(KEY, versions[3], THREAT))
    assert world.run(scan_event(KEY, versions[1]), "e2")["disposition"] == "superseded"
    assert world.body(f"{FOLDER}original.txt") == b"three"


def test_who_asks_for_what_is_there_waits_for_its_verdict_though_an_older_version_is_clean(
    scanned_world: World,
) -> None:
    world = scanned_world
    world.run(scan_event(KEY, world.upload(KEY, b"one")))
    second = world.upload(KEY, b"two")
    with pytest.raises(NotScanned):
        world.classify({"bucket": LANDING, "key": KEY}, "e2")
    world.run(scan_event(KEY, second), "e3")
    assert world.run({"bucket": LANDING, "key": KEY}, "e2")["disposition"] == "duplicate"


def test_a_deleted_version_below_a_threat_is_not_brought_back(scanned_world: World) -> None:
    world = scanned_world
    deleted = world.upload(KEY, b"deleted")
    world.delete(KEY)
    threat = world.upload(KEY, b"threat")
    with pytest.raises(ThreatFound):
        world.classify(scan_event(KEY, threat, THREAT))
    assert world.run(scan_event(KEY, deleted))["disposition"] == "withdrawn"
    with pytest.raises(ThreatFound):  # who asks for what is there does not ask for what is not
        world.classify({"bucket": LANDING, "key": KEY})
    assert world.filed() == []


def test_what_was_filed_before_a_deletion_and_a_threat_stays(scanned_world: World) -> None:
    world = scanned_world
    first = world.upload(KEY, b"clean")
    world.run(scan_event(KEY, first))
    world.delete(KEY)
    world.upload(KEY, b"threat")
    assert world.run(scan_event(KEY, first), "e2")["disposition"] == "duplicate"
    assert world.body(f"{FOLDER}original.txt") == b"clean"


def test_what_was_filed_before_a_deletion_and_a_threat_may_still_be_decided_about(
    scanned_world: World,
) -> None:
    world = scanned_world
    first = world.upload(KEY, b"clean")
    world.run(scan_event(KEY, first))
    world.delete(KEY)
    threat = world.upload(KEY, b"threat")
    with pytest.raises(ThreatFound):
        world.classify(scan_event(KEY, threat, THREAT))
    done = world.run(submitted_event(KEY, {"patient_id": "Bo"}), "e2")
    assert cataloged(done)["patient"] == {"status": "known", "id": "Bo"}
    assert world.body("processed/Bo_lab/original.txt") == b"clean"


def test_a_threat_over_a_deletion_is_no_success_where_nothing_was_filed(scanned_world: World) -> None:
    world = scanned_world
    world.upload(KEY, b"never scanned")
    world.delete(KEY)
    threat = world.upload(KEY, b"threat")
    for asked in (scan_event(KEY, threat, THREAT), submitted_event(KEY, {"patient_id": "Bo"})):
        with pytest.raises(ThreatFound):
            world.classify(asked)


def test_an_upload_below_many_unscanned_ones_is_found_in_its_order(scanned_world: World) -> None:
    world = scanned_world
    world.upload(KEY, b"deleted")
    world.delete(KEY)
    versions = [world.upload(KEY, str(number).encode()) for number in range(5)]
    assert cataloged(world.run(scan_event(KEY, versions[1])))["source"]["version_id"] == versions[1]


def test_only_the_versions_of_this_very_key_count(scanned_world: World) -> None:
    world = scanned_world
    world.upload(KEY, b"threat")
    other = world.upload(f"{KEY}.bak", b"clean")
    world.run(scan_event(f"{KEY}.bak", other))
    with pytest.raises(NotScanned):
        world.classify({"bucket": LANDING, "key": KEY})


def test_a_verdict_of_a_version_that_is_gone_fails_and_one_of_a_deleted_key_is_withdrawn(
    scanned_world: World,
) -> None:
    world = scanned_world
    version = world.upload(KEY)
    world.delete(KEY)
    assert world.run(scan_event(KEY, version))["disposition"] == "withdrawn"
    with pytest.raises(RejectedObject, match="object-not-found"):
        world.classify(scan_event("documents/Ana/never there.txt", "v1"))


# Verdicts that contradict each other


@pytest.mark.parametrize(
    ("first", "second", "filed"),
    [
        ((THREAT, 5), (CLEAN, 9), True),  # a false positive, scanned again
        ((CLEAN, 9), (THREAT, 5), True),  # the same, in the wrong order
        ((CLEAN, 5), (THREAT, 9), False),
        ((CLEAN, 5), (THREAT, 5), False),
        ((THREAT, 5), (CLEAN, 5), False),
        (("FAILED", 5), (CLEAN, 9), True),
    ],
)
def test_the_latest_verdict_holds_and_of_two_at_once_the_worse(
    scanned_world: World, first: tuple[str, int], second: tuple[str, int], filed: bool
) -> None:
    world = scanned_world
    version = world.upload(KEY)
    for verdict, seconds in (first, second):
        try:
            world.classify(scan_event(KEY, version, verdict, time=later(seconds)))
            came_in = True
        except (ThreatFound, Unscannable):
            came_in = False
    assert came_in is filed


def test_a_version_that_a_later_scan_finds_infected_is_not_filed_any_more(scanned_world: World) -> None:
    world = scanned_world
    version = world.upload(KEY)
    classified = world.classify(scan_event(KEY, version))
    with pytest.raises(ThreatFound):
        world.classify(scan_event(KEY, version, THREAT, time=later(9)))
    with pytest.raises(ThreatFound):
        world.normalise(classified)
    assert world.filed() == []


# Its tag


def test_a_threat_is_tagged_before_its_intake_fails_though_the_scanner_s_own_tag_is_late(
    scanned_world: World,
) -> None:
    version = scanned_world.upload(KEY, Tagging="ward=7&pipeline-status=cataloged")
    with pytest.raises(ThreatFound):
        scanned_world.classify(scan_event(KEY, version, THREAT))
    assert tags_of(scanned_world, version) == {"ward": "7", VERDICT_TAG: THREAT}


def test_a_failure_s_mark_keeps_the_tag_of_a_threat_that_the_scanner_writes_at_that_moment(
    scanned_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark reads the tags, the scanner writes its own, the mark writes: the scanner's is gone, and is put back."""
    world = scanned_world
    version = world.upload(KEY)
    event = scan_event(KEY, version, THREAT)
    with pytest.raises(ThreatFound):
        world.classify(event)
    real = world.s3.get_object_tagging

    def then_the_scanner_writes(**asked: str) -> object:
        found = real(**asked)
        tag_set = {"TagSet": [{"Key": VERDICT_TAG, "Value": THREAT}]}
        world.s3.put_object_tagging(Bucket=LANDING, Key=KEY, VersionId=version, Tagging=tag_set)  # type: ignore[typeddict-item]
        return found

    world.s3.delete_object_tagging(Bucket=LANDING, Key=KEY, VersionId=version)
    monkeypatch.setattr(world.s3, "get_object_tagging", then_the_scanner_writes)
    assert world.record_failure(stopped(data=event, error="ThreatFound"))
    monkeypatch.undo()
    assert tags_of(world, version) == {VERDICT_TAG: THREAT, STATUS_TAG: "failed"}
    (told,) = world.bus.published
    assert told.detail["error"] == "ThreatFound"


def test_a_verdict_that_comes_between_the_look_and_the_mark_is_not_wiped(
    scanned_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intake that was started by hand fails for want of a verdict; while it is marked, there is one."""
    world = scanned_world
    version = world.upload(KEY)
    real = world.s3.put_object_tagging
    first: Iterator[bool] = iter([True])

    def after_a_verdict(**asked: object) -> object:
        if next(first, False):
            with pytest.raises(ThreatFound):
                world.classify(scan_event(KEY, version, THREAT))
        return real(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(world.s3, "put_object_tagging", after_a_verdict)
    world.record_failure(stopped(data={"bucket": LANDING, "key": KEY}, error="NotScanned"))
    assert tags_of(world, version)[VERDICT_TAG] == THREAT


TAGS = st.dictionaries(
    st.sampled_from([*"abcdefghijkl", STATUS_TAG, VERDICT_TAG]), st.sampled_from("xy"), max_size=MAX_TAGS
)


@given(TAGS, st.sampled_from([None, *Verdict]))
def test_a_threat_always_finds_room_and_no_other_verdict_takes_anybody_s(
    present: dict[str, str], verdict: Verdict | None
) -> None:
    tags = with_verdict(present, verdict)
    assert len(tags) <= MAX_TAGS
    if verdict is Verdict.THREAT:
        assert tags[VERDICT_TAG] == THREAT
        assert len(present.keys() - tags.keys()) <= 1
        assert STATUS_TAG not in present.keys() - tags.keys()
        theirs = sorted(present.keys() - {VERDICT_TAG, STATUS_TAG})
        assert tags.keys() >= {*theirs[:-1]}
    else:
        assert present.items() <= tags.items()
        assert tags.keys() - present.keys() <= {VERDICT_TAG}


# The stage that does not wait


def test_a_stage_that_does_not_wait_takes_no_verdicts(world: World) -> None:
    version = world.upload(KEY)
    with pytest.raises(RejectedEvent, match="scan-result"):
        world.classify(scan_event(KEY, version))


def test_without_versioning_a_verdict_is_about_what_has_the_scanned_etag(
    unversioned_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = unversioned_world
    monkeypatch.setenv("MALWARE_SCAN", "true")
    world.wire()
    world.upload(KEY, b"hello")
    assert world.run(scan_event(KEY, None))["disposition"] == "cataloged"
    world.upload(KEY, b"something else")
    with pytest.raises(NotScanned):
        world.classify(scan_event(KEY, "null"), "e2")


def test_waiting_for_a_verdict_costs_these_calls_more(scanned_world: World) -> None:
    world = scanned_world
    key = "sessions/Ana/session_1/agents/agent_a/messages/message_{}.json"
    world.run(scan_event(key.format(1), world.upload(key.format(1))), "warms-up")
    version = world.upload(key.format(2), Tagging=f"{VERDICT_TAG}={CLEAN}")
    event = scan_event(key.format(2), version)
    assert calls_during(lambda: world.run(event, "e2")) == {
        "HeadObject": 3,
        "GetObjectTagging": 3,  # one more: did the upload bring a status along?
        "CopyObject": 1,
        "PutObjectTagging": 1,
        "BatchGetItem": 2,
        "GetItem": 8,
        "UpdateItem": 3,  # one more: the verdict
        "PutItem": 1,
    }
