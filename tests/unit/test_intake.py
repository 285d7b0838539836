"""How an intake ends, whatever comes between its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from carefile.core.errors import RejectedObject, StillChanging
from carefile.core.model import Observation, Source
from lambdas.intake.convergence import MAX_ROUNDS
from tests.unit.world import (
    LANDING,
    PROCESSED,
    World,
    cataloged,
    created_event,
    prefix_of,
    submitted_event,
    types,
)

KEY = "documents/P/x.txt"
ORIGINAL = "processed/P_x/original.txt"


def meanwhile(world: World, owner: object, method: str, act: Callable[[int], None]) -> None:
    """Let `act` happen each time just before a call, with the number of the call."""
    real, calls = getattr(owner, method), []

    def with_interruption(*arguments: Any, **named: Any) -> Any:
        calls.append(method)
        act(len(calls))
        return real(*arguments, **named)

    world.monkeypatch.setattr(owner, method, with_interruption)


def test_an_upload_is_cataloged(world: World) -> None:
    result = world.file(KEY)
    assert (result["disposition"], types(result)) == ("cataloged", ["Object Cataloged"])


def test_of_two_uploads_the_first_ones_event_is_superseded_and_files_the_newest(world: World) -> None:
    old, new = world.upload(KEY, b"one"), world.upload(KEY, b"two")
    late, own = world.run(created_event(KEY, old), "e1"), world.run(created_event(KEY, new), "e2")
    assert (late["disposition"], own["disposition"]) == ("superseded", "duplicate")
    assert world.body(ORIGINAL) == b"two"
    assert cataloged(late)["event_id"] == cataloged(own)["event_id"]
    assert cataloged(late)["source"]["version_id"] == new
    assert world.tags(KEY, LANDING, VersionId=old) == {"pipeline-status": "superseded"}
    assert world.tags(KEY, LANDING, VersionId=new) == {"pipeline-status": "cataloged"}


def test_events_in_the_wrong_order_end_with_the_newest_version(world: World) -> None:
    old, new = world.upload(KEY, b"one"), world.upload(KEY, b"two")
    world.run(created_event(KEY, new), "e2")
    assert world.run(created_event(KEY, old), "e1")["disposition"] == "superseded"
    assert world.body(ORIGINAL) == b"two"
    (entry,) = world.catalog()
    assert entry["landing_version"]["S"] == new


def test_the_same_bytes_uploaded_again_are_a_version_of_their_own(world: World) -> None:
    first, second = world.file(KEY), world.file(KEY, name="e2")
    assert (first["disposition"], second["disposition"]) == ("cataloged", "cataloged")
    assert cataloged(first)["event_id"] != cataloged(second)["event_id"]


def test_a_version_uploaded_during_the_copy_is_filed_in_the_same_intake(world: World) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY, b"one")))
    meanwhile(
        world, world.intake.filing.processed, "copy", lambda call: call == 1 and world.upload(KEY, b"two")
    )
    result = world.normalise(classified)
    assert result["disposition"] == "superseded"
    assert world.body(ORIGINAL) == b"two"
    assert cataloged(result)["revision"] == 2


def test_an_object_that_changes_in_every_round_is_left_for_a_redrive(world: World) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY, b"0")))
    meanwhile(world, world.intake.filing.processed, "copy", lambda call: world.upload(KEY, b"%d" % call))
    with pytest.raises(StillChanging, match=f"{MAX_ROUNDS} rounds"):
        world.normalise(classified)
    world.monkeypatch.undo()
    world.wire()
    world.normalise(classified)
    assert world.body(ORIGINAL) == b"%d" % MAX_ROUNDS


def test_an_upload_deleted_before_it_was_filed_is_withdrawn(world: World) -> None:
    version = world.upload(KEY)
    world.delete(KEY)
    result = world.run(created_event(KEY, version))
    assert (result["disposition"], types(result)) == ("withdrawn", ["Object Withdrawn"])
    assert "classification" not in result
    assert result["events"][0]["detail"]["source"] == {"bucket": LANDING, "key": KEY, "version_id": version}
    assert world.filed() == []
    assert world.tags(KEY, LANDING, VersionId=version) == {"pipeline-status": "withdrawn"}


def test_an_upload_deleted_between_classify_and_normalise_is_withdrawn(world: World) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY)))
    world.delete(KEY)
    assert world.normalise(classified)["disposition"] == "withdrawn"
    assert world.filed() == []


def test_a_version_erased_for_good_is_withdrawn(world: World) -> None:
    version = world.upload(KEY)
    classified = world.classify(created_event(KEY, version))
    world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
    assert world.normalise(classified)["disposition"] == "withdrawn"


def test_deleting_the_upload_does_not_unfile_it(world: World) -> None:
    version = world.upload(KEY)
    event = created_event(KEY, version)
    world.run(event)
    world.delete(KEY)
    again = world.run(event, "e2")
    assert again["disposition"] == "duplicate"
    assert len(world.filed("processed/P_x/")) == 4


def test_an_upload_deleted_during_the_copy_is_filed_all_the_same(world: World) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY)))
    meanwhile(world, world.intake.filing.processed, "put_json", lambda _: world.delete(KEY))
    assert world.normalise(classified)["disposition"] == "cataloged"
    assert len(world.filed("processed/P_x/")) == 4


def test_a_version_that_vanishes_during_the_copy_is_not_half_filed(world: World) -> None:
    version = world.upload(KEY)
    classified = world.classify(created_event(KEY, version))
    meanwhile(
        world,
        world.intake.filing.processed,
        "copy",
        lambda _: world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version),
    )
    assert world.normalise(classified)["disposition"] == "withdrawn"
    assert world.filed() == ["processed/P_x/_manifest.json"]
    assert world.json("processed/P_x/_manifest.json")["state"] == "claimed"


def test_an_empty_version_over_a_filed_one_unfiles_nothing(world: World) -> None:
    version = world.upload(KEY, b"full")
    event = created_event(KEY, version)
    world.run(event)
    empty = world.upload(KEY, b"")
    with pytest.raises(RejectedObject, match=r"^empty-object"):
        world.run(created_event(KEY, empty), "e2")
    assert world.run(event, "e3")["disposition"] == "duplicate"
    assert world.body(ORIGINAL) == b"full"


def test_an_empty_version_does_not_keep_the_one_before_it_from_being_filed(world: World) -> None:
    world.run(created_event(KEY, world.upload(KEY, b"old")))
    classified = world.classify(created_event(KEY, world.upload(KEY, b"full")), "e2")
    world.upload(KEY, b"")
    world.upload(KEY, b"")
    assert world.normalise(classified, "e2")["disposition"] == "cataloged"
    assert world.body(ORIGINAL) == b"full"


def test_what_is_hidden_by_an_empty_version_is_still_decided_about(world: World) -> None:
    world.run(created_event(KEY, world.upload(KEY, b"full")))
    world.upload(KEY, b"")
    decided = world.run(submitted_event(KEY, {"patient_id": "C"}), "e2")
    assert decided["disposition"] == "cataloged"
    assert world.filed() == [
        *(f"processed/C_x/{name}" for name in ("_manifest.json", "extracted_data.json", "original.txt")),
        "processed/C_x/result.html",
        "processed/P_x/_manifest.json",
    ]


def test_an_upload_is_withdrawn_only_where_it_is_newer_than_what_is_filed(world: World) -> None:
    """Both are of one second, which is all that S3 tells."""
    first, second = (created_event(KEY, world.upload(KEY, body)) for body in (b"1", b"2"))
    third = created_event(KEY, world.upload(KEY, b"3"))
    world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=third["detail"]["object"]["version-id"])
    world.run(second)
    world.delete(KEY)
    assert world.run(first, "e2")["disposition"] == "superseded"

    later = created_event(KEY, world.upload(KEY, b"4"))
    world.delete(KEY)
    assert world.run(later, "e3")["disposition"] == "withdrawn"


def test_an_upload_that_another_round_began_to_file_is_not_withdrawn(world: World) -> None:
    """That round read the ledger while the upload was the current version, and writes ahead just before the check."""
    world.file(KEY, b"1")
    late = created_event(KEY, world.upload(KEY, b"2"))
    classified = world.classify(late, "e2")
    ledger, source = world.intake.ledger, Source(LANDING, KEY)
    seen, known = world.intake.landing.head(source), ledger.read(source)
    assert isinstance(seen, Observation)
    world.delete(KEY)

    def begin(number: int) -> None:
        if number == 1:
            assert ledger.write_ahead(seen, "processed/P_x/", known)

    meanwhile(world, ledger, "stop_others", begin)
    result = world.normalise(classified, "e2")
    assert (result["disposition"], types(result)) == ("cataloged", ["Object Cataloged"])
    assert world.body(ORIGINAL) == b"2"


@pytest.mark.parametrize("operation", ["CopyObject", "PutObject", "UpdateItem", "HeadObject"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_redrive_after_a_crash_at_any_write_ends_as_if_nothing_had_happened(
    world: World, operation: str, after: bool
) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY, b"full")))
    clients = [world.s3, world.dynamodb]
    for crash_at in range(1, 8):
        calls = 0
        with pytest.MonkeyPatch.context() as patch:
            for client in clients:
                real = client._make_api_call  # type: ignore[attr-defined]

                def crashing(name: str, arguments: Any, real: Any = real, at: int = crash_at) -> Any:
                    nonlocal calls
                    calls += name == operation
                    if name == operation and calls == at:
                        if after:
                            real(name, arguments)
                        raise MemoryError
                    return real(name, arguments)

                patch.setattr(client, "_make_api_call", crashing)
            try:
                world.normalise(classified)
            except Exception:
                world.wire()
            else:
                break
    result = world.normalise(classified)
    assert result["disposition"] == "cataloged"
    assert world.body(ORIGINAL) == b"full"
    assert len(world.filed()) == 4
    assert all(world.head(key)["Metadata"]["carefile-version"] for key in world.filed())


def test_a_half_written_folder_is_completed_by_the_next_execution(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    world.run(event)
    world.s3.delete_object(Bucket=PROCESSED, Key="processed/P_x/result.html")
    result = world.run(event, "e2")
    assert result["disposition"] == "cataloged"
    assert "processed/P_x/result.html" in world.filed()


def test_an_execution_name_that_is_not_ascii_is_no_hindrance(world: World) -> None:
    assert world.file(KEY, name="Prüfung-検査")["disposition"] == "cataloged"
    assert world.run({"bucket": LANDING, "key": KEY}, "Prüfung-検査")["disposition"] == "cataloged"
    assert world.run({"bucket": LANDING, "key": KEY}, "Prüfung-2")["disposition"] == "duplicate"


def test_announcements_of_one_version_share_their_event_id(world: World) -> None:
    version = world.upload(KEY)
    ids = {cataloged(world.run(created_event(KEY, version), f"e{n}"))["event_id"] for n in range(3)}
    assert len(ids) == 1


def test_one_key_in_two_buckets_is_two_sources() -> None:
    from carefile.core.model import Source

    assert Source("a", "b/c").source_id != Source("a/b", "c").source_id
    assert Source("one", KEY).source_id != Source("two", KEY).source_id


def test_nothing_is_written_into_the_landing_bucket(world: World) -> None:
    world.file(KEY)
    assert [item["Key"] for item in world.s3.list_objects_v2(Bucket=LANDING)["Contents"]] == [KEY]
    assert prefix_of(world.run({"bucket": LANDING, "key": KEY}, "e2")).startswith("processed/")
