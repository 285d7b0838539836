"""Describe a session for `carefile show`: its patient, period and agents, and each object with its execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from carefile.cli.aws.entries import Entries, Entry, SessionSummary, record_of
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import Column, View, clock, plain, print_table, sized
from carefile.core.model import Decision
from carefile.core.records.session_entries import Place

Deciding = Callable[[Sequence[Entry]], Decision | None]


def show_session(view: View, entries: Entries, place: Place, decided: Deciding) -> Exit:
    """Show a session; `decided` finds the decision that holds for it by its objects."""
    session = entries.session(place)
    if session is None:
        raise Problem(
            f"the catalog has no session {place.prefix}",
            "list sessions with `carefile catalog --sessions --patient ID`; new ones appear after about ten seconds",
        )
    objects = entries.in_session(place)
    decision = decided(objects)
    story = record_of(session) | {"object_entries": [_record_of_object(item) for item in objects]}
    if decision:
        story["decision"] = decision.to_json()
        view.note(describe_decision(decision))
    view.thing(story, lambda out: _print(out, session, objects))
    return Exit.DONE


def describe_decision(decision: Decision) -> str:
    """Describe who decided what, when and why."""
    why = f": {plain(decision.reason)}" if decision.reason else ""
    return f"Decision: {decision.type.value}, by {plain(decision.decided_by)} at {decision.decided_at}{why}"


def describe_activity(record: dict[str, Any]) -> str:
    """Describe a session's messages or snapshots and its agents."""
    counted = [(record["messages"], "message"), (record["snapshots"], "snapshot")]
    parts = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted if count] or [
        "0 messages"
    ]
    agents = ", ".join(record["agents"])
    more = f" and {record['more_agents']} more" if record["more_agents"] else ""
    return ", ".join(parts) + (f" by {agents}{more}" if agents else "")


def _record_of_object(entry: Entry) -> dict[str, Any]:
    record = record_of(entry)
    return {name: record[name] for name in ("key", "filed_key", "size", "modified", "revision", "execution")}


def _print(out: Console, session: SessionSummary, objects: list[Entry]) -> None:
    patient = "unknown" if session.patient is None else plain(session.patient)
    reason = f" ({session.reason})" if session.reason else ""
    out.print(f"[bold]{plain(session.session_id)}[/bold], patient {patient}{reason}", soft_wrap=True)
    out.print(f"s3://{plain(session.bucket)}/{plain(session.prefix)}", soft_wrap=True, style="dim")
    begun, last = (datetime.fromisoformat(at) for at in (session.first_activity, session.last_activity))
    out.print(
        f"{plain(describe_activity(record_of(session)))}, {session.objects} objects, {sized(session.size)}"
    )
    if session.incomplete:
        out.print("The session has more objects than its entry can count; these numbers are out of date.")
    out.print(f"from {clock(begun)} to {clock(last)}")
    out.print()
    print_table(out, _OBJECTS, [_record_of_object(entry) | {"folder": session.prefix} for entry in objects])


_OBJECTS = (
    Column("Written", lambda r: clock(datetime.fromisoformat(r["modified"]))),
    Column("Size", lambda r: sized(r["size"]), right=True),
    Column("Object", lambda r: r["filed_key"].removeprefix(r["folder"])),
    Column("Execution", lambda r: r["execution"].rpartition(":")[2]),
)
