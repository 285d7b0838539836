"""What stands in a folder is told as S3 shows it, and what S3 refuses to show is never taken for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from carefile.core.model import Source
from lambdas.adapters.folders import Folders
from tests.unit.world import LANDING, PROCESSED, World, prefix_of

KEY = "documents/P/lab.txt"
SESSION_KEY = "sessions/P/session_1/session.json"


def of(key: str) -> str:
    return Source(LANDING, key).source_id


@pytest.fixture
def folders(world: World) -> Folders:
    return Folders(world.s3, PROCESSED)


def test_a_folder_shows_its_own_source_and_no_other(world: World, folders: Folders) -> None:
    folder = prefix_of(world.file(KEY))
    assert folders.shows(folder, of(KEY))
    assert not folders.shows(folder, of("documents/P/other.txt"))
    assert not folders.shows("processed/P_nothing/", of(KEY))


def test_a_session_s_object_shows_its_own_source_and_what_others_wrote_shows_none(
    world: World, folders: Folders
) -> None:
    folder = prefix_of(world.file(SESSION_KEY))
    world.s3.put_object(Bucket=PROCESSED, Key=f"{folder}by_hand.json", Body=b"{}")
    assert folders.shows(f"{folder}session.json", of(SESSION_KEY))
    assert not folders.shows(f"{folder}session.json", of("sessions/P/session_1/other.json"))
    assert not folders.shows(f"{folder}by_hand.json", of(SESSION_KEY))


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1]", b"\xff"])
def test_what_is_no_manifest_tells_of_none(world: World, folders: Folders, body: bytes) -> None:
    world.s3.put_object(Bucket=PROCESSED, Key="processed/P_x/_manifest.json", Body=body)
    assert folders.manifest("processed/P_x/") is None
    assert folders.manifest("processed/P_y/") is None


def test_the_manifest_of_a_folder_is_read_whole(world: World, folders: Folders) -> None:
    folder = prefix_of(world.file(KEY))
    assert folders.manifest(folder) == world.json(f"{folder}_manifest.json")


@pytest.mark.parametrize("code", ["AccessDenied", "403", "SlowDown", "KMS.DisabledException"])
def test_what_s3_refuses_to_show_is_an_error_and_no_empty_folder(
    world: World, folders: Folders, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    for call in ("get_object", "head_object"):
        monkeypatch.setattr(world.s3, call, refuse)
    with pytest.raises(ClientError):
        folders.manifest("processed/P_lab/")
    with pytest.raises(ClientError):
        folders.shows("processed/P_lab/", of(KEY))


def test_a_folder_s_objects_are_counted_without_its_manifest(world: World, folders: Folders) -> None:
    folder = prefix_of(world.file(KEY))
    assert folders.objects(folder) == 3
    assert list(folders.beginning("processed/P_la")) == [folder]
    assert list(folders.beginning("processed/P_lb")) == []
