"""The catalog is made again from S3 alone, and is the one that events built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from carefile.core.model import Source
from carefile.core.records.catalog import Entry, is_tombstone
from carefile.core.records.recovery import equal_but_for_the_execution
from carefile.core.records.session_entries import (
    Facts,
    Place,
    Seen,
    SessionEntry,
    SessionSummary,
    is_session_key,
)
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile, Ran

MakeFile = Callable[..., Path]
Items = dict[str, dict[str, Any]]
GRACE = ("--grace", "0s")


class Table:
    """The catalog's table, looked at and damaged by hand."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.name = aws.outputs["CatalogTableName"]
        self.processed, self.landing = aws.outputs["ProcessedBucketName"], aws.outputs["LandingBucketName"]
        self.client, self.s3 = aws.client("dynamodb"), aws.client("s3")

    def items(self) -> Items:
        pages = self.client.get_paginator("scan").paginate(TableName=self.name)
        return {item["source_id"]["S"]: item for page in pages for item in page["Items"]}

    def put(self, item: dict[str, Any]) -> None:
        self.client.put_item(TableName=self.name, Item=item)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.client.delete_item(TableName=self.name, Key={"source_id": {"S": key}})

    def entry_of(self, key: str) -> dict[str, Any] | None:
        return self.items().get(Source(self.landing, key).source_id)


@pytest.fixture
def table(deployed_aws: EmbeddedAws) -> Table:
    return Table(deployed_aws)


def settled(table: Table, objects: int, prefix: str) -> Items:
    """The table as soon as a session counts so many objects."""
    key = Place(table.processed, prefix).key

    def look() -> Items | None:
        items = table.items()
        return items if items.get(key, {}).get("objects") == {"N": str(objects)} else None

    return eventually(look)


def file_session(carefile: Carefile, file: MakeFile, patient: str, messages: int = 3) -> str:
    folder = file(f"{patient}/session_1/session.json", b"{}").parent
    for number in range(messages):
        file(f"{patient}/session_1/agents/agent_guide/messages/message_{number}.json", b"12345")
    carefile("put", folder, "--patient", patient, "--wait")
    return f"processed/{patient}_medical_notes/session_1/"


def rebuild(carefile: Carefile, *words: str) -> Ran:
    return carefile("catalog", "rebuild", *words, "--json")


def shown(items: Items) -> dict[str, Any]:
    """Entries and sessions without what S3 does not hold: tombstones, and when it was announced."""
    found: dict[str, Any] = {}
    for key, item in items.items():
        if is_tombstone(item):
            continue
        if is_session_key(key):
            summary = SessionSummary.of_item(item)
            if summary:
                found[key] = [
                    getattr(summary, name) for name in summary.__dataclass_fields__ if name != "cataloged_at"
                ]
        else:
            found[key] = Entry.of_item(item)
    return found


def made_again(before: Items, table: Table) -> Items:
    """The table once its sessions are what they were: they are counted by events. As it is after a minute, if never."""
    wanted = shown(before)

    def counted() -> bool:
        found = shown(table.items())
        sessions = (key for key, one in wanted.items() if not isinstance(one, Entry))
        return found.keys() == wanted.keys() and all(found[key] == wanted[key] for key in sessions)

    with suppress(AssertionError):
        eventually(counted, 60)
    return table.items()


def assert_same(before: Items, after: Items) -> None:
    wanted, found = shown(before), shown(after)
    assert [before.get(key) or after[key] for key in wanted.keys() ^ found.keys()] == []
    for key, one in wanted.items():
        if isinstance(one, Entry):
            assert equal_but_for_the_execution(one, found[key])
            adopted = one.landing_bucket == one.bucket
            # What another test had announced again names that execution; S3 alone knows the one that wrote.
            own = "Reb_" in one.landing_key
            assert (
                adopted
                or not own
                or one.execution.rpartition(":")[2] == found[key].execution.rpartition(":")[2]
            )
        else:
            assert one == found[key]


def test_a_catalog_that_was_lost_is_made_again_as_it_was(
    carefile: Carefile, file: MakeFile, table: Table
) -> None:
    rebuild(carefile, *GRACE, "--yes", "--remove")  # what other tests damaged
    prefix = file_session(carefile, file, "Reb_1")
    carefile("put", file("lab.txt"), "--patient", "Reb_1", "--wait")
    carefile("put", file("whose.txt"), "--prefix", "documents", "--wait")
    theirs = "processed/Reb_9_medical_notes/session_1/"
    for name, metadata in (("session.json", {}), ("1.json", {"patient-id": "Reb_8"})):
        table.s3.put_object(Bucket=table.processed, Key=theirs + name, Body=b"{}", Metadata=metadata)
    by_hand = Source(table.processed, "processed/Reb_9_lab/by_hand.pdf")
    table.s3.put_object(Bucket=by_hand.bucket, Key=by_hand.key, Body=b"pdf")
    assert carefile("adopt", f"s3://{table.processed}/processed/Reb_9_").code == 0
    eventually(lambda: by_hand.source_id in table.items())
    settled(table, 2, theirs)
    before = settled(table, 4, prefix)
    table.delete(*before)
    eventually(lambda: not table.items())

    planned = rebuild(carefile, *GRACE)
    assert planned.code == 1
    assert {row["difference"] for row in planned.rows} == {"missing"}
    assert not table.items()

    assert rebuild(carefile, *GRACE, "--yes").code == 0
    settled(table, 2, theirs)
    settled(table, 4, prefix)
    assert_same(before, made_again(before, table))
    eventually(lambda: rebuild(carefile, *GRACE).code == 0)


def test_a_catalog_that_says_what_s3_holds_is_left_alone(
    carefile: Carefile, file: MakeFile, table: Table
) -> None:
    before = settled(table, 4, file_session(carefile, file, "Reb_2"))
    ran = rebuild(carefile, "--yes")
    assert [row for row in ran.rows if "Reb_2" in row["key"]] == []
    assert table.items() == before


@pytest.mark.submission
def test_every_difference_is_told_and_put_right(carefile: Carefile, file: MakeFile, table: Table) -> None:
    prefix = file_session(carefile, file, "Reb_3")
    for name in ("old.txt", "wrong.txt"):
        carefile("put", file(name), "--patient", "Reb_3", "--wait")
    before = settled(table, 4, prefix)
    place = Place(table.processed, prefix)
    old, wrong = table.entry_of("documents/Reb_3/old.txt"), table.entry_of("documents/Reb_3/wrong.txt")
    assert old is not None
    assert wrong is not None
    table.put(old | {"revision": {"N": "0"}, "size": {"N": "77"}})
    table.put(wrong | {"patient_ref_key": {"S": "PATIENT#Somebody"}})
    foreign = SessionEntry(place, "Reb_3", {"0" * 32: Seen(1, Facts(5, 0, 0))}).to_item()
    assert foreign is not None
    table.put(foreign)

    told = {row["key"]: row["difference"] for row in rebuild(carefile, *GRACE).rows if "Reb_3" in row["key"]}
    assert told == {
        "processed/Reb_3_old/original.txt": "older",
        "processed/Reb_3_wrong/original.txt": "different",
        prefix: "session",
    }
    rebuild(carefile, *GRACE, "--yes")
    after = table.items()
    mine = {key for key, item in before.items() if "Reb_3" in str(item)}
    assert_same({key: before[key] for key in mine}, {key: after[key] for key in mine})


@pytest.mark.submission
def test_what_s3_does_not_hold_is_told_and_removed_only_when_asked(
    carefile: Carefile, file: MakeFile, table: Table
) -> None:
    prefix = file_session(carefile, file, "Reb_4")
    settled(table, 4, prefix)
    key = f"{prefix}agents/agent_guide/messages/message_2.json"
    table.s3.delete_object(Bucket=table.processed, Key=key)
    landing = "sessions/Reb_4/session_1/agents/agent_guide/messages/message_2.json"

    for words in ((*GRACE,), (*GRACE, "--yes")):
        ran = rebuild(carefile, *words)
        (row,) = [row for row in ran.rows if row["key"] == key]
        assert (ran.code, row["difference"]) == (1, "unsupported")
        assert table.entry_of(landing) is not None
    assert key not in [row["key"] for row in rebuild(carefile, "--yes", "--remove").rows]  # it is too young

    rebuild(carefile, *GRACE, "--yes", "--remove")
    assert table.entry_of(landing) is None
    settled(table, 3, prefix)
