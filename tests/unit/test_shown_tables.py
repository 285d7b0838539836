"""Tables in a terminal of 80 columns and in a pipe: no key is broken in two."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from carefile.cli.commands import catalog, put, redrive, runs
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import refuse_misspelt
from carefile.cli.shown.view import Column, View

KEY = "documents/Juan_Perez_123/2026-11-20 radiology report with a long name, second edition.pdf"
COLUMNS = (
    Column("Count", lambda r: r["n"], right=True),
    Column("State", lambda r: r["state"], width=10),
    Column("Key", lambda r: r["key"]),
)
RECORDS = [{"n": 1, "state": "done", "key": KEY}, {"n": 12, "state": "waiting", "key": "short.pdf"}]


def printed(width: int, print_on: Callable[[View], object], *, terminal: bool = True) -> list[str]:
    view, out = View(as_json=False), io.StringIO()
    view.out = Console(file=out, force_terminal=terminal, color_system=None, width=width, highlight=False)  # type: ignore[assignment]
    print_on(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_what_does_not_fit_stands_below_whole() -> None:
    lines = printed(80, lambda view: view.table(COLUMNS, RECORDS, nothing=""))
    assert f"  {KEY}" in lines
    assert "   12  waiting     short.pdf" in [f" {line}" for line in lines] or any(
        line.split() == ["12", "waiting", "short.pdf"] for line in lines
    )
    assert [len(line) for line in lines if KEY not in line] == [
        len(line) for line in lines if len(line) <= 80
    ]


def test_in_a_pipe_a_record_is_one_line() -> None:
    for how in (View.table, View.stream):
        lines = printed(80, lambda view, how=how: how(view, COLUMNS, RECORDS, nothing=""), terminal=False)  # type: ignore[misc]
        assert len(lines) == 3
        assert lines[1].endswith(KEY)


def test_prose_is_wrapped_between_words() -> None:
    prose = "Check that the service has recovered, and whether a quota is exhausted; " * 3
    columns = (*COLUMNS[:2], Column("To do", lambda _: prose, prose=True))
    lines = printed(60, lambda view: view.table(columns, RECORDS[:1], nothing=""))
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()).endswith(prose.strip())


def whole(columns: tuple[Column, ...], record: dict[str, Any]) -> None:
    for width in (60, 80, 100, 200):
        lines = printed(width, lambda view: view.stream(columns, [record], nothing=""))
        assert sum(KEY in line for line in lines) == 1, width
        assert all(len(line) <= width or line.strip() == KEY for line in lines), width


RUN = {
    "started": "2026-11-20T12:00:00+00:00",
    "at": "2026-11-20T12:00:00+00:00",
    "seconds": 1.0,
    "state": None,
}
RUN |= {
    "disposition": None,
    "error": "States.ExceedToleratedFailureThreshold",
    "status": "FAILED",
    "key": KEY,
}
RUN |= {"patient": "Juan_Perez_123", "reason": None}
ENTRY = {
    "cataloged_at": RUN["started"],
    "failed_at": RUN["started"],
    "kind": "document",
    "size": 1,
    "key": KEY,
}
ENTRY |= {"reason": "conflict", "error": "StorageDenied"}


@pytest.mark.parametrize(
    ("columns", "record"),
    [
        (runs._COLUMNS, RUN),
        (runs._CHANGES, RUN),
        (catalog._OF_PATIENT, ENTRY),
        (catalog._OF_UNKNOWN, ENTRY),
        (catalog._OF_FAILED, ENTRY),
        (put._FOLLOWED, {"status": "cataloged", "seconds": 1.0, "patient": "P", "reason": None, "key": KEY}),
        (put._UPLOADED, {"key": KEY, "size": 1, "version_id": "x" * 32}),
        (redrive._RESULTS, {"action": "redriven", "status": "SUCCEEDED", "key": KEY, "name": "e-1"}),
    ],
    ids=["runs", "watch", "patient", "unknown", "failed", "followed", "uploaded", "redriven"],
)
def test_every_table_with_keys_keeps_them_whole_at_any_width(
    columns: tuple[Column, ...], record: dict[str, Any]
) -> None:
    whole(columns, record)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("RejectedObjct", "RejectedObject"), ("storagethrottled", "StorageThrottled"), ("Abort", "Aborted")],
)
def test_a_misspelt_error_is_refused_with_the_one_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(Problem) as refused:
        refuse_misspelt(typed)
    assert f"did you mean {meant}?" in refused.value.to_do


@pytest.mark.parametrize(
    "name", [None, "RejectedObject", "Lambda.Unknown", "States.Runtime", "S3.NoSuchBucket", "TIMED_OUT"]
)
def test_a_name_of_carefile_or_of_a_service_is_taken(name: str | None) -> None:
    refuse_misspelt(name)
