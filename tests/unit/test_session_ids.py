"""A session's folder is named by its id, byte for byte, so that whoever wrote it finds it again."""

from __future__ import annotations

import pytest

from tests.unit.world import World, prefix_of

IDS = (
    "ana.ruiz+visit@example.org",
    "+34 600 123 456",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "2026-11-20T10:00:00.000+01:00",
    "  two  blanks ",
    "Mu\u0308ller",
    "M\u00fcller",
    "x" * 200,
    "é" * 200,
    "🩺" * 200,
    "a=2Fb&c=%2F",
    "session_5",
    "..",
    "_manifest.json",
    "~*'(\\\"!",
)


@pytest.mark.parametrize("id", IDS)
def test_a_session_is_found_again_by_its_id(world: World, id: str) -> None:
    for path in ("session.json", f"agents/agent_{id[:40]}/agent.json"):
        world.file(f"sessions/P/session_{id}/{path}", b"{}", name=f"e{path}")
        assert world.body(f"processed/P_medical_notes/session_{id}/{path}") == b"{}"


def test_no_two_of_them_share_a_folder(world: World) -> None:
    folders = [prefix_of(world.file(f"sessions/P/session_{id}/session.json", b"{}")) for id in IDS]
    assert len(set(folders)) == len(IDS)


def test_an_id_too_long_for_a_key_is_cut_and_keeps_its_session_together(world: World) -> None:
    patient, id = "p" * 150, "x" * 800
    folders = {
        prefix_of(world.file(f"sessions/{patient}/session_{id}/{path}", b"{}", name=path))
        for path in ("session.json", "agents/agent_a/agent.json")
    }
    assert len(folders) == 1
    assert all(len(key.encode()) <= 1024 for key in world.filed())
