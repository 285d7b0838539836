"""A document is read again once its reader has become better; whose it is does not change behind anybody's back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carefile.core.documents.extraction import Extraction, PatientCandidate, TextBlock
from carefile.core.errors import InternalError
from carefile.core.model import Observation
from lambdas import normalise_document
from lambdas.intake.documents import Documents
from tests.unit.world import LANDING, World, cataloged, created_event, execution_arn, submitted_event, types

KEY = "documents/note.txt"
AT = "processed/unknown_note/"


@pytest.fixture
def better(monkeypatch: pytest.MonkeyPatch) -> Better:
    return Better(monkeypatch)


class Better:
    """Readers of a later version: they read more, and may find out whose a document is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch, self._read, self.version = monkeypatch, Documents.read, 1

    def __call__(self, patient: str | None = None) -> None:
        self.version += 1
        version, read_before = self.version, self._read

        def read(documents: Documents, observed: Observation) -> Extraction | None:
            found = read_before(documents, observed)
            named = (PatientCandidate(patient, "MRN"),) if patient else ()
            more = TextBlock(f"read by version {version}")
            return found and replace(found, content=(more,), patient_candidates=named, reader_version=version)

        self._monkeypatch.setattr(Documents, "read", read)


def reread(world: World, how: str = "leave", name: str = "again") -> dict[str, Any]:
    upload = world.classify({"bucket": LANDING, "key": KEY}, name)["upload"]
    given = {"upload": upload, "execution": execution_arn(name), "reread": how}
    found: dict[str, Any] = normalise_document.handler(given, None)
    return found


def text(world: World, folder: str = AT) -> str:
    return str(world.json(f"{folder}extracted_data.json")["content"][0]["text"])


def test_a_record_says_who_read_it_and_its_stamp_too(world: World) -> None:
    world.file(KEY)
    assert world.json(f"{AT}extracted_data.json")["reader"] == {"name": "text", "version": 1}
    for name in ("extracted_data.json", "result.html", "_manifest.json"):
        assert world.head(AT + name)["Metadata"]["carefile-readers"] == "text/1"


def test_a_better_reader_changes_nothing_until_it_is_asked_to(world: World, better: Better) -> None:
    first = cataloged(world.file(KEY))
    better()
    again = cataloged(world.run(created_event(KEY, first["source"]["version_id"]), "e2"))
    assert (again["disposition"], again["revision"]) == ("duplicate", first["revision"])
    assert text(world) == "hello"


def test_asked_to_it_files_the_record_anew_and_announces_it(world: World, better: Better) -> None:
    first = cataloged(world.file(KEY))
    better()
    second = cataloged(reread(world))
    assert text(world) == "read by version 2"
    assert second["disposition"] == "cataloged"
    assert second["revision"] > first["revision"]
    assert (second["event_id"], second["location"]["prefix"]) == (first["event_id"], AT)


def test_what_is_read_by_this_version_or_a_later_one_is_left(world: World, better: Better) -> None:
    world.file(KEY)
    better()
    first = cataloged(reread(world))
    assert cataloged(reread(world, name="once-more"))["revision"] == first["revision"]
    better.version = 0
    better()  # a function of the release before is still running
    older = cataloged(reread(world, name="old"))
    assert (older["disposition"], older["revision"]) == ("duplicate", first["revision"])
    assert text(world) == "read by version 2"


def test_a_document_whose_patient_would_change_is_left_for_a_person(world: World, better: Better) -> None:
    first = cataloged(world.file(KEY))
    better(patient="P_7")
    result = reread(world)
    assert result["left"] is True
    assert types(result) == ["Object Cataloged"]
    told = cataloged(result)
    assert told["disposition"] == "duplicate"
    same = ("patient", "location", "source", "revision", "event_id", "evidence", "session_info")
    assert [told[name] for name in same] == [first[name] for name in same]
    assert text(world) == "hello"
    assert world.filed("processed/P_7") == []


def test_told_to_it_moves_the_document(world: World, better: Better) -> None:
    world.file(KEY)
    better(patient="P_7")
    result = reread(world, "move")
    assert "left" not in result
    assert cataloged(result)["patient"] == {"status": "known", "id": "P_7"}
    assert types(result) == ["Object Cataloged", "Object Retired"]
    assert text(world, "processed/P_7_note/") == "read by version 2"


@pytest.mark.parametrize("how", ["leave", "move"])
def test_what_a_person_decided_stays(world: World, better: Better, how: str) -> None:
    version = world.file(KEY)["upload"]["version_id"]
    world.run(submitted_event(KEY, {"patient_id": "Q_8"}, version_id=version), "decided")
    better(patient="P_7")
    result = reread(world, how)
    assert "left" not in result
    assert cataloged(result)["patient"]["id"] == "Q_8"
    assert text(world, "processed/Q_8_note/") == "read by version 2"


def test_a_newer_upload_is_filed_whatever_it_names(world: World, better: Better) -> None:
    world.file(KEY)
    better(patient="P_7")
    world.upload(KEY, b"another")
    result = reread(world)
    assert "left" not in result
    assert cataloged(result)["patient"]["id"] == "P_7"


def test_a_crash_between_two_artifacts_is_mended_by_a_redrive(
    world: World, better: Better, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(KEY)
    better()
    page = Documents.page

    def crash(*_: Any) -> bytes:
        raise ConnectionError

    monkeypatch.setattr(Documents, "page", crash)
    with pytest.raises(InternalError):
        reread(world)
    monkeypatch.setattr(Documents, "page", page)
    second = cataloged(reread(world))
    assert second["disposition"] == "cataloged"
    stamps = [world.head(AT + name)["Metadata"] for name in ("result.html", "_manifest.json")]
    assert {stamp["carefile-readers"] for stamp in stamps} == {"text/2"}
