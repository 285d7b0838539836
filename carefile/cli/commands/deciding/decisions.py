"""`carefile decisions`: list who decided what, when and why; export it; and verify that no record was removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.exits import Exit, listed
from carefile.cli.patients.decided import Decided
from carefile.cli.shown.provenance import provenance_of
from carefile.cli.shown.view import Column, View, clock
from carefile.cli.times import since as moment
from carefile.core.model import DecisionType
from carefile.core.records.decisions import Record


def decisions(
    connection: Connection,
    view: View,
    *,
    since: Annotated[str | None, typer.Option(help="List only what was recorded since: 2h, 3d.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="List only what this person decided.")] = None,
    patient: Annotated[str | None, typer.Option(help="List only what is about this patient.")] = None,
    fhir: Annotated[
        bool, typer.Option("--fhir", help="Export as FHIR R4 Provenance, one resource per line.")
    ] = False,
    hints: Annotated[
        bool,
        typer.Option("--hints", help="List the hints by which objects are filed now instead, unordered."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 10_000,
) -> Exit:
    """List the decisions and notes about documents, sessions and patients, oldest first: who, what, when and why.

    A decision whose patient was forgotten is listed without its content. Hints are in no record; --hints lists those
    that hold, from the catalog.
    """
    after = moment(since)
    records = hints_of(connection, after) if hints else map(record_of, Decided(connection).all(after))
    found = islice(_wanted(records, by, patient), limit)
    if fhir:
        count = 0
        for count, one in enumerate(found, 1):  # noqa: B007 - counted for the exit code
            id_ = one.get("source_id") or f"{one['day']}-{one['number']}"
            typer.echo(
                json.dumps(provenance_of(id_, one["type"], one["recorded_at"], one), ensure_ascii=False)
            )
        return listed(count, named=patient is not None)
    count = view.stream(_COLUMNS, found, below=_why, nothing="No decisions.")
    if count == limit:
        view.note(f"Showing the first {limit}; use --limit to see more.")
    return listed(count, named=patient is not None)


def verify_decisions(
    connection: Connection,
    view: View,
    *,
    expect: Annotated[
        str | None, typer.Option(help="A hash from an earlier run, which must still be in the chain.")
    ] = None,
) -> Exit:
    """Verify that no record of a decision was changed or removed.

    Keep the hash that it prints outside of this account: with --expect it proves that nothing went since.
    """
    decided = Decided(connection)
    findings = [{"day": it.day, "number": it.number, "fault": it.fault.value} for it in decided.findings()]
    if expect is not None and not decided.holds(expect):
        findings.append({"day": "", "number": 0, "fault": "expected-missing"})
    last = decided.last()
    result = {"findings": findings, "last": {"day": last[0], "hash": last[1]} if last else None}
    view.thing(result, partial(_print, findings))
    if last is None:
        view.note("No decisions are recorded.")
        return Exit.DONE if not findings else Exit.FOUND
    view.note(f"The newest day is {last[0]}; its hash is {last[1]}")
    if not findings:
        view.note("[green]Nothing was changed or removed.[/green]")
    return Exit.FOUND if findings else Exit.DONE


def record_of(record: Record) -> dict[str, Any]:
    """Convert a record to its JSON form."""
    content = record.content or {"forgotten_at": record.forgotten_at}
    return content | {
        "type": record.type,
        "day": record.day,
        "number": record.number,
        "recorded_at": record.recorded_at,
        "hash": record.hash,
    }


def hints_of(connection: Connection, since: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the hints that the catalog's entries are filed by, each like a decision of the record."""
    for entry in Entries(connection).all():
        hint = entry.decision
        if hint is None or hint.type is not DecisionType.HINT:
            continue
        if since is None or datetime.fromisoformat(hint.decided_at) >= since:
            whose = {"patient_id": entry.patient, "patients": [entry.patient]} if entry.patient else {}
            yield (
                hint.to_json()
                | whose
                | {
                    "bucket": entry.landing_bucket,
                    "key": entry.landing_key,
                    "version": entry.landing_version,
                    "source_id": entry.source_id,
                    "recorded_at": entry.cataloged_at,
                    "execution": entry.execution,
                }
            )


def _wanted(
    records: Iterable[dict[str, Any]], by: str | None, patient: str | None
) -> Iterator[dict[str, Any]]:
    for one in records:
        if by is not None and one.get("decided_by") != by:
            continue
        if patient is not None and patient not in one.get("patients", ()):
            continue
        yield one


def _print(findings: list[dict[str, Any]], out: Console) -> None:
    for it in findings:
        out.print(_finding(it), soft_wrap=True)


def _finding(it: dict[str, Any]) -> str:
    where = f"{it['day']}, record {it['number']}" if it["number"] else it["day"] or "the expected hash"
    return f"{where}: {_MEANS[it['fault']]}"


def _why(record: Any) -> str:
    return str(record.get("reason", ""))


def _subject(record: Any) -> str:
    about = record.get("key") or record.get("tree") or record.get("from")
    return str(about or "deleted with the patient's data")


_MEANS = {
    "missing": "the record is missing",
    "changed": "the record was changed, or the one before it was removed",
    "payload-changed": "what it says was changed",
    "tail-missing": "the day's last records are not those that its head names",
    "day-missing": "the day is missing, or its records are not those that the day after it follows",
    "expected-missing": "no record has this hash",
}
_COLUMNS = (
    Column(
        "Decided", lambda r: clock(datetime.fromisoformat(r.get("decided_at", r["recorded_at"]))), width=19
    ),
    Column("Decision", lambda r: r["type"], width=9),
    Column("By", lambda r: r.get("decided_by", "-"), width=20),
    Column("Patient", lambda r: r.get("patient_id", "-"), width=16),
    Column("About", _subject),
)
