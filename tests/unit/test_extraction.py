"""What was extracted in a process of its own comes back as it was."""

from __future__ import annotations

import json

from carefile.core.documents.extraction import (
    Cut,
    DocumentFacts,
    Entity,
    Extraction,
    Heading,
    PatientCandidate,
    ReadingWarning,
    Status,
    Table,
    TextBlock,
)

FULL = Extraction(
    DocumentFacts(
        "a.pdf", 9, 8, "pdf", "application/pdf", "text/plain", "utf-8", "es", 3, (("author", "x"),)
    ),
    Status.PARTLY_READ,
    reason="cut",
    content=(
        Heading("title", 2, 1, "s"),
        TextBlock("text", 2, "s"),
        Table((("1", "2"),), ("a", "b"), 3, "s"),
        Table((("1",),)),
    ),
    entities=(Entity("medication", "/m", (("dose", "1"),)),),
    patient_candidates=(
        PatientCandidate("4711", "/id", "1.2.3", 2, "order", "MR"),
        PatientCandidate("7", "/x"),
    ),
    candidates_complete=False,
    warnings=(ReadingWarning("odd", "it is odd", "/y"), ReadingWarning("odd", "it is odd")),
    cuts=(Cut("rows", "too many", 5, 9), Cut("rows", "too many", 5)),
    reader="pdf",
    reader_version=7,
)


def test_everything_that_was_extracted_comes_back() -> None:
    assert Extraction.from_json(json.loads(FULL.to_bytes())) == FULL


def test_what_was_not_given_is_not_written() -> None:
    least = Extraction(DocumentFacts("x", 1, 1, "text", "text/plain"), Status.READ)
    assert Extraction.from_json(json.loads(least.to_bytes())) == least
    assert "reason" not in least.to_json()
    assert "pages" not in least.to_json()["document"]
