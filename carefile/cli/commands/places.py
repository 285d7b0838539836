"""`carefile places`: list the places where a landing key was filed, and remove empty ones when the ledger is full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.ledger_places import Known, LedgerPlaces
from carefile.cli.aws.listing import place_in
from carefile.cli.exits import Exit
from carefile.cli.problem import NotThere, Problem
from carefile.cli.shown.view import Column, View, clock
from carefile.core.model import Source


def places(
    connection: Connection,
    view: View,
    key: Annotated[str, typer.Argument(help="A landing key, or s3://bucket/key.", show_default=False)],
    *,
    trim: Annotated[bool, typer.Option("--trim", help="Remove empty places from the ledger.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Confirm --trim; without it, only preview.")
    ] = False,
) -> Exit:
    """List every place where a landing key was filed.

    If the ledger is full (LedgerFull), --trim --yes removes the empty places from it.
    """
    source = _source(connection, key)
    ledger = LedgerPlaces(connection)
    known = ledger.known(source)
    if not known.places:
        raise NotThere(
            "the ledger has no places for that key",
            "check the key with `carefile show KEY`; keys are case-sensitive",
        )
    occupied = ledger.occupied(source, known.places)
    empty = known.places - occupied
    records = ({"place": place, "holds": place in occupied} for place in sorted(known.places))
    view.stream(_PLACES, records, nothing="No places.")
    if not trim:
        return Exit.DONE
    if not yes or not empty:
        view.note(f"[bold]Nothing was done.[/bold] {len(empty)} places are empty; use --yes to remove them.")
        return Exit.DONE
    return _trim(view, ledger, source, known, empty)


def _trim(view: View, ledger: LedgerPlaces, source: Source, known: Known, empty: frozenset[str]) -> Exit:
    """Record the state first, and trim only once it has not changed for a while."""
    if known.trimmable_at is None:
        if not ledger.note(source, known):
            raise Problem("an intake of that key started in the meantime", "run the command again")
        view.note("State recorded. Run the command again in twenty minutes, when running intakes have ended.")
        return Exit.FOUND
    if datetime.now(UTC) < known.trimmable_at:
        view.note(
            "Intakes that ran when the state was recorded may still be running: run the command again at "
            f"{clock(known.trimmable_at)}."
        )
        return Exit.FOUND
    if not ledger.trim(source, known, empty):
        raise Problem("an intake of that key started in the meantime", "run the command again to start over")
    view.note(f"Removed {len(empty)} places. Resume with `carefile redrive --error LedgerFull --yes`.")
    return Exit.DONE


def _source(connection: Connection, key: str) -> Source:
    if key.startswith("s3://"):
        place = place_in(key)
        return Source(place.bucket, place.prefix)
    return Source(connection.landing, key)


_PLACES = (
    Column("In use", lambda r: "yes" if r["holds"] else "no", width=6),
    Column("Place", lambda r: r["place"]),
)
