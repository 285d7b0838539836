"""Objects filed by earlier releases, which wrote two tags more, are as good as those of today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.rebuilding import Comparison
from carefile.cli.checks.reconciling import Reconciler
from carefile.cli.checks.repairing import Repairer
from carefile.core.filing.tagging import LAYOUT_TAGS, PipelineStatus, without_layout_tags
from lambdas.adapters.contracts import rules
from tests.unit.forgetting import NOW, Run, everything, file_all_of
from tests.unit.test_adoption import MESSAGE, adopt, write
from tests.unit.world import LANDING, PROCESSED, World, cataloged, prefix_of, submitted_event

SOON = datetime.now(UTC) + timedelta(days=1)


def as_before(world: World) -> None:
    """Give every version in the layout the tags that an earlier release gave it, the claims of documents included."""
    for item in world.s3.list_object_versions(Bucket=PROCESSED).get("Versions", []):
        where = {"VersionId": item["VersionId"]}
        kind, noted = "manifest", "medical_notes" if "_medical_notes/" in item["Key"] else "document"
        tags = {"kind": kind, "patient-status": "known", "patient-ref": "f0890b3dd375379b"}
        tags |= world.tags(item["Key"], **where) | {"data-type": noted, "layout-version": "1"}
        tag(world, item["Key"], tags, **where)


def tag(world: World, key: str, tags: dict[str, str], **where: str) -> None:
    tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
    world.s3.put_object_tagging(Bucket=PROCESSED, Key=key, Tagging={"TagSet": tag_set}, **where)


def faults(connection: Connection) -> list[tuple[str, str]]:
    reconciler = Reconciler(connection, SOON, look_at_tags=True, passed=lambda _: None)
    return [(found.fault.value, found.why) for found in reconciler.findings()]


def test_reconcile_has_nothing_to_say_of_them_and_still_finds_a_wrong_one(
    world: World, connection: Connection
) -> None:
    world.file("documents/Ana_7/lab.txt")
    world.file("sessions/session_1/session.json", b"{}")
    assert faults(connection) == []
    as_before(world)
    assert faults(connection) == []
    page = "processed/Ana_7_lab/result.html"
    tag(world, page, world.tags(page) | {"patient-status": "unknown"})
    assert faults(connection) == [("mistagged", "wrong tags: patient-status")]


def test_they_are_rebuilt_as_they_stand(world: World, connection: Connection) -> None:
    world.file("documents/Ana_7/lab.txt")
    as_before(world)
    assert list(Comparison(connection, rules(), SOON, lambda _: None).findings()) == []
    for item in world.catalog():
        world.dynamodb.delete_item(TableName="catalog", Key={"source_id": item["source_id"]})
    (found,) = Comparison(connection, rules(), SOON, lambda _: None).findings()
    assert found.key.startswith("processed/Ana_7_lab/")


def test_they_are_forgotten_to_the_last_version(world: World, forget: Run) -> None:
    file_all_of(world, "Ana_7")
    as_before(world)
    forget("Ana_7")
    forget("Ana_7", rest=NOW)
    assert "Ana_7" not in everything(world)
    assert world.filed() == []


def test_they_move_to_their_patient_and_have_three_tags_there(world: World) -> None:
    world.file("scan.txt")
    as_before(world)
    moved = world.run(submitted_event("scan.txt", {"patient_id": "Ana_7"}), "e2")
    assert prefix_of(moved) == "processed/Ana_7_scan/"
    for key in world.filed("processed/Ana_7_scan/"):
        assert world.tags(key).keys() == LAYOUT_TAGS
    assert world.filed("processed/unknown_scan/") == ["processed/unknown_scan/_manifest.json"]


def test_the_same_version_again_is_a_duplicate(world: World) -> None:
    world.file("documents/Ana_7/lab.txt")
    as_before(world)
    again = world.run(submitted_event("documents/Ana_7/lab.txt"), "e2")
    assert again["disposition"] == "duplicate"


def test_an_adopted_object_keeps_them_and_is_a_duplicate(world: World) -> None:
    write(world, MESSAGE)
    cataloged(adopt(world, MESSAGE))
    as_before(world)
    assert adopt(world, MESSAGE, "a2")["disposition"] == "duplicate"


def test_a_claim_that_adoption_gave_the_kind_of_its_folder_is_reported_and_mended(
    world: World, connection: Connection
) -> None:
    """A lifecycle rule about sessions would take it away, and free the folder for another source."""
    write(world, MESSAGE)
    cataloged(adopt(world, MESSAGE))
    (claim,) = [key for key in world.filed() if key.endswith("_manifest.json")]
    as_before(world)
    assert faults(connection) == []
    before = world.tags(claim)
    tag(world, claim, before | {"kind": "session"})
    (found,) = Reconciler(connection, SOON, look_at_tags=True, passed=lambda _: None).findings()
    assert (found.fault.value, found.why, found.key) == ("mistagged", "wrong tags: kind", claim)
    assert Repairer(connection).repair(found)
    assert world.tags(claim) == before
    assert faults(connection) == []


@pytest.mark.parametrize("earlier", [True, False], ids=["five", "three"])
def test_a_copy_out_of_the_layout_brings_none_of_them_along(world: World, earlier: bool) -> None:
    world.file("documents/Ana_7/lab.txt", Tagging="ward=7")
    if earlier:
        as_before(world)
    copied = world.tags("processed/Ana_7_lab/original.txt")
    assert without_layout_tags(copied) == {"ward": "7"}
    assert without_layout_tags({name: copied[name] for name in LAYOUT_TAGS}) == {}
    source = {"Bucket": PROCESSED, "Key": "processed/Ana_7_lab/original.txt"}
    world.s3.copy_object(Bucket=LANDING, Key="documents/Ben_8/lab.txt", CopySource=source)
    world.run(submitted_event("documents/Ben_8/lab.txt"), "e2")
    filed = world.tags("processed/Ben_8_lab/original.txt")
    assert filed.keys() == {*LAYOUT_TAGS, "ward"}
    assert filed["patient-ref"] != copied["patient-ref"]


def test_an_uploader_s_own_tag_of_a_name_that_was_ours_is_carried_over(world: World) -> None:
    world.file("documents/Ana_7/lab.txt", Tagging="data-type=letter")
    tags = world.tags("processed/Ana_7_lab/original.txt")
    assert tags.keys() == {*LAYOUT_TAGS, "data-type"}
    assert tags["data-type"] == "letter"
    assert world.tags("documents/Ana_7/lab.txt", LANDING)["pipeline-status"] == PipelineStatus.CATALOGED
