"""Mistakes that systems of this kind are known to have made. Those about names are among the golden cases."""

from __future__ import annotations

import pytest

from carefile.core.errors import CarefileError
from tests.unit.world import LANDING, PROCESSED, World, created_event, prefix_of, submitted_event, types


def test_what_cleans_up_looks_where_the_writer_wrote(world: World) -> None:
    written = prefix_of(world.file("documents/P/Lab Report+50%.txt"))
    moved = world.run(submitted_event("documents/P/Lab Report+50%.txt", {"patient_id": "Q"}), "e2")
    (retired,) = [event for event in moved["events"] if event["detail_type"] == "Object Retired"]
    assert retired["detail"]["location"]["prefix"] == written
    assert world.filed(written) == [f"{written}_manifest.json"]


def test_a_function_that_fails_raises_and_never_returns_a_status_500(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.upload("documents/P/x.txt")
    classified = world.classify(created_event("documents/P/x.txt", version))
    monkeypatch.setattr(world.s3, "copy_object", None)
    with pytest.raises(CarefileError):
        world.normalise(classified)


def test_files_whose_names_differ_after_the_first_dot_stay_apart(world: World) -> None:
    names = ["170.315_b1_toc.xml", "170.315_b1_toc_amb.xml", "170.314_b7.xml"]
    folders = {
        prefix_of(world.file(f"documents/P/{name}", b"<a/>", name=f"e{n}")) for n, name in enumerate(names)
    }
    assert folders == {f"processed/P_{name.removesuffix('.xml')}/" for name in names}


def test_medical_notes_pdf_does_not_land_among_the_sessions(world: World) -> None:
    world.file("sessions/P/session_1/session.json", b"{}")
    world.file("documents/P/medical_notes.pdf", b"no pdf", name="e2")
    assert {key.split("/")[2] for key in world.filed("processed/P_medical_notes/")} == {"session_1"}


def test_a_patient_named_unknown_does_not_join_the_unknown_as_a_patient(world: World) -> None:
    detail = world.file("documents/unknown/x.txt")["events"][0]["detail"]
    assert detail["patient"]["status"] == "unknown"


def test_progress_is_marked_without_writing_the_landing_object_again(world: World) -> None:
    version = world.upload("documents/P/x.txt")
    world.run(created_event("documents/P/x.txt", version))
    (only,) = world.s3.list_object_versions(Bucket=LANDING)["Versions"]
    assert only["VersionId"] == version


def test_an_old_result_is_never_reported_for_a_new_document_of_the_same_name(world: World) -> None:
    world.file("documents/P/2024/lab.txt", b"old")
    new = world.file("documents/P/2025/lab.txt", b"new", name="e2")
    assert (new["disposition"], types(new)) == ("cataloged", ["Object Cataloged"])
    assert world.body(f"{prefix_of(new)}original.txt") == b"new"


def test_an_overwrite_is_seen_in_the_catalog(world: World) -> None:
    world.file("documents/P/x.txt", b"one")
    version = world.upload("documents/P/x.txt", b"longer")
    world.run(created_event("documents/P/x.txt", version), "e2")
    (entry,) = world.catalog()
    assert (entry["landing_version"]["S"], entry["size"]["N"]) == (version, "6")


def test_many_executions_for_one_upload_make_one_entry_and_one_folder(world: World) -> None:
    event = created_event("documents/P/x.txt", world.upload("documents/P/x.txt"))
    ended = [world.run(event, f"e{number}")["disposition"] for number in range(5)]
    assert ended == ["cataloged", *["duplicate"] * 4]
    assert len(world.catalog()) == 1
    assert len(world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/")["Versions"]) == 5
