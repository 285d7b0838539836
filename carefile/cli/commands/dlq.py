"""`carefile dlq`: show undelivered events and resubmit them. A message is deleted only after it was resent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from carefile.cli.again.dead_letters import DeadLetters, Letter, NotTaken, Queue
from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit, listed
from carefile.cli.shown.view import Column, View, clock


class What(StrEnum):
    SHOW = "show"
    RESUBMIT = "resubmit"


def dlq(
    connection: Connection,
    view: View,
    what: Annotated[What, typer.Argument(help="Show the events, or resubmit them.")] = What.SHOW,
    *,
    queue: Annotated[Queue | None, typer.Option(help="Use only this queue.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to show.")] = 20,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Resubmit; without it, only show.")] = False,
) -> Exit:
    """Show or resubmit events that reached no consumer."""
    letters = DeadLetters(connection)
    queues = [queue] if queue else list(letters.queues)
    total = sum(letters.waiting(item) for item in queues)
    if what is What.RESUBMIT and yes:
        return _resubmit(view, letters, queues, total)
    found = (letter for item in queues for letter in letters.look(item, limit))
    rows = (letter.to_json() for letter in islice(found, limit))
    count = view.stream(
        _LETTERS, rows, below=_reason, nothing="No dead letters: every event reached its consumer."
    )
    if total > count:
        view.note(f"Showing {count} of about {total}; use --limit to see more.")
    if count and what is What.RESUBMIT:
        view.note(
            f"[bold]Nothing was done.[/bold] Use --yes to resubmit {'it' if total == 1 else f'all {total}'}."
        )
    elif count:
        view.note("Fix what rejected them, then run `carefile dlq resubmit --yes`.")
    return listed(count, faults=what is What.SHOW)


def _resubmit(view: View, letters: DeadLetters, queues: list[Queue], total: int) -> Exit:
    kept: list[Letter] = []
    sent = 0
    with view.progress("messages") as bar:
        task = bar.add_task("Resubmitting", total=total)

        def done() -> Iterator[dict[str, Any]]:
            nonlocal sent
            for letter in (letter for queue in queues for letter in letters.take(queue)):
                record = letter.to_json() | {"done": None, "kept_because": None}
                try:
                    record["done"] = letters.send(letter)
                except NotTaken as refusal:
                    kept.append(letter)
                    record["kept_because"] = str(refusal)
                else:
                    letters.delete(letter)
                    sent += 1
                bar.advance(task)
                yield record

        try:
            view.stream(
                _SENT, done(), below=lambda r: r["kept_because"] or r["done"], nothing="No dead letters."
            )
        finally:
            letters.give_back(kept)
    view.note(f"{sent} resubmitted, {len(kept)} kept in their queue.")
    return Exit.FOUND if kept else Exit.DONE


def _reason(record: Any) -> str | None:
    return ": ".join(text for text in (record["error"], record["reason"]) if text) or None


_LETTERS = (
    Column("Since", lambda r: clock(datetime.fromisoformat(r["sent"])), width=19),
    Column("Queue", lambda r: r["queue"], width=14),
    Column("Subject", lambda r: r["about"] or "(not a Carefile event)"),
)
_SENT = (
    Column("Resubmitted", lambda r: "yes" if r["done"] else "no", width=11),
    *_LETTERS[1:],
)
