"""No two sources ever share a folder: the first to claim it owns it, the next one gets a suffix of its own."""

from __future__ import annotations

import json
from time import monotonic

import pytest

from carefile.core.errors import FolderContended
from carefile.core.filing.layout import Layout, Owner
from carefile.core.model import Patient, Source
from lambdas import adopt_object
from tests.unit.world import LANDING, PROCESSED, World, cataloged, execution_arn, prefix_of

PAIRS = {
    "one name under two keys": ("documents/P/2024/lab.pdf", "documents/P/2025/lab.pdf"),
    "two extensions": ("documents/P/lab.pdf", "documents/P/lab.docx"),
    "the ambiguous underscore": ("documents/a/b_c.txt", "documents/a_b/c.txt"),
    "two Unicode forms": ("documents/P/M\u00fcller.txt", "documents/P/Mu\u0308ller.txt"),
    "two kinds of space": ("documents/P/a b.txt", "documents/P/a  b.txt"),
    "unknown and unknown": ("incoming/lab.txt", "inbox/lab.txt"),
    "unknown and a patient's": ("unknown/x_y.txt", "x_y.txt"),
}


@pytest.fixture(autouse=True, params=["true", "false"], ids=["shared", "reserved"])
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether others may write into the layout too: a claim looks for what they left, or does not need to."""
    monkeypatch.setenv("LAYOUT_SHARED", request.param)
    return str(request.param)


@pytest.mark.parametrize("name", PAIRS)
def test_two_sources_that_ask_for_one_folder_get_two(world: World, name: str) -> None:
    first, second = PAIRS[name]
    plain = prefix_of(world.file(first, b"one"))
    suffixed = prefix_of(world.file(second, b"two", name="e2"))
    assert suffixed.startswith(plain.rstrip("/") + "-")
    assert len(suffixed) == len(plain) + 9
    assert {world.body(key) for key in world.filed(plain) if "/original" in key} == {b"one"}
    assert {world.body(key) for key in world.filed(suffixed) if "/original" in key} == {b"two"}


def test_both_keep_their_folders_for_later_versions(world: World) -> None:
    keys = PAIRS["two extensions"]
    before = [prefix_of(world.file(key, name=f"a{n}")) for n, key in enumerate(keys)]
    world.wire()
    after = [prefix_of(world.file(key, name=f"b{n}")) for n, key in reversed(list(enumerate(keys)))]
    assert list(reversed(after)) == before


def test_an_intake_that_lost_the_race_for_a_folder_takes_its_suffix(world: World) -> None:
    real, lost = world.intake.filing.processed._try_claim, []

    def overtaken(folder: str, *arguments: object) -> None:
        if not lost:
            lost.append(folder)
            other = {"owner": {"id": "0" * 32}}
            world.s3.put_object(
                Bucket=PROCESSED, Key=f"{folder}_manifest.json", Body=json.dumps(other).encode()
            )
        real(folder, *arguments)  # type: ignore[arg-type]

    world.monkeypatch.setattr(world.intake.filing.processed, "_try_claim", overtaken)
    result = world.file("documents/P/lab.pdf", b"no pdf")
    assert lost == ["processed/P_lab/"]
    assert prefix_of(result).startswith("processed/P_lab-")
    assert world.json("processed/P_lab/_manifest.json") == {"owner": {"id": "0" * 32}}


def test_a_claim_whose_answer_was_lost_is_found_again(world: World) -> None:
    real, done = world.intake.filing.processed._try_claim, []

    def unanswered(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        if not done:
            done.append(True)
            world.intake.filing.processed._owners.clear()
            raise ConnectionError

    world.monkeypatch.setattr(world.intake.filing.processed, "_try_claim", unanswered)
    with pytest.raises(Exception, match="ConnectionError"):
        world.file("documents/P/lab.txt")
    assert prefix_of(world.run({"bucket": LANDING, "key": "documents/P/lab.txt"})) == "processed/P_lab/"


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"owner": 1}', b'{"owner": {}}', b"\xff\xfe"])
def test_a_folder_that_holds_a_manifest_of_somebody_elses_is_left_alone(world: World, body: bytes) -> None:
    world.s3.put_object(Bucket=PROCESSED, Key="processed/P_lab/_manifest.json", Body=body)
    assert prefix_of(world.file("documents/P/lab.txt")).startswith("processed/P_lab-")
    assert world.body("processed/P_lab/_manifest.json") == body


def test_when_every_name_is_taken_the_intake_says_so(world: World) -> None:
    source = Source(LANDING, "documents/P/lab.txt")
    for folder in Layout().document_folders(Patient("P"), "lab", source):
        world.s3.put_object(Bucket=PROCESSED, Key=f"{folder}_manifest.json", Body=b"{}")
    with pytest.raises(FolderContended, match=r"^folder-contended: "):
        world.file(source.key)


def test_whose_a_folder_is_is_remembered_for_an_hour_and_then_looked_up_once_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prefix_of(world.file("documents/P/lab.pdf"))
    bucket, ours = world.intake.filing.processed, Owner(LANDING, "documents/P/lab.pdf", tree=False)
    other = {"owner": {"id": "0" * 32}}
    world.s3.put_object(Bucket=PROCESSED, Key=f"{folder}_manifest.json", Body=json.dumps(other).encode())
    began, looked = monotonic(), []
    monkeypatch.setattr(
        world.s3, "get_object", lambda real=world.s3.get_object, **it: looked.append(it["Key"]) or real(**it)
    )
    for minutes, own, looks in ((1, True, 0), (59, True, 0), (61, False, 1), (62, False, 1), (122, False, 2)):
        monkeypatch.setattr("lambdas.adapters.processed.monotonic", lambda at=began + 60 * minutes: at)
        assert (bucket.owns(ours, folder), len(looked)) == (own, looks), minutes


@pytest.mark.parametrize("word", ["unknown", "Unknown", "UNKNOWN"])
def test_a_patient_folder_named_unknown_is_filed_as_unknown(world: World, word: str) -> None:
    detail = cataloged(world.file(f"documents/{word}/lab.txt"))
    assert detail["patient"] == {"status": "unknown", "reason": "no-evidence"}
    assert detail["location"]["prefix"] == "processed/unknown_lab/"


def test_a_conflict_between_key_and_metadata_is_filed_as_unknown(world: World) -> None:
    detail = cataloged(world.file("documents/A/lab.txt", Metadata={"patient_id": "B"}))
    assert detail["patient"] == {"status": "unknown", "reason": "conflict"}
    assert detail["location"]["prefix"] == "processed/unknown_lab/"
    named = {item["value"]: item["used"] for item in detail["evidence"] if item["about"] == "patient"}
    assert named == {"A": False, "B": False}
    assert world.tags("processed/unknown_lab/original.txt")["patient-ref"] == "unknown"


def test_a_conflict_between_key_and_content_is_filed_as_unknown(world: World) -> None:
    detail = cataloged(world.file("documents/A/lab.json", b'{"patient_id": "B", "result": 7}'))
    assert detail["patient"] == {"status": "unknown", "reason": "conflict"}
    assert {item["source"] for item in detail["evidence"] if item["about"] == "patient"} == {"key", "content"}


def test_content_names_the_patient_where_nothing_else_does(world: World) -> None:
    detail = cataloged(world.file("lab.json", b'{"patient_id": "Ana_7"}'))
    assert detail["location"]["prefix"] == "processed/Ana_7_lab/"


def test_the_record_and_the_manifest_show_the_same_classification(world: World) -> None:
    result = world.file("lab.json", b'{"patient_id": "Ana_7"}')
    assert world.json("processed/Ana_7_lab/_manifest.json")["classification"] == result["classification"]


@pytest.mark.parametrize(
    ("foreign", "key", "name"),
    [
        ("processed/P_lab/by_hand.pdf", "documents/P/lab.pdf", "P_lab"),
        ("processed/P_lab/original.pdf", "documents/P/lab.pdf", "P_lab"),
        (
            "processed/P_medical_notes/session_1/session.json",
            "sessions/P/session_1/session.json",
            "P_medical_notes/session_1",
        ),
        (
            "processed/P_medical_notes/session_1/agents/agent_a/agent.json",
            "sessions/P/session_1/session.json",
            "P_medical_notes/session_1",
        ),
    ],
)
def test_what_others_wrote_into_a_folder_is_never_overwritten_nor_joined(
    world: World, layout: str, foreign: str, key: str, name: str
) -> None:
    world.s3.put_object(Bucket=PROCESSED, Key=foreign, Body=b"theirs")
    if layout == "false":
        # What was written while others might write is adopted before the layout is reserved: `carefile adopt`.
        adopt_object.handler({"bucket": PROCESSED, "key": foreign, "execution": execution_arn("a")}, None)
    prefix = prefix_of(world.file(key, b"ours"))
    assert prefix.startswith(f"processed/{name}-")
    assert world.body(foreign) == b"theirs"
    claim = [f"processed/{name}/_manifest.json"] if layout == "false" else []
    assert world.filed(f"processed/{name}/") == sorted([foreign, *claim])
    # And what comes later goes where the first one went.
    assert prefix_of(world.file(key, b"ours again", name="e2")) == prefix
