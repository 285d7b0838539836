"""`carefile forget`: permanently delete all records of one patient. Without --yes it only previews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import place_in
from carefile.cli.exits import Exit
from carefile.cli.patients.forgetting import refuse_placeholder
from carefile.cli.patients.person import Person
from carefile.cli.patients.tally import Tally
from carefile.cli.patients.trace import Traces, subject_of
from carefile.cli.private_files import write
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import Column, View, plain, sized
from carefile.cli.times import span
from carefile.core.messages.events import iso_8601
from carefile.core.model import Source

# What nothing but time removes, in days at the longest; `docs/retention.md` has more to each.
_REMAINS = {
    "executions": 90,
    "pages_kept_as_a_reading_was_killed": 90,
    "point_in_time_recovery": 35,
    "event_archives_by_default": 30,
    "dead_letter_queues": 14,
    "catalog_stream": 1,
    "backups_where_they_are_on": 365,
}


def forget(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str, typer.Option(help="The patient whose data to delete.")],
    include: Annotated[
        list[str] | None,
        typer.Option(help="Also delete this object, a landing key or s3://bucket/key. Can be repeated."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete permanently; without it, only preview.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a JSON report to this file; it names no patient.")
    ] = None,
    rest: Annotated[
        str, typer.Option(help="How long to keep empty claims of folders before a later run deletes them.")
    ] = "1d",
    bypass_governance: Annotated[
        bool, typer.Option("--bypass-governance", help="Also delete objects retained in governance mode.")
    ] = False,
) -> Exit:
    """Permanently delete all records of one patient.

    Delete all versions, manifests, and catalog and ledger entries. Without --yes, only preview.
    """
    rules = rules_of(connection)
    refuse_placeholder(patient, rules)
    included = [_source(connection, text) for text in include or ()]
    if report and report.exists():
        raise Problem(f"{report} is there already", "name another file; nothing was deleted")
    person = Person(connection, patient, rules, rest=span(rest), bypass=bypass_governance)
    with view.busy("Looking for everything of the patient …"):
        traces = person.look(included)
        before = person.tally()
    _plan(view, person, traces, before)
    done, after, left = before, before, traces
    if yes:
        with view.busy("Deleting …"):
            done = person.forget()
        with view.busy("Looking again …"):
            left = person.look(included, traces.copies)
            after = person.tally()
    done_report = _report(connection, patient, traces, done, after, left, yes=yes)
    if report:
        write(report, json.dumps(done_report, indent=2) + "\n")
    if view.as_json:
        view.thing(done_report, lambda _: None)
    _end(view, done, after, left, yes=yes)
    unwell = done.held or done.left or left.undecided or left.unfiled or (yes and _anything(after))
    return Exit.FOUND if unwell else Exit.DONE


def _source(connection: Connection, text: str) -> Source:
    """Parse an included object: one that the deployment ingests, or one of the layout."""
    if not text.startswith("s3://"):
        return Source(connection.landing, text)
    place = place_in(text)
    if place.bucket not in (*connection.accepted_buckets, connection.processed) or not place.prefix:
        raise Problem(
            f"{text} is no object that {connection.stack} takes in or has in its layout",
            "write s3://bucket/key with the landing bucket, one of source_buckets, or the processed one",
        )
    return Source(place.bucket, place.prefix)


def _anything(tally: Tally) -> bool:
    return any(tally.counts.values())


def _plan(view: View, person: Person, traces: Traces, tally: Tally) -> None:
    if view.as_json:
        return
    if merged := person.ids[1:]:
        view.note(
            f"With what is under the ids that were merged into the patient: {plain(', '.join(merged))}."
        )
    for count, what in (
        (tally.landing_versions, "versions and delete markers in the landing bucket"),
        (tally.layout_versions, "versions and delete markers in the layout"),
        (tally.readings, "pages kept as they were recognised"),
        (tally.catalog_entries, "catalog entries of objects"),
        (tally.session_entries, "catalog entries of sessions"),
        (tally.ledger_items, "ledger items"),
        (tally.decisions, "contents of recorded decisions"),
        (tally.directory_entries, "entries of the patient directory"),
        (tally.suggestions, "suggestions in records of unknown documents"),
    ):
        view.out.print(f"{count:>9} {what}")
    view.out.print(f"{sized(tally.bytes):>9} altogether")

    def undecided() -> Iterator[dict[str, Any]]:
        for source, why in traces.undecided.items():
            yield {"place": f"s3://{source.bucket}/{source.key}", "why": why}

    if traces.undecided:
        view.out.print("\nFor a person to look at; none of these objects is deleted:")
        view.stream((Column("Object", lambda r: r["place"]),), undecided(), below=_why, nothing="")
        view.note("What is the patient's of these: --include s3://BUCKET/KEY.")
    for source in traces.absent:
        view.warn(
            f"There is nothing at {plain(f's3://{source.bucket}/{source.key}')}, which is to be included."
        )


def _why(record: Any) -> str:
    return str(record["why"])


def _end(view: View, done: Tally, after: Tally, left: Traces, *, yes: bool) -> None:
    if done.held:
        view.warn(
            f"{len(done.held)} objects are kept as a whole: a version is under legal hold or retention."
        )
    if not yes:
        view.note("[bold]Nothing was deleted.[/bold] --yes deletes it for good.")
        return
    if left.undecided:
        view.warn(f"{len(left.undecided)} objects are left that name the patient: a person has to decide.")
    if left.unfiled:
        view.warn(
            f"{len(left.unfiled)} uploads were never filed, so nobody knows whether they are the patient's: "
            "`carefile reconcile --repair --yes`, then give the command again."
        )
    if left.named_by_others:
        count = len(left.named_by_others)
        view.note(
            f"{count} uploads of other patients have the patient's id in their keys; they belong to those, and stay."
        )
    if done.left:
        view.warn(
            f"{len(done.left)} versions could not be deleted: these credentials may not, or they are locked."
        )
    if _anything(after) and not done.held:
        view.warn("A second look found more: something was on its way. Give the command again in a while.")
    if after.claims_left:
        view.note(
            f"{after.claims_left} empty claims of folders stay, whose names hold the patient's id: give the command "
            "again when they have rested (--rest, a day), and they go too."
        )
    view.note("What is not deleted by this, logs of AWS and backups among it, is in docs/retention.md.")


def _report(
    connection: Connection,
    patient: str,
    traces: Traces,
    done: Tally,
    after: Tally,
    left: Traces,
    *,
    yes: bool,
) -> dict[str, Any]:
    """Build the report. It names neither the patient nor a key."""
    now = datetime.now(UTC)
    return {
        "stack": connection.stack,
        "at": iso_8601(now),
        "subject": subject_of(patient),
        "deleted": yes,
        "sources": sorted(trace.source.source_id for trace in traces.mine),
        "counts": done.counts,
        "second_look": after.counts if yes else None,
        "kept_under_lock": sorted(source.source_id for source in done.held),
        "not_deleted": len(done.left),
        "claims_left": after.claims_left,
        "for_a_person": len(left.undecided),
        "never_filed": len(left.unfiled),
        "named_by_others": len(left.named_by_others),
        "remains_until": {
            name: (now + timedelta(days)).date().isoformat() for name, days in _REMAINS.items()
        },
    }
