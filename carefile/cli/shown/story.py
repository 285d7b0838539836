"""The story of one execution: its input, its path, the evidence, and where it filed or why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.shown.advice import Then, advice_for
from carefile.cli.shown.history import Step, steps
from carefile.cli.shown.view import clock, lasting, styled, verbatim
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
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("Execution", story["name"])
    facts.add_row("Status", _status(story))
    facts.add_row("Object", verbatim(source["key"] if source else "(malformed input)"))
    if source:
        facts.add_row("Landing bucket", source["bucket"])
    if source and source["version_id"]:
        facts.add_row("Version", source["version_id"])
    if source and source["hints"]:
        facts.add_row(
            "Hints", verbatim(", ".join(f"{name}={value}" for name, value in source["hints"].items()))
        )
    if found:
        facts.add_row("Kind", verbatim(f"{found['kind']} (rule {found['rule']})"))
        facts.add_row("Patient", verbatim(_patient(found["patient"])))
        for one in found.get("suggestions", ()):
            facts.add_row("May be", verbatim(described(one)))
    if story["location"]:
        facts.add_row("Filed in", verbatim(story["location"]["prefix"]))
        facts.add_row("Bucket", story["location"]["bucket"])
    if story["console"]:
        facts.add_row("Console", verbatim(story["console"]))
    out.print(facts)
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
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, right in (
        ("State", False),
        ("Status", False),
        ("Entered", False),
        ("Took", True),
        ("Attempts", True),
    ):
        table.add_column(name, no_wrap=True, justify="right" if right else "left")
    table.add_column("Errors", overflow="fold")
    for step in path:
        state = f"↻ {step['state']}" if step["redriven"] else step["state"]
        colour = {"done": "green", "running": "cyan"}.get(step["status"], "red")
        table.add_row(
            state,
            Text(step["status"], style=colour),
            clock(datetime.fromisoformat(step["entered"]))[11:],
            lasting(step["seconds"]) or "",
            str(step["tries"]) if step["tries"] else "",
            verbatim(", ".join(step["errors"])),
        )
    out.print(table)
    if any(step["redriven"] for step in path):
        out.print("[dim]↻ resumed by a redrive[/dim]")


def _print_evidence(out: Console, evidence: list[Story]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in ("Evidence", "Value", "Source", "Where", "Used"):
        table.add_column(name, overflow="fold")
    for item in evidence:
        used = Text("yes", style="green") if item["used"] else Text("no", style="dim")
        table.add_row(*(verbatim(str(item[name])) for name in ("about", "value", "source", "where")), used)
    out.print(table)


def _print_failure(out: Console, failure: Story) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    where = f" at {failure['state']}" if failure["state"] else ""
    table.add_row("Failed", Text(failure["error"], style="bold red") + Text(where, style="default"))
    for label, name in (("Cause", "cause"), ("Meaning", "means"), ("To do", "to_do"), ("Then", "then")):
        if failure[name]:
            table.add_row(label, verbatim(failure[name]))
    if failure["redrive_reason"]:
        table.add_row("Redrive", verbatim(failure["redrive_reason"]))
    table.add_row("See", verbatim(failure["runbook"]))
    out.print(table)
