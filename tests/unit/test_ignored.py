"""What desktops and transfer tools leave behind is taken in by nobody, and shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carefile.core.deciding.rules import RuleTable
from infrastructure.events.leftovers import excluded_keys
from lambdas.adapters import contracts
from tests.property.strategies import keys
from tests.unit.world import LANDING, World, created_event, submitted_event

RULES = contracts.rules()
FILE = Path("rules/default.json")
LEFTOVERS = [
    *(
        ".DS_Store",
        "._scan.pdf",
        "Thumbs.db",
        "THUMBS.DB",
        "desktop.ini",
        "~$report.docx",
        ".~lock.report.odt#",
    ),
    *(".nfs000000000001", "lab.pdf.filepart", "lab.pdf.partial", "lab.pdf.crdownload", "2024_$folder$"),
    *("__MACOSX/lab.pdf", "__MACOSX/deep/lab.pdf", "$RECYCLE.BIN/lab.pdf"),
]
RECORDS = [
    *(
        "DS_Store.pdf",
        "lab._pdf",
        "._folder/lab.pdf",
        "~$folder/lab.pdf",
        "MACOSX/lab.pdf",
        "lab.partial.pdf",
    ),
    *("__MACOSX", "Thumbs.db/lab.pdf", ".~lock.x#/lab.pdf", "partial", "lock#", "folder"),
]


def wildcard(pattern: str) -> re.Pattern[str]:
    """A wildcard as EventBridge reads it: any number of characters of the whole key."""
    return re.compile(".*".join(re.escape(piece) for piece in pattern.split("*")), re.DOTALL)


KEPT_OUT = [wildcard(pattern) for pattern in excluded_keys(FILE)]


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("prefix", ["", "documents/P1/", "a/b/c/"])
def test_a_leftover_is_ignored_wherever_it_stands(prefix: str, name: str) -> None:
    assert RULES.ignores(prefix + name)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("prefix", ["", "documents/P1/"])
def test_a_record_that_only_looks_like_one_is_not(prefix: str, name: str) -> None:
    assert not RULES.ignores(prefix + name)


@given(keys | st.builds("{}/{}".format, keys, st.sampled_from([*LEFTOVERS, *RECORDS])))
@example("a/._folder/lab.pdf")
def test_the_event_pattern_keeps_out_nothing_that_would_be_taken_in(key: str) -> None:
    if any(pattern.fullmatch(key) for pattern in KEPT_OUT):
        assert RULES.ignores(key)


def test_the_event_pattern_keeps_out_what_it_can_say() -> None:
    kept_out = {name for name in LEFTOVERS if any(pattern.fullmatch(f"x/{name}") for pattern in KEPT_OUT)}
    assert set(LEFTOVERS) - kept_out == {
        "._scan.pdf",
        "THUMBS.DB",
        "~$report.docx",
        ".~lock.report.odt#",
        ".nfs000000000001",
    }
    # EventBridge, quotas: a pattern has 2,048 characters.
    assert len(json.dumps(excluded_keys(FILE))) < 1000


def test_a_table_without_the_list_ignores_nothing() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    del data["ignore"]
    assert not RuleTable.from_json(data).ignores(".DS_Store")


@pytest.mark.parametrize("last", ["{file}", "{folder}/**/{file}", "documents/**/{file}", "**/{file:*.pdf}"])
def test_a_table_that_some_key_falls_through_is_refused(last: str) -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    data["rules"] = [data["rules"][-1] | {"patterns": [last]}]
    with pytest.raises(ValueError, match="no rule of the table matches the key"):
        RuleTable.from_json(data)


@pytest.mark.parametrize("body", [b"x", b""])
def test_what_comes_in_all_the_same_ends_ignored_and_its_version_is_marked(world: World, body: bytes) -> None:
    key = "documents/P/._lab.pdf"
    version = world.upload(key, body)
    for data in (
        created_event(key, version),
        submitted_event(key, hints={"patient_id": "P"}),
        {"bucket": LANDING, "key": key},
    ):
        found = world.classify(data)
        assert found == {
            "upload": {"bucket": LANDING, "key": key, "version": version, "version_id": version},
            "disposition": "ignored",
        }
    assert world.tags(key, LANDING) == {"pipeline-status": "ignored"}
    assert not world.filed("processed/")


def test_a_leftover_that_is_deleted_already_ends_ignored_too(world: World) -> None:
    assert world.classify(created_event("x/._lab.pdf", "gone"))["disposition"] == "ignored"


def test_a_status_that_a_copied_leftover_brought_along_is_taken_off(world: World) -> None:
    world.file("documents/P/lab.txt", Tagging="scan=clean")
    key = "documents/P/._lab.txt"
    done = world.s3.copy_object(Bucket=LANDING, Key=key, CopySource=f"{LANDING}/documents/P/lab.txt")
    event = created_event(key, done["VersionId"])
    event["detail"]["reason"] = "CopyObject"
    assert world.tags(key, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}
    world.classify(event)
    assert world.tags(key, LANDING) == {"scan": "clean", "pipeline-status": "ignored"}
