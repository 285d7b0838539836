"""`carefile catalog rebuild`: the catalog again, from S3 alone. Without --yes it shows what it would write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.rebuilding import Comparison, Difference
from carefile.cli.checks.restoring import Restorer
from carefile.cli.exits import Exit
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import Column, View, lasting
from carefile.cli.times import span


def rebuild(
    connection: Connection,
    view: View,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write what is missing or wrong.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="With --yes: also remove entries of what S3 does not hold.")
    ] = False,
    grace: Annotated[
        str, typer.Option(help="Of what was cataloged since, something may be on its way: leave it.")
    ] = "15m",
) -> Exit:
    """Hold the catalog against S3, and make it again from S3 alone, also beside the running pipeline."""
    started, rules = datetime.now(UTC), rules_of(connection)
    counts, restored, looked_at = Counter[str](), 0, 0
    restorer = Restorer(connection, remove=remove) if yes else None
    with view.progress("entries and objects") as bar:
        task = bar.add_task("Comparing", total=None)

        def passed(count: int) -> None:
            nonlocal looked_at
            looked_at += count
            bar.advance(task, count)

        def findings() -> Iterator[dict[str, Any]]:
            nonlocal restored
            for finding in Comparison(connection, rules, started - span(grace), passed).findings():
                counts[finding.difference] += 1
                done = restorer.restore(finding) if restorer else None
                restored += done is not None
                yield finding.to_json() | {"restored": done}

        view.stream(_FINDINGS, findings(), below=_below, nothing="The catalog says what S3 holds.")
    seconds = (datetime.now(UTC) - started).total_seconds()
    view.note(f"{looked_at} entries and objects in {lasting(seconds)}, {looked_at / seconds:.0f} a second.")
    _tell(view, counts, restored, yes=yes, remove=remove)
    return Exit.FOUND if counts.total() > restored else Exit.DONE


def _tell(view: View, counts: Counter[str], restored: int, *, yes: bool, remove: bool) -> None:
    if not counts:
        return
    view.note("Found " + ", ".join(f"{count} {found}" for found, count in counts.most_common()) + ".")
    if not yes:
        view.note("[bold]Nothing was changed.[/bold] --yes writes what is missing or wrong.")
    else:
        view.note(
            f"{restored} put right, {counts.total() - restored} left. Sessions follow within some ten seconds."
        )
    if counts[Difference.UNSUPPORTED] and not (yes and remove):
        view.note(
            "Entries of what S3 does not hold are kept: `carefile reconcile` takes their objects in again where "
            "they are still in the landing bucket; --yes --remove deletes the entries."
        )


def _below(record: Any) -> str:
    return f"{record['why']}; {record['restored']}" if record["restored"] else str(record["why"])


_FINDINGS = (
    Column("Difference", lambda r: r["difference"], width=12),
    Column("Object", lambda r: r["key"]),
)
