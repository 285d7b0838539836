"""An upload that a browser would run is filed as something to save, in the request that copies it."""

from __future__ import annotations

import pytest

from carefile.core.filing.browsing import safe_disposition
from tests.unit.world import PROCESSED, World

PAGE = b"<script>alert(document.domain)</script>"
RUNS = [
    *("text/html", "TEXT/HTML; charset=utf-8", " text/html", "application/xhtml+xml", "image/svg+xml"),
    *(
        "text/xml",
        "application/xml",
        "application/rss+xml",
        "text/xsl",
        "multipart/x-mixed-replace; boundary=b",
    ),
    *("text/plain, text/html", "unknown/unknown", "*/*", "html", ""),
]
RUNS_NOT = [
    "application/pdf",
    "image/png",
    "text/plain; charset=utf-8",
    "binary/octet-stream",
    "application/json",
]


@pytest.mark.parametrize("content_type", RUNS)
@pytest.mark.parametrize("theirs", [None, "inline", 'inline; filename="attachment"', "attachments"])
def test_what_runs_is_an_attachment_whatever_its_uploader_says(content_type: str, theirs: str | None) -> None:
    assert safe_disposition(content_type, theirs) == "attachment"


@pytest.mark.parametrize("content_type", RUNS)
def test_an_attachment_keeps_its_name(content_type: str) -> None:
    theirs = 'Attachment; filename="page.html"'
    assert safe_disposition(content_type, theirs) == theirs


@pytest.mark.parametrize("content_type", RUNS_NOT)
@pytest.mark.parametrize("theirs", [None, "inline", 'attachment; filename="x"'])
def test_all_else_stays_as_it_was_uploaded(content_type: str, theirs: str | None) -> None:
    assert safe_disposition(content_type, theirs) == theirs


@pytest.mark.parametrize(
    ("key", "filed"),
    [
        ("documents/P1/page.html", "processed/P1_page/original.html"),
        ("documents/P1/picture.svg", "processed/P1_picture/original.svg"),
        (
            "sessions/P1/session_1/agents/agent_a/page.html",
            "processed/P1_medical_notes/session_1/agents/agent_a/page.html",
        ),
    ],
)
def test_it_is_filed_so_with_the_bytes_and_the_type_it_came_with(world: World, key: str, filed: str) -> None:
    kind = "image/svg+xml" if key.endswith("svg") else "text/html"
    world.file(key, PAGE, ContentType=kind, ContentDisposition="inline")
    found = world.s3.head_object(Bucket=PROCESSED, Key=filed)
    assert found["ContentDisposition"] == "attachment"
    assert found["ContentType"] == kind
    assert world.body(filed) == PAGE


def test_the_page_that_is_made_here_is_shown(world: World) -> None:
    world.file("documents/P1/page.html", PAGE, ContentType="text/html")
    assert "ContentDisposition" not in world.s3.head_object(
        Bucket=PROCESSED, Key="processed/P1_page/result.html"
    )
