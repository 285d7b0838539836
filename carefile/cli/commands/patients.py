"""`carefile patients …`: the clinic's directory of its patients, filled, read, and merged.

An import without --yes only previews. It states facts and decides nothing: whether only listed patients are known is a
setting of the stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.again.refiling import Again
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.exits import Exit, listed
from carefile.cli.patients.assigning import Assigner
from carefile.cli.patients.deciding import name_of, principal_of
from carefile.cli.patients.listed.files import Feed
from carefile.cli.patients.listed.importing import Survey, state_all, survey
from carefile.cli.patients.listed.merges import Merges, PlannedMerges
from carefile.cli.patients.moving import Move
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import Column, View, lasting, plain
from carefile.cli.times import span
from carefile.core.deciding.identity import identity
from carefile.core.messages.events import iso_8601
from carefile.core.model import DecisionType
from carefile.core.patients.entries import Change, PatientEntry
from carefile.core.patients.moments import moment

By = Annotated[str | None, typer.Option(help="Who decides this. Default: whose credentials these are.")]
Reason = Annotated[str | None, typer.Option(help="Why.")]
Follow = Annotated[bool, typer.Option(help="Wait until the move has ended.")]
Timeout = Annotated[str, typer.Option(help="Maximum time to wait.")]


_REFUSED_SHOWN = 20


def import_patients(
    connection: Connection,
    view: View,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="CSV with a header, FHIR Patients (NDJSON, Bundle), HL7 v2 ADT.", show_default=False
        ),
    ],
    *,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="A CSV column by its header: id=CODE, birth_date=DOB, identifier:SYSTEM=SSN. Can be repeated."
        ),
    ] = None,
    id_system: Annotated[
        str | None,
        typer.Option(help="FHIR, HL7: the system or authority whose number is the clinic's id of a patient."),
    ] = None,
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="How a CSV writes 03/04/1980.")
    ] = None,
    source: Annotated[
        str,
        typer.Option(help="The system that states this. What it states replaces what it stated before."),
    ] = "import",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Import; without it, only preview.")] = False,
) -> Exit:
    """Fill the patient directory from files.

    Without --yes, only preview what would change and what is odd.
    """
    chosen = dict(_pair(one) for one in columns or ())
    feeds = [Feed(path, chosen, id_system, day_first) for path in files]
    patients = Patients(connection)
    with view.progress("records") as bar:
        task = bar.add_task("Reading", total=None)
        found = survey(feeds, partial(bar.advance, task))
        bar.update(task, total=found.patients, completed=0, description="Importing" if yes else "Comparing")
        began = datetime.now(UTC)
        changes = state_all(
            patients, feeds, source, found.refused, stated=partial(bar.advance, task), only_compare=not yes
        )
    seconds = (datetime.now(UTC) - began).total_seconds()
    merges, planned = Merges(connection, source, moment(iso_8601(datetime.now(UTC)))), PlannedMerges()
    is_listed = bool(found.merges) and connection.patients_are_listed
    if is_listed:
        planned = merges.plan(found.merges)
    if yes:
        merges.start(planned)
    record = _record(found, changes, planned, imported=yes)
    view.thing(record, partial(_show, record))
    if not yes:
        view.note("[bold]Nothing was imported.[/bold] Use --yes to import.")
    else:
        rate = changes.total() / seconds if seconds else 0
        view.note(f"[green]Imported[/green] in {lasting(seconds)} ({rate:.0f} patients/s).")
        _say_what_waits(connection, view)
    if found.merges and not is_listed:
        view.note(
            f"[yellow]{len(found.merges)} merges were not applied: the stage's patients are open.[/yellow]"
        )
    unwell = found.broken or found.refused or changes[Change.FORGOTTEN] or planned.refused
    return Exit.FOUND if unwell else Exit.DONE


def list_patients(
    connection: Connection,
    view: View,
    *,
    limit: Annotated[int, typer.Option(help="Maximum number of patients; 0 for all.")] = 100,
) -> Exit:
    """List the patients of the directory, unordered."""
    everybody = Patients(connection).all()
    shown = islice(everybody, limit) if limit else everybody
    view.stream(_PATIENTS, map(_shown, shown), nothing="The patient directory is empty.")
    return Exit.DONE


def show_patient(
    connection: Connection,
    view: View,
    patient: Annotated[str, typer.Argument(help="The patient's id.", show_default=False)],
) -> Exit:
    """Show what the directory knows of a patient, and which source states it."""
    patients = Patients(connection)
    entry = patients.get(patient)
    if entry is None:
        near = [one.id for one in patients.near(patient)]
        view.thing({"patient_id": patient, "listed": False, "near": near}, lambda _: None)
        view.note(f"{plain(patient)} is not listed." + _near(near))
        return Exit.FOUND
    record = _shown(entry) | {
        "listed": True,
        "stated": {source: said.to_json() for source, said in sorted(entry.statements.items())},
    }
    view.thing(record, partial(_show_patient, record))
    return Exit.DONE


def search_patients(
    connection: Connection,
    view: View,
    text: Annotated[
        list[str],
        typer.Argument(help="An id, any identifier, a name, a birth date, or both.", show_default=False),
    ],
) -> Exit:
    """Find listed patients by id, identifier, name or birth date."""
    found = Patients(connection).search(" ".join(text))
    view.table(_PATIENTS, map(_shown, found), nothing="No matching patients.")
    return listed(len(found), named=True)


def merge_patients(
    connection: Connection,
    view: View,
    patient: Annotated[
        str, typer.Argument(help="The patient whose id is no longer used.", show_default=False)
    ],
    *,
    into: Annotated[str, typer.Option(help="The patient whose records they all are.", show_default=False)],
    by: By = None,
    reason: Reason = None,
    follow: Follow = True,
    timeout: Timeout = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Merge; without it, only preview.")] = False,
) -> Exit:
    """Merge a patient into another: the id means the other one from now on.

    All that is filed moves to the other one. Without --yes, only preview.
    """
    request = _request(DecisionType.MERGE, patient, into, by or name_of(connection), reason)
    return _decide(connection, view, request, follow=follow, timeout=timeout, yes=yes)


def unmerge_patients(
    connection: Connection,
    view: View,
    patient: Annotated[str, typer.Argument(help="The patient who was merged.", show_default=False)],
    *,
    from_: Annotated[
        str, typer.Option("--from", help="The patient they were merged into.", show_default=False)
    ],
    by: By = None,
    reason: Reason = None,
    follow: Follow = True,
    timeout: Timeout = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take it back; without it, only preview.")] = False,
) -> Exit:
    """Take a merge back: what names the patient returns to them.

    Without --yes, only preview.
    """
    request = _request(DecisionType.UNMERGE, patient, from_, by or name_of(connection), reason)
    return _decide(connection, view, request, follow=follow, timeout=timeout, yes=yes)


def refile(
    connection: Connection,
    view: View,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take them in again; without it, only list.")
    ] = False,
) -> Exit:
    """Take in again what was unlisted and is listed now, and what named two patients who were merged since.

    Without --yes, only list these objects.
    """
    again = Again(connection, rules_of(connection))
    left = 0

    def found() -> Iterator[dict[str, Any]]:
        nonlocal left
        for entry in again.now_known():
            started = again.take_in(entry) if yes else None
            left += started is False
            yield {"key": entry.landing_key, "prefix": entry.prefix, "started": started}

    count = view.stream(_WAITING, found(), nothing="Nothing unknown names a patient who is known now.")
    if count and not yes:
        view.note("[bold]Nothing was taken in.[/bold] Use --yes to take them in again.")
    return Exit.FOUND if left else Exit.DONE


def _request(type_: DecisionType, patient: str, into: str, by: str, reason: str | None) -> dict[str, str]:
    request = {
        "decision": type_.value,
        "from": identity(patient),
        "into": identity(into),
        "decided_by": by,
    }
    return request | ({"reason": reason} if reason else {})


def _decide(
    connection: Connection, view: View, request: dict[str, str], *, follow: bool, timeout: str, yes: bool
) -> Exit:
    patience = span(timeout)
    both = [_listed(connection, request[name]) for name in ("from", "into")]
    assigner = Assigner(connection, "MergePatientsStateMachineArn", "MergePatients")
    event = {
        "source": "carefile.intake",
        "detail-type": "Patients Merged",
        "detail": request,
        "principal": principal_of(connection),
    }
    plan = assigner.plan(event)
    move = Move(plan, partial(_show_merge, plan, both), lambda: assigner.start(event), assigner, _merged)
    code = move.run(view, yes=yes, follow=follow, patience=patience)
    ran = yes and follow and code is Exit.DONE
    if ran and not view.as_json and request["decision"] == DecisionType.MERGE:
        _say_what_waits(connection, view)
    return code


def _merged(_: dict[str, Any], objects: str) -> str:
    return f"[green]Done.[/green] {objects} filed again; nothing is left in the old place."


def _say_what_waits(connection: Connection, view: View) -> None:
    if again := sum(1 for _ in Again(connection, rules_of(connection)).now_known()):
        view.note(f"{again} unknown objects name a patient who is known now: `carefile patients refile`.")


def _listed(connection: Connection, patient: str) -> PatientEntry:
    patients = Patients(connection)
    entry = patients.get(patient)
    if entry is None:
        near = ", ".join(one.id for one in patients.near(patient)[:5])
        raise Problem(
            f"{patient} is not listed",
            f"did you mean {near}?" if near else "see `carefile patients search`",
        )
    return entry


def _show_merge(plan: dict[str, Any], both: list[PatientEntry], out: Console) -> None:
    for entry in both:
        names = ", ".join(name.in_full for name in entry.names) or "no name"
        born = ", ".join(sorted(entry.birth_dates)) or "unknown"
        out.print(f"[bold]{plain(entry.id)}[/bold]  {plain(names)}, born {born}", soft_wrap=True)
    objects = f"{plan['objects']} object" + ("s" if plan["objects"] != 1 else "")
    under = f"{objects} under {plain(plan['moves_from'])}"
    if plan["decision"] == DecisionType.MERGE:
        out.print(f"  {under} → {plain(plan['moves_to'])}", soft_wrap=True)
    else:
        out.print(f"  {under}: those that name {plain(plan['moves_to'])} return", soft_wrap=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not equals or not name or not column:
        raise Problem(f"--columns {text!r} names no column", "write FIELD=COLUMN, e.g. id=CODE")
    return name, column


def _record(
    found: Survey, changes: Counter[Change], planned: PlannedMerges, *, imported: bool
) -> dict[str, Any]:
    return {
        "imported": imported,
        "patients": found.patients,
        **{change.value: changes[change] for change in Change},
        "merges": len(found.merges),
        "merges_new": len(planned.new),
        "merges_done": planned.done,
        "merges_refused": [{"where": one.where, "reason": reason} for one, reason in planned.refused],
        "broken": found.broken,
        "left_out": len(found.refused),
        "other_records": found.unconcerned,
        "odd": [{"what": one.what, "where": one.where, "left_out": one.left_out} for one in found.odd],
        "more_odd": found.more_odd,
    }


def _show(record: dict[str, Any], out: Console) -> None:
    counts = ", ".join(f"{record[change.value]} {change.value}" for change in Change if record[change.value])
    out.print(f"[bold]{record['patients']} patients[/bold]: {counts or 'none to import'}", soft_wrap=True)
    if record["forgotten"]:
        out.print("  A forgotten patient is not listed again.", soft_wrap=True)
    if record["merges"]:
        started = "started" if record["imported"] else "to start"
        out.print(
            f"[bold]{record['merges']} merges[/bold]: {record['merges_new']} {started}, {record['merges_done']} hold "
            "already",
            soft_wrap=True,
        )
    for one in record["merges_refused"][:_REFUSED_SHOWN]:
        out.print(f"  [yellow]merge refused[/yellow] ({one['reason']}): line {one['where']}", soft_wrap=True)
    if record["other_records"]:
        out.print(f"  {record['other_records']} records about something else", soft_wrap=True)
    for one in record["odd"]:
        left_out = " (left out)" if one["left_out"] else ""
        out.print(f"  [yellow]{plain(one['what'])}[/yellow]{left_out}: {plain(one['where'])}", soft_wrap=True)
    if record["more_odd"]:
        out.print(f"  and {record['more_odd']} more of these kinds", soft_wrap=True)


def _show_patient(record: dict[str, Any], out: Console) -> None:
    into = f" into {plain(record['merged_into'])}" if record["merged_into"] else ""
    out.print(f"[bold]{plain(record['patient_id'])}[/bold]  {record['status']}{into}", soft_wrap=True)
    for name in record["names"]:
        out.print(f"  {plain(name)}", soft_wrap=True)
    out.print(
        f"  born {plain(', '.join(record['birth_dates']) or 'unknown')}  {plain(record['sex'])}",
        soft_wrap=True,
    )
    for one in record["identifiers"]:
        out.print(f"  {plain(one['value'])} [dim]({plain(one['system'])})[/dim]", soft_wrap=True)
    out.print(f"  [dim]stated by {plain(', '.join(record['stated']))}[/dim]", soft_wrap=True)


def _shown(entry: PatientEntry) -> dict[str, Any]:
    return {
        "patient_id": entry.id,
        "status": entry.state.value,
        "merged_into": entry.merged_into,
        "names": [name.in_full for name in entry.names],
        "birth_dates": sorted(entry.birth_dates),
        "sex": entry.sex,
        "identifiers": [{"system": one.system, "value": one.value} for one in sorted(entry.identifiers)],
        "decision": entry.decision.to_json() if entry.decision else None,
        "revision": entry.revision,
    }


def _near(ids: list[str]) -> str:
    return f" Did you mean {', '.join(map(plain, ids[:5]))}?" if ids else ""


def _joined(name: str) -> Any:
    def of(record: Any) -> str | None:
        return ", ".join(record[name]) or None

    return of


_WAITING = (
    Column("Object", lambda r: r["key"], width=50),
    Column("Now", lambda r: {None: "waits", True: "taken in", False: "landing object gone"}[r["started"]]),
)
_PATIENTS = (
    Column("Patient", lambda r: r["patient_id"], width=24),
    Column("Status", lambda r: r["status"], width=9),
    Column("Born", _joined("birth_dates"), width=12),
    Column("Name", _joined("names")),
)
