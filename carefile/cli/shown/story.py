"""The story of one execution: its input, its path, the evidence, and where it filed or why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.shown.advice import Then, advice_for
from carefile.cli.shown.history import Step, steps
from carefile.cli.shown.view import Column, clock, lasting, print_facts, print_table, styled, verbatim
from carefile.core.deciding.corroboration import described

Story = dict[str, Any]


def story_of(connection: Connection, executions: Executions, execution: Described) -> Story:
    """Collect everything known about an execution, as JSON."""
    listed, request = execution.listed, execution.request
    path = steps(executions.history(listed.arn))
    outputs = _outputs(path, execution)
    return {
        "name": listed.name,
        "execution": listed.arn,
        "console": connection.console(listed.arn),
        "status": listed.status,
        "started": listed.started.isoformat(),
        "stopped": listed.stopped.isoformat() if listed.stopped else None,
        "seconds": round(listed.took.total_seconds(), 3) if listed.took is not None else None,
        "redrives": listed.redrives,
        "source": {
            "bucket": request.source.bucket,
            "key": request.source.key,
            "version_id": request.version_id,
            "hints": request.hints.to_json() if request.hints else None,
        }
        if request
        else None,
        "disposition": outputs.get("disposition"),
        "classification": outputs.get("classification"),
        "location": outputs.get("location"),
        "path": [step.to_json() for step in path],
        "failure": _failure(execution, path)
        if execution.listed.status not in ("SUCCEEDED", "RUNNING")
        else None,
    }


def _outputs(path: list[Step], execution: Described) -> Mapping[str, Any]:
    """Merge the outputs of all states so far; later ones win."""
    merged: dict[str, Any] = {}
    for step in path:
        merged |= step.output
    return merged | dict(execution.output)


def _failure(execution: Described, path: list[Step]) -> Story:
    by_status = {"TIMED_OUT": "States.Timeout", "ABORTED": "Aborted"}
    error = execution.error or by_status.get(execution.listed.status, "Unknown")
    advice = advice_for(error)
    return {
        "state": path[-1].name if path else None,
        "error": error,
        "cause": execution.reason,
        "means": advice.means,
        "to_do": advice.to_do,
        "then": _then(execution, advice.then),
        "runbook": advice.anchor,
        "redrive_status": execution.redrive_status,
        "redrive_reason": execution.redrive_reason,
    }


def _then(execution: Described, then: Then) -> str:
    name, request = execution.listed.name, execution.request
    if then is Then.UPLOAD_AGAIN:
        return "upload the file again, which starts a new execution"
    if then is Then.NEITHER:
        return "send a corrected request; this execution cannot succeed"
    afresh = then is Then.RESUBMIT or execution.redrive_status == "NOT_REDRIVABLE"
    if afresh and request:
        return f"carefile redrive {name} --resubmit --yes"
    return f"carefile redrive {name} --yes"


def print_story(out: Console, story: Story) -> None:
    failure, source, found = story["failure"], story["source"], story["classification"] or {}
    facts: list[tuple[str, object]] = [
        ("Execution", story["name"]),
        ("Status", _status(story)),
        ("Object", source["key"] if source else "(malformed input)"),
    ]
    if source:
        facts.append(("Landing bucket", source["bucket"]))
    if source and source["version_id"]:
        facts.append(("Version", source["version_id"]))
    if source and source["hints"]:
        facts.append(("Hints", ", ".join(f"{name}={value}" for name, value in source["hints"].items())))
    if found:
        facts.append(("Kind", f"{found['kind']} (rule {found['rule']})"))
        facts.append(("Patient", _patient(found["patient"])))
        facts += [("May be", described(one)) for one in found.get("suggestions", ())]
    if story["location"]:
        facts += [("Filed in", story["location"]["prefix"]), ("Bucket", story["location"]["bucket"])]
    if story["console"]:
        facts.append(("Console", story["console"]))
    print_facts(out, facts)
    _print_path(out, story["path"])
    if found.get("evidence"):
        _print_evidence(out, found["evidence"])
    if failure:
        _print_failure(out, failure)


def _status(story: Story) -> Text:
    text = styled(story["disposition"] if story["status"] == "SUCCEEDED" else story["status"])
    started = clock(datetime.fromisoformat(story["started"]))
    took = f", took {lasting(story['seconds'])}" if story["seconds"] is not None else ""
    redrives = f", redriven {story['redrives']}×" if story["redrives"] else ""
    return text + Text(f"   started {started}{took}{redrives}", style="default")


def _patient(patient: Mapping[str, str]) -> str:
    return patient.get("id") or f"unknown ({patient.get('reason', 'no reason given')})"


def _print_path(out: Console, path: list[Story]) -> None:
    out.print()
    print_table(out, _PATH, path)
    if any(step["redriven"] for step in path):
        out.print("[dim]↻ resumed by a redrive[/dim]")


def _print_evidence(out: Console, evidence: list[Story]) -> None:
    out.print()
    print_table(out, _EVIDENCE, evidence)


def _print_failure(out: Console, failure: Story) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    where = f" at {failure['state']}" if failure["state"] else ""
    table.add_row("Failed", Text(failure["error"], style="bold red") + Text(where, style="default"))
    for label, name in (("Cause", "cause"), ("Meaning", "means"), ("To do", "to_do")):
        if failure[name]:
            table.add_row(label, verbatim(failure[name]))
    if failure["redrive_reason"]:
        table.add_row("Redrive", verbatim(failure["redrive_reason"]))
    out.print()
    out.print(table)
    print_facts(out, [("Then   ", failure["then"]), ("See    ", failure["runbook"])])


def _state_status(step: Mapping[str, Any]) -> Text:
    colour = {"done": "green", "running": "cyan"}.get(step["status"], "red")
    return Text(step["status"], style=colour)


_PATH = (
    Column("State", lambda r: f"↻ {r['state']}" if r["redriven"] else r["state"]),
    Column("Status", _state_status),
    Column("Entered", lambda r: clock(datetime.fromisoformat(r["entered"]))[11:]),
    Column("Took", lambda r: lasting(r["seconds"]) or " ", right=True),
    Column("Attempts", lambda r: r["tries"] or " ", right=True),
    Column("Errors", lambda r: ", ".join(r["errors"]) or " "),
)
_EVIDENCE = (
    Column("Evidence", lambda r: r["about"]),
    Column("Used", lambda r: Text("yes", style="green") if r["used"] else Text("no", style="dim")),
    Column("Source", lambda r: r["source"]),
    Column("Value", lambda r: r["value"]),
    Column("Where", lambda r: r["where"]),
)
