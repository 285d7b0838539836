"""The same bytes again: a decision about them holds, two keys with them are both filed, two patients are reported."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.core.messages.head import content_digest, proves
from carefile.core.model import Hints, Source
from carefile.core.records.ledger import bytes_name, entry_in, hints_name
from lambdas import assign_patient
from lambdas.adapters import digests
from lambdas.adapters.landing import Landing
from tests.unit.world import (
    LANDING,
    PROCESSED,
    Json,
    World,
    cataloged,
    created_event,
    prefix_of,
    submitted_event,
)

KEY, BODY = "documents/scan.txt", b"a scan of nobody"
MESSAGE = "sessions/Ana_7/session_1/session.json"


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def assign(world: World, patient: str, name: str, **members: Any) -> Json:
    """Decide whose the document is, and take it in again as the reassignment does."""
    told = {"input": {"key": KEY, "patient_id": patient, **members}, "started": f"2026-11-20T12:0{name}:00Z"}
    assign_patient.handler(told, None)
    return world.run({"bucket": LANDING, "key": KEY}, f"assigned-{name}")


# The digest


@pytest.mark.parametrize("key", [KEY, MESSAGE])
def test_the_digest_of_the_bytes_is_in_event_manifest_and_catalog(world: World, key: str) -> None:
    first = cataloged(world.file(key, BODY))
    assert first["source"]["content_digest"] == sha256(BODY)
    again = cataloged(world.run(created_event(key), "e2"))
    assert again["disposition"] == "duplicate"
    assert again["source"]["content_digest"] == sha256(BODY)
    (entry,) = world.catalog()
    if key == KEY:
        assert world.json("processed/unknown_scan/_manifest.json")["source"] == first["source"]
        assert entry["content_digest"] == {"S": sha256(BODY)}
    else:
        assert "content_digest" not in entry  # one object of a session says nothing


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, None),
        ({"ChecksumSHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}, sha256(b"hello")),
        ({"ChecksumSHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-3"}, None),
        (
            {
                "ChecksumSHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
                "ChecksumType": "COMPOSITE",
            },
            None,
        ),
        ({"ChecksumCRC64NVME": "AP8A/wD/AP8="}, "crc64nvme:00ff00ff00ff00ff"),
        ({"ChecksumCRC32": "NhCmhg=="}, None),
    ],
)
def test_only_a_checksum_over_the_whole_content_is_its_digest(answer: Json, expected: str | None) -> None:
    assert content_digest(answer) == expected
    assert proves(expected) is (expected is not None and expected.startswith("sha256:"))


# Decisions


def test_an_assignment_holds_when_the_same_bytes_are_sent_again(world: World) -> None:
    world.file(KEY, BODY)
    assert prefix_of(assign(world, "Ana_7", "1")) == "processed/Ana_7_scan/"
    assert prefix_of(world.file(KEY, BODY, name="again")) == "processed/Ana_7_scan/"
    assert "processed/unknown_scan/original.txt" not in world.filed()


@pytest.mark.parametrize("algorithm", ["SHA256", "CRC32"])
def test_it_holds_whichever_checksum_the_uploader_sent(world: World, algorithm: str) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    again = world.file(KEY, BODY, name="again", ChecksumAlgorithm=algorithm)
    assert prefix_of(again) == "processed/Ana_7_scan/"


def test_other_bytes_are_judged_anew_and_the_decided_ones_are_remembered_beyond_them(world: World) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    assert prefix_of(world.file(KEY, b"somebody else's", name="other")) == "processed/unknown_scan/"
    assert prefix_of(world.file(KEY, BODY, name="back")) == "processed/Ana_7_scan/"
    assert prefix_of(world.file("documents/scan_2.txt", BODY, name="key")) == "processed/unknown_scan_2/"


def test_nothing_is_written_where_it_does_not_belong_before_the_bytes_are_known(world: World) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    before = world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/unknown_scan/")
    world.file(KEY, BODY, name="again")
    after = world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/unknown_scan/")
    assert [it["VersionId"] for it in before["Versions"]] == [it["VersionId"] for it in after["Versions"]]


def test_the_latest_decision_about_the_bytes_holds(world: World) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    assign(world, "Ben_8", "2", **{"from": "Ana_7"})
    assert prefix_of(world.file(KEY, BODY, name="again")) == "processed/Ben_8_scan/"


def test_a_hint_still_holds_for_its_version_only(world: World) -> None:
    version = world.upload(KEY, BODY)
    hinted = world.run(submitted_event(KEY, {"patient_id": "Ana_7"}, version_id=version), "e1")
    assert prefix_of(hinted) == "processed/Ana_7_scan/"
    assert prefix_of(world.file(KEY, BODY, name="again")) == "processed/unknown_scan/"


def test_a_later_hint_outranks_what_was_decided_about_the_bytes(world: World) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    version = world.upload(KEY, BODY)
    hint = submitted_event(KEY, {"patient_id": "Ben_8"}, version_id=version) | {
        "time": "2026-11-20T12:09:00Z"
    }
    classified = world.classify(hint, "hinted", started="2026-11-20T12:09:00Z")
    assert prefix_of(world.normalise(classified, "hinted")) == "processed/Ben_8_scan/"


def test_a_document_of_an_earlier_release_is_digested_when_it_is_assigned(world: World) -> None:
    world.file(KEY, BODY)
    manifest = world.json("processed/unknown_scan/_manifest.json")
    del manifest["source"]["content_digest"]
    key, original = "processed/unknown_scan/_manifest.json", "processed/unknown_scan/original.txt"
    for name, body in ((key, json.dumps(manifest).encode()), (original, BODY)):
        metadata = world.head(name)["Metadata"]
        world.s3.put_object(Bucket=PROCESSED, Key=name, Body=body, Metadata=metadata)
    assign(world, "Ana_7", "1")
    assert prefix_of(world.file(KEY, BODY, name="again")) == "processed/Ana_7_scan/"


def test_a_decision_that_comes_while_a_round_writes_is_seen_by_its_check(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round did not ask for the digest, since nothing was decided; its own copy told it."""
    source, write = Source(LANDING, KEY), type(world.intake.filing).write

    def decided_meanwhile(self: Any, plan: Any, *rest: Any) -> Any:
        place = write(self, plan, *rest)
        if plan.classification.patient.id is None:
            hints = Hints(patient_id="Ana_7")
            world.intake.ledger.decide(source, "another version", hints, "2026-11-20T12:00:00Z", sha256(BODY))
        return place

    monkeypatch.setattr(type(world.intake.filing), "write", decided_meanwhile)
    assert prefix_of(world.file(KEY, BODY)) == "processed/Ana_7_scan/"


def test_a_version_that_goes_away_while_it_is_digested_is_not_filed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(KEY, BODY)
    assign(world, "Ana_7", "1")
    event = created_event(KEY, world.upload(KEY, BODY))
    computed = digests.computed

    def overtaken(s3: Any, **which: Any) -> str:
        world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=which["VersionId"])
        world.upload(KEY, b"other bytes")
        return computed(s3, **which)

    classified = world.classify(event, "e9")
    monkeypatch.setattr(digests, "computed", overtaken)
    with monkeypatch.context() as once:
        once.setattr(
            Landing,
            "content_digest",
            _once(Landing.content_digest, lambda: monkeypatch.setattr(digests, "computed", computed)),
        )
        assert prefix_of(world.normalise(classified, "e9")) == "processed/unknown_scan/"


def _once(method: Any, then: Any) -> Any:
    def called(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        finally:
            then()

    return called


@given(
    decisions=st.lists(
        st.tuples(
            st.sampled_from(["v1", "v2"]),
            st.sampled_from([None, "sha256:a", "sha256:b"]),
            st.integers(0, 9),
        ),
        max_size=6,
        unique_by=lambda it: it[2],
    ),
    version=st.sampled_from(["v1", "v2"]),
    content=st.sampled_from(["sha256:a", "sha256:b"]),
)
def test_of_all_that_was_decided_the_latest_about_version_or_bytes_holds(
    decisions: list[tuple[str, str | None, int]], version: str, content: str
) -> None:
    item: Json = {}
    for of, bytes_of, at in sorted(decisions, key=lambda it: it[2]):
        for name in [hints_name(of), *([bytes_name(bytes_of)] if bytes_of else ())]:
            kind, _, rest = name.partition("#")
            item[name] = {"S": f'{{"patient_id": "P{at}"}}'}
            item[f"{'decided' if kind == 'hints' else 'since'}#{rest}"] = {"S": str(at)}
    about = [at for of, bytes_of, at in decisions if of == version or bytes_of == content]
    entry = entry_in(item)
    found = entry.hints_for(version, content)
    assert found == (Hints(patient_id=f"P{max(about)}") if about else None)
    if not entry.asks_for_bytes(version):
        assert entry.hints_for(version) == found


# Two keys, two patients


def counted(capsys: pytest.CaptureFixture[str]) -> bool:
    return '"BytesOfTwoPatients":1' in capsys.readouterr().out.replace(" ", "")


def test_the_same_bytes_under_two_patients_are_both_filed_and_counted(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.file("documents/Ana_7/letter.txt", BODY)
    assert not counted(capsys)
    world.file("documents/Ana_7/copy.txt", BODY, name="e2")
    world.file("documents/letter.txt", BODY, name="e3")
    assert not counted(capsys)
    filed = world.file("documents/Ben_8/letter.txt", BODY, name="e4")
    assert counted(capsys)
    assert prefix_of(filed) == "processed/Ben_8_letter/"
    assert "processed/Ana_7_letter/original.txt" in world.filed()
    world.run(created_event("documents/Ben_8/letter.txt"), "e5")
    assert not counted(capsys)  # nothing new was indexed


def test_sessions_that_are_alike_are_not_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for patient in ("Ana_7", "Ben_8"):
        world.file(f"sessions/{patient}/session_1/session.json", BODY, name=patient)
    assert not counted(capsys)


def test_the_other_keys_with_the_same_bytes_are_found(world: World, connection: Connection) -> None:
    keys = ["documents/Ana_7/letter.txt", "documents/Ben_8/letter.txt", "documents/letter.txt"]
    for number, key in enumerate(keys):
        world.file(key, BODY, name=f"e{number}")
    world.file("documents/other.txt", b"other", name="o")
    entries = Entries(connection)
    first = entries.get(Source(LANDING, keys[0]).source_id)
    assert first is not None
    assert [other.landing_key for other in entries.same_bytes(first)] == keys[1:]
    other = entries.get(Source(LANDING, "documents/other.txt").source_id)
    assert other is not None
    assert entries.same_bytes(other) == []
