"""`carefile reconcile`: check that every upload is filed, and that everything filed is in the catalog."""

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
        bool, typer.Option("--repair", help="With --yes, repair what can be repaired.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Confirm --repair.")] = False,
    grace: Annotated[
        str, typer.Option(help="Skip objects younger than this: they may still be in progress.")
    ] = "15m",
    look_at_tags: Annotated[
        bool, typer.Option("--tags/--no-tags", help="Check tags too: one more request per object.")
    ] = True,
) -> Exit:
    """Compare the buckets with the catalog, and repair them.

    Without --repair and --yes, only report the differences.
    """
    started = datetime.now(UTC)
    counts, repaired, looked_at = Counter[str](), 0, 0
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
            nonlocal repaired
            for finding in reconciler.findings():
                counts[finding.fault] += 1
                done = repairer.repair(finding) if repairer else None
                repaired += done is not None
                yield finding.to_json() | {"repaired": done}

        view.stream(_FINDINGS, findings(), below=_details, nothing="Everything is consistent.")
    seconds = (datetime.now(UTC) - started).total_seconds()
    view.note(
        f"Compared {looked_at} objects and entries in {lasting(seconds)} ({looked_at / seconds:.0f}/s)."
    )
    if reconciler.ignored:
        view.note(f"{reconciler.ignored} ignored: leftovers of desktops and transfer tools.")
    if reconciler.alike:
        view.note(f"{reconciler.alike} documents have the same bytes as another one of their patient.")
    _report(view, counts, repaired, repair=repair, yes=yes)
    inconsistent = counts.total() - counts[Fault.SHARED]
    return Exit.FOUND if inconsistent > repaired else Exit.DONE


def _report(view: View, counts: Counter[str], repaired: int, *, repair: bool, yes: bool) -> None:
    if not counts:
        return
    view.note("Found " + ", ".join(f"{count} {fault}" for fault, count in counts.most_common()) + ".")
    if repair and yes:
        view.note(f"{repaired} repaired or submitted again, {counts.total() - repaired} need attention.")
    else:
        view.note("[bold]Nothing was changed.[/bold] Use `carefile reconcile --repair --yes` to repair.")
    if counts[Fault.FAILED]:
        view.note("Redrive failed intakes rather than submitting them again: `carefile redrive`.")


def _details(record: Any) -> str:
    return f"{record['why']}; {record['repaired']}" if record["repaired"] else str(record["why"])


_FINDINGS = (
    Column("Fault", lambda r: r["fault"], width=12),
    Column("Object", lambda r: r["key"]),
)
