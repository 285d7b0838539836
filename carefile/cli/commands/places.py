"""`carefile places`: the places at which a landing key was filed, and making room where they are too many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.ledger_places import Known, LedgerPlaces
from carefile.cli.aws.listing import place_in
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import Column, View, clock
from carefile.core.model import Source


def places(
    connection: Connection,
    view: View,
    key: Annotated[str, typer.Argument(help="A landing key, or s3://bucket/key.", show_default=False)],
    *,
    trim: Annotated[bool, typer.Option("--trim", help="Take out the places that hold nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it; without, only show what would be.")
    ] = False,
) -> Exit:
    """Show every place that a landing key was filed at; with --trim make room where they are too many."""
    source = _source(connection, key)
    ledger = LedgerPlaces(connection)
    known = ledger.known(source)
    if not known.places:
        raise Problem(
            "the ledger knows no place of that key", "keys are exact; `carefile show KEY` looks it up"
        )
    shown = ledger.shown(source, known.places)
    empty = known.places - shown
    records = ({"place": place, "holds": place in shown} for place in sorted(known.places))
    view.stream(_PLACES, records, nothing="None.")
    if not trim:
        return Exit.DONE
    if not yes or not empty:
        view.note(
            f"[bold]Nothing was done.[/bold] {len(empty)} places hold nothing; --yes makes room of them."
        )
        return Exit.DONE
    return _trimmed(view, ledger, source, known, empty)


def _trimmed(view: View, ledger: LedgerPlaces, source: Source, known: Known, empty: frozenset[str]) -> Exit:
    """Note the state first, and trim only when it was quiet since."""
    if known.trimmable_at is None:
        if not ledger.note(source, known):
            raise Problem("something was begun to be filed meanwhile", "give the command again")
        view.note("Noted. Give the command again in twenty minutes: what runs now has ended then.")
        return Exit.FOUND
    if datetime.now(UTC) < known.trimmable_at:
        view.note(
            f"What ran when it was noted may still run: give the command again at {clock(known.trimmable_at)}."
        )
        return Exit.FOUND
    if not ledger.trim(source, known, empty):
        raise Problem("something was begun to be filed meanwhile", "give the command again: it begins anew")
    view.note(f"Made room of {len(empty)} places. `carefile redrive --error LedgerFull --yes` goes on.")
    return Exit.DONE


def _source(connection: Connection, key: str) -> Source:
    if key.startswith("s3://"):
        place = place_in(key)
        return Source(place.bucket, place.prefix)
    return Source(connection.landing, key)


_PLACES = (
    Column("Holds", lambda r: "yes" if r["holds"] else "nothing", width=8),
    Column("Place", lambda r: r["place"]),
)
