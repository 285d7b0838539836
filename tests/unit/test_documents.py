"""A document becomes a folder of four files: same bytes, all tagged, provenance kept."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carefile.core.filing.tagging import LAYOUT_TAGS
from carefile.core.messages.head import observed
from carefile.core.model import Source
from lambdas.adapters import aws
from tests.unit.world import LANDING, PROCESSED, World, cataloged, created_event, prefix_of, types

KEY = "documents/Juan_Perez_123/lab_report.txt"
FOLDER = "processed/Juan_Perez_123_lab_report/"


def test_a_document_becomes_its_folder_of_four_files(world: World) -> None:
    result = world.file(KEY)
    assert result["disposition"] == "cataloged"
    names = ("_manifest.json", "extracted_data.json", "original.txt", "result.html")
    assert world.filed() == [FOLDER + name for name in names]


def test_the_original_has_the_bytes_of_the_upload(world: World) -> None:
    body = bytes(range(256)) * 40
    world.file("documents/P1/scan.bin", body)
    assert world.body("processed/P1_scan/original.bin") == body


def test_what_was_read_stands_in_the_record_and_on_the_page(world: World) -> None:
    world.file(KEY, b"Haemoglobin 13.9 g/dl")
    record = world.json(FOLDER + "extracted_data.json")
    assert "Haemoglobin 13.9 g/dl" in json.dumps(record["content"])
    assert b"Haemoglobin 13.9 g/dl" in world.body(FOLDER + "result.html")


def test_what_cannot_be_read_is_filed_with_a_record_that_says_so(world: World) -> None:
    assert world.file("documents/P1/film.mov", b"\x00\x00\x00\x18ftypqt  ")["disposition"] == "cataloged"
    assert world.json("processed/P1_film/extracted_data.json")["status"] == "not-read"


def test_the_record_names_the_file_as_it_was_uploaded(world: World) -> None:
    world.file(KEY)
    assert world.json(FOLDER + "extracted_data.json")["document"]["name"] == "lab_report.txt"


def test_every_object_of_the_folder_carries_the_three_tags(world: World) -> None:
    world.file(KEY)
    for key in world.filed():
        tags = world.tags(key)
        assert tags["kind"] == ("manifest" if key.endswith("/_manifest.json") else "document")
        assert tags["patient-status"] == "known"
        assert tags.keys() == LAYOUT_TAGS
        assert world.head(key)["Metadata"]["carefile-layout"] == "1"
        assert len(tags["patient-ref"]) == 16
        assert "Juan" not in str(tags)


@pytest.fixture
def requests(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every request to S3, as it is made."""
    made: list[tuple[str, dict[str, Any]]] = []
    real = aws.s3()._make_api_call  # type: ignore[attr-defined]

    def noted(operation: str, arguments: dict[str, Any]) -> Any:
        made.append((operation, arguments))
        return real(operation, arguments)

    monkeypatch.setattr(aws.s3(), "_make_api_call", noted)
    return made


def test_tags_and_stamp_are_written_by_the_request_that_writes_the_object(
    world: World, requests: list[tuple[str, dict[str, Any]]]
) -> None:
    world.file(KEY)
    writes = [
        (operation, arguments)
        for operation, arguments in requests
        if arguments.get("Bucket") == PROCESSED and operation.startswith(("Put", "Copy", "Create"))
    ]
    assert {operation for operation, _ in writes} == {"PutObject", "CopyObject"}
    claim, *rest = writes
    assert claim[1]["Tagging"] == "kind=manifest"
    assert all("patient-status=known" in arguments["Tagging"] for _, arguments in rest)
    copies = [arguments for operation, arguments in writes if operation == "CopyObject"]
    assert [c["TaggingDirective"] + c["MetadataDirective"] for c in copies] == ["REPLACEREPLACE"]


def test_exactly_the_version_that_was_read_is_copied(
    world: World, requests: list[tuple[str, dict[str, Any]]]
) -> None:
    version = world.upload(KEY)
    world.run(created_event(KEY, version))
    asked = {
        operation: arguments for operation, arguments in requests if operation in ("GetObject", "CopyObject")
    }
    etag = world.s3.head_object(Bucket=LANDING, Key=KEY)["ETag"]
    assert (asked["GetObject"]["VersionId"], asked["GetObject"]["IfMatch"]) == (version, etag)
    assert asked["CopyObject"]["CopySource"] == f"{LANDING}/{KEY}?versionId={version}"
    assert asked["CopyObject"]["CopySourceIfMatch"] == etag


def test_two_patients_have_different_pseudonyms_and_one_patient_has_one(world: World) -> None:
    refs = [
        world.tags(prefix_of(world.file(key)) + "original.txt")["patient-ref"]
        for key in ("documents/A/x.txt", "documents/A/y.txt", "documents/B/x.txt")
    ]
    assert refs[0] == refs[1] != refs[2]


def test_the_uploaders_tags_are_carried_over_until_there_are_ten(world: World) -> None:
    theirs = "&".join(f"t{number}=v{number}" for number in range(8))
    world.file(KEY, Tagging=theirs)
    tags = world.tags(FOLDER + "original.txt")
    assert len(tags) == 10
    assert {name: tags[name] for name in tags if name.startswith("t")} == {f"t{n}": f"v{n}" for n in range(7)}


def test_an_uploaders_tag_never_replaces_one_of_ours(world: World) -> None:
    world.file(KEY, Tagging="kind=virus&patient-ref=Juan&pipeline-status=cataloged")
    tags = world.tags(FOLDER + "original.txt")
    assert tags["kind"] == "document"
    assert tags["patient-ref"] != "Juan"
    assert "pipeline-status" not in tags


def test_odd_characters_in_tags_arrive_unchanged(world: World) -> None:
    world.s3.put_object(
        Bucket=LANDING, Key=KEY, Body=b"x", Tagging="study+name=a%2Bb%3Dc%20%2F%20%40%5F%3A.-"
    )
    world.run({"bucket": LANDING, "key": KEY})
    assert world.tags(FOLDER + "original.txt")["study name"] == "a+b=c / @_:.-"


def test_the_uploaders_metadata_and_headers_come_along(world: World) -> None:
    world.file(
        KEY,
        Metadata={"device": "scanner 7", "ward": "3b"},
        ContentType="text/plain; charset=utf-8",
        ContentLanguage="de",
        ContentDisposition='attachment; filename="lab.txt"',
        CacheControl="no-store",
        ContentEncoding="identity",
    )
    found = world.head(FOLDER + "original.txt")
    assert found["Metadata"]["device"] == "scanner 7"
    assert found["Metadata"]["ward"] == "3b"
    assert found["ContentType"] == "text/plain; charset=utf-8"
    assert found["ContentLanguage"] == "de"
    assert found["ContentDisposition"] == 'attachment; filename="lab.txt"'
    assert found["CacheControl"] == "no-store"


@pytest.mark.parametrize("name", ["Müller.pdf", "Ñandú Ω.pdf", "plain.pdf"])
def test_a_header_that_is_not_ascii_is_copied_as_it_was_sent(name: str) -> None:
    """S3 answers with the UTF-8 that it was sent; HTTP clients read that as Latin-1, and boto3 sends UTF-8 again."""
    sent = f'attachment; filename="{name}"'
    answer = {
        "ETag": '"e"',
        "LastModified": datetime(2026, 11, 20, tzinfo=UTC),
        "ContentLength": 1,
        "ContentDisposition": sent.encode().decode("latin-1"),
    }
    assert observed(Source("b", "k"), answer).headers == (("ContentDisposition", sent),)
    # What never was UTF-8 stays as it is.
    assert (
        observed(Source("b", "k"), answer | {"ContentDisposition": "M\xfcller"}).headers[0][1] == "M\xfcller"
    )


def test_every_artifact_is_stamped_with_its_source_version_and_revision(world: World) -> None:
    result = world.file(KEY, name="run-7")
    detail = cataloged(result)
    for key in world.filed():
        metadata = world.head(key)["Metadata"]
        assert metadata["carefile-source"] == detail["source_id"]
        assert metadata["carefile-version"] == detail["source"]["version_id"]
        assert metadata["carefile-revision"] == "1"
        assert metadata["carefile-execution"] == "run-7"


def test_metadata_near_the_limit_is_kept_as_far_as_it_fits_beside_the_stamp(world: World) -> None:
    theirs = {f"m{number}": "x" * 200 for number in range(10)}
    assert world.file(KEY, Metadata=theirs)["disposition"] == "cataloged"
    metadata = world.head(FOLDER + "original.txt")["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048
    assert metadata["carefile-role"] == "original"
    assert set(theirs) & set(metadata) == {f"m{number}" for number in range(9)}


def test_one_large_value_does_not_keep_out_the_small_ones_after_it(world: World) -> None:
    world.file(KEY, Metadata={"a": "x" * 1900, "ward": "3b"})
    metadata = world.head(FOLDER + "original.txt")["Metadata"]
    assert "a" not in metadata
    assert metadata["ward"] == "3b"


def test_metadata_that_copies_our_stamp_is_dropped(world: World) -> None:
    world.file(KEY, Metadata={"carefile-source": "forged", "carefile-revision": "99", "carefile-more": "x"})
    metadata = world.head(FOLDER + "original.txt")["Metadata"]
    assert metadata["carefile-source"] != "forged"
    assert metadata["carefile-revision"] == "1"
    assert "carefile-more" not in metadata


def test_a_patient_id_that_is_not_ascii_is_read_from_metadata(world: World) -> None:
    encoded_name = "=?UTF-8?B?TcO8bGxlcl80Mg==?="  # Müller_42, as S3 returns it
    result = world.file("note.txt", Metadata={"patient-id": encoded_name})
    assert prefix_of(result) == "processed/Müller_42_note/"
    assert world.head("processed/Müller_42_note/original.txt")["Metadata"]["patient-id"] == encoded_name


def test_the_manifest_names_owner_source_and_artifacts(world: World) -> None:
    detail = cataloged(world.file(KEY))
    manifest = world.json(FOLDER + "_manifest.json")
    assert manifest["state"] == "filed"
    assert manifest["owner"]["key"] == KEY
    assert manifest["source"]["version_id"] == detail["source"]["version_id"]
    stored = {item["key"]: item for item in detail["location"]["objects"]}
    assert [item["role"] for item in manifest["artifacts"]] == ["original", "extracted", "result"]
    assert all(stored[item["key"]] == item for item in manifest["artifacts"])


def test_the_event_names_each_object_as_it_stands_in_the_bucket(world: World) -> None:
    for item in cataloged(world.file(KEY))["location"]["objects"]:
        found = world.head(item["key"])
        assert item["version_id"] == found["VersionId"]
        assert item["etag"] == found["ETag"].strip('"')
        assert item["size"] == found["ContentLength"]
        assert item["content_type"] == found["ContentType"]


@pytest.mark.parametrize(
    ("key", "folder", "original"),
    [
        ("documents/P/170.315_b1_toc.xml", "P_170.315_b1_toc", "original.xml"),
        ("documents/P/a.tar.gz", "P_a.tar", "original.gz"),
        ("documents/P/README", "P_README", "original"),
        ("documents/P/.profile", "P_.profile", "original"),
        ("documents/P/Lab Report+50%25.pdf", "P_Lab_Report=2B50=2525", "original.pdf"),
        ("documents/P/a+b 50%25.pdf", "P_a=2Bb_50=2525", "original.pdf"),
    ],
)
def test_the_extension_goes_at_the_last_dot_and_keys_are_never_decoded(
    world: World, key: str, folder: str, original: str
) -> None:
    world.file(key, b"%PDX no pdf")
    assert f"processed/{folder}/{original}" in world.filed()
    assert world.json(f"processed/{folder}/_manifest.json")["owner"]["key"] == key


def test_a_key_of_1024_bytes_is_filed(world: World) -> None:
    key = "documents/" + "é" * 300 + "/" + "x" * 409 + ".txt"
    assert len(key.encode()) == 1024
    result = world.file(key)
    assert result["disposition"] == "cataloged"
    assert all(len(found.encode()) <= 1024 for found in world.filed())


def test_an_object_too_large_for_one_copy_goes_in_parts_with_tags_and_metadata(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.adapters.processed.MAX_SINGLE_COPY", 1024)
    body = b"0123456789abcdef" * 64 * 1024 * 9  # 9 MiB: boto3 copies in parts above 8
    result = world.file(
        "documents/P/large.bin",
        body,
        Metadata={"device": "ct"},
        Tagging="a=b",
        ContentType="application/dicom",
    )
    key = "processed/P_large/original.bin"
    found = world.head(key)
    assert found["ETag"].strip('"').endswith("-2")
    assert world.body(key) == body
    assert found["Metadata"]["device"] == "ct"
    assert found["Metadata"]["carefile-revision"] == "1"
    assert found["ContentType"] == "application/dicom"
    assert world.tags(key)["kind"] == "document"
    assert world.tags(key)["a"] == "b"
    (original, *_) = cataloged(result)["location"]["objects"]
    assert (original["etag"], original["version_id"]) == (found["ETag"].strip('"'), found["VersionId"])


def test_a_new_version_replaces_the_old_one_with_the_new_bytes(world: World) -> None:
    first = world.file(KEY, b"one")
    second = world.file(KEY, b"two", name="e2")
    assert (first["disposition"], second["disposition"]) == ("cataloged", "cataloged")
    assert world.body(FOLDER + "original.txt") == b"two"
    assert cataloged(second)["event_id"] != cataloged(first)["event_id"]
    assert cataloged(second)["revision"] > cataloged(first)["revision"]
    (entry,) = world.catalog()
    assert entry["event_id"]["S"] == cataloged(second)["event_id"]


def test_a_name_that_would_end_like_a_session_prefix_gets_a_suffix(world: World) -> None:
    for key in ("documents/P/medical_notes.pdf", "documents/P/x_medical_notes.pdf", "medical notes.txt"):
        prefix = prefix_of(world.file(key, b"no pdf"))
        assert not prefix.endswith("_medical_notes/")
    assert not [key for key in world.filed() if "_medical_notes/" in key]


def test_an_event_sent_again_is_a_duplicate_and_writes_nothing(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    first = world.run(event)
    before = world.s3.list_object_versions(Bucket=PROCESSED)["Versions"]
    again = world.run(event, "e2")
    assert (first["disposition"], again["disposition"]) == ("cataloged", "duplicate")
    assert world.s3.list_object_versions(Bucket=PROCESSED)["Versions"] == before
    assert types(again) == ["Object Cataloged"]
    assert cataloged(again)["event_id"] == cataloged(first)["event_id"]
    assert cataloged(again)["revision"] == cataloged(first)["revision"]
    assert len(world.catalog()) == 1


def test_a_compressed_upload_is_read_through_and_its_bytes_stay(world: World) -> None:
    packed = gzip.compress(b"Haemoglobin 13.9 g/dl")
    world.s3.put_object(Bucket=LANDING, Key=KEY, Body=packed, ContentEncoding="gzip")
    world.run({"bucket": LANDING, "key": KEY})
    assert world.body(FOLDER + "original.txt") == packed
    assert "Haemoglobin 13.9 g/dl" in json.dumps(world.json(FOLDER + "extracted_data.json")["content"])
