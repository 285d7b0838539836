"""IndexCatalog: one entry a source, the newest, in whatever order events arrive."""

from __future__ import annotations

import itertools

import pytest

from carefile.core.errors import ContractViolation
from carefile.core.model import PROOF, Kind
from carefile.core.records.catalog import indexed_digest, listed_under
from tests.unit.world import LANDING, World, cataloged, submitted_event


def test_the_highest_revision_wins_in_any_order(world: World) -> None:
    details = [cataloged(world.file("documents/P/x.txt", b"%d" % n, name=f"e{n}")) for n in range(3)]
    assert [detail["revision"] for detail in details] == [1, 2, 3]
    for order in itertools.permutations(details):
        world.dynamodb.delete_item(TableName="catalog", Key={"source_id": {"S": details[0]["source_id"]}})
        for detail in order:
            world.index(detail)
        (entry,) = world.catalog()
        assert entry["event_id"]["S"] == details[2]["event_id"]


def test_an_event_delivered_twice_is_indexed_once(world: World) -> None:
    detail = cataloged(world.file("documents/P/x.txt"))
    assert world.index(detail) is False
    assert len(world.catalog()) == 1


def test_the_entry_says_whose_and_where(world: World) -> None:
    detail = cataloged(world.file("documents/P/x.txt", b"hello"))
    (entry,) = world.catalog()
    plain = {name: next(iter(value.values())) for name, value in entry.items()}
    assert plain == {
        "source_id": detail["source_id"],
        "event_id": detail["event_id"],
        "patient_ref_key": "PATIENT#P",
        "kind": "document",
        "content_digest": detail["source"]["content_digest"],
        "landing_bucket": LANDING,
        "landing_key": "documents/P/x.txt",
        "landing_version": detail["source"]["version_id"],
        "modified": detail["source"]["last_modified"],
        "bucket": "processed-bucket",
        "prefix": "processed/P_x/",
        "key": "processed/P_x/original.txt",
        "execution": detail["execution"],
        "cataloged_at": detail["cataloged_at"],
        "listed_at": detail["cataloged_at"],
        "revision": "1",
        "size": "5",
    }


def test_the_unknown_are_listed_under_partitions_of_one_name_and_keep_their_reason(world: World) -> None:
    world.file("x.txt")
    world.file("documents/A/y.txt", name="e2", Metadata={"patient-id": "B"})
    found = {entry["reason"]["S"]: entry["patient_ref_key"]["S"] for entry in world.catalog()}
    assert found.keys() == {"no-evidence", "conflict"}
    assert {*found.values()} <= {*listed_under(None)[1:]}


def test_a_patient_cannot_be_taken_for_the_unknown(world: World) -> None:
    world.upload("x.txt")
    world.run(submitted_event("x.txt", {"patient_id": "UNKNOWN#1"}))
    (entry,) = world.catalog()
    assert entry["patient_ref_key"]["S"] == "PATIENT#UNKNOWN#1"


def test_a_source_that_moved_has_still_one_entry(world: World) -> None:
    world.file("x.txt")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
    (entry,) = world.catalog()
    assert entry["prefix"]["S"] == "processed/Ana_7_x/"


def test_an_event_that_breaks_its_contract_is_not_indexed(world: World) -> None:
    detail = cataloged(world.file("documents/P/x.txt"))
    for broken in (detail | {"revision": 0}, detail | {"schema_version": "3.0"}, {}):
        with pytest.raises(ContractViolation, match=r"^contract-broken: "):
            world.index(broken)


@pytest.mark.parametrize(
    ("kind", "digest", "found"),
    [
        (Kind.DOCUMENT, f"{PROOF}abc", f"{PROOF}abc"),
        (Kind.DOCUMENT, "crc64nvme:abc", None),
        (Kind.DOCUMENT, None, None),
        (Kind.SESSION, f"{PROOF}abc", None),
    ],
)
def test_only_a_document_s_digest_that_proves_its_bytes_finds_it(
    kind: Kind, digest: str | None, found: str | None
) -> None:
    assert indexed_digest(kind, digest) == found
