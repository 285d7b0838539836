"""`carefile reconcile`: is everything that was uploaded filed, and everything that is filed known?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.reconciling import Fault, Reconciler
from carefile.cli.checks.repairing import Repairer
from carefile.cli.exits import Exit
from carefile.cli.shown.view import Column, View, lasting
from carefile.cli.times import span


def reconcile(
    connection: Connection,
    view: View,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Show what could be mended; with --yes, mend it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Mend what can be mended.")] = False,
    grace: Annotated[str, typer.Option(help="Leave out what is younger: it may be on its way.")] = "15m",
    look_at_tags: Annotated[
        bool, typer.Option("--tags/--no-tags", help="Look at tags too: one more request an object.")
    ] = True,
) -> Exit:
    """Hold landing bucket, processed bucket and catalog against each other."""
    started = datetime.now(UTC)
    counts, mended, looked_at = Counter[str](), 0, 0
    repairer = Repairer(connection) if repair and yes else None
    with view.progress("objects") as bar:
        task = bar.add_task("Counting", total=None)

        def passed(count: int) -> None:
            nonlocal looked_at
            looked_at += count
            bar.advance(task, count)

        reconciler = Reconciler(connection, started - span(grace), look_at_tags=look_at_tags, passed=passed)
        if not bar.disable:
            bar.update(task, total=reconciler.count(), description="Comparing")

        def findings() -> Iterator[dict[str, Any]]:
            nonlocal mended
            for finding in reconciler.findings():
                counts[finding.fault] += 1
                done = repairer.repair(finding) if repairer else None
                mended += done is not None
                yield finding.to_json() | {"repaired": done}

        view.stream(_FINDINGS, findings(), below=_below, nothing="Everything is in line.")
    seconds = (datetime.now(UTC) - started).total_seconds()
    view.note(
        f"{looked_at} objects and entries compared in {lasting(seconds)}, {looked_at / seconds:.0f} a second."
    )
    if reconciler.ignored:
        view.note(f"{reconciler.ignored} ignored: leftovers of desktops and transfer tools.")
    _tell(view, counts, mended, repair=repair, yes=yes)
    return Exit.FOUND if counts.total() > mended else Exit.DONE


def _tell(view: View, counts: Counter[str], mended: int, *, repair: bool, yes: bool) -> None:
    if not counts:
        return
    view.note("Found " + ", ".join(f"{count} {fault}" for fault, count in counts.most_common()) + ".")
    if repair and yes:
        view.note(f"{mended} mended or taken in again, {counts.total() - mended} to be looked at.")
    else:
        view.note(
            "[bold]Nothing was changed.[/bold] `carefile reconcile --repair --yes` takes them in again."
        )
    if counts[Fault.FAILED]:
        view.note("Failed intakes are better re-driven than taken in again: `carefile redrive`.")


def _below(record: Any) -> str:
    return f"{record['why']}; {record['repaired']}" if record["repaired"] else str(record["why"])


_FINDINGS = (
    Column("Fault", lambda r: r["fault"], width=12),
    Column("Object", lambda r: r["key"]),
)
