"""`carefile catalog rebuild`: rebuild the catalog from S3 alone. Without --yes it only reports the differences."""

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
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Write missing and wrong entries; without it, only report them."),
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="With --yes, also delete entries whose object S3 does not hold.")
    ] = False,
    grace: Annotated[
        str, typer.Option(help="Skip entries younger than this: they may still be changing.")
    ] = "15m",
) -> Exit:
    """Compare the catalog with S3, and rebuild it from S3.

    S3 alone is enough to rebuild it, and the pipeline can keep running. Without --yes, only report the differences.
    """
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

        view.stream(_FINDINGS, findings(), below=_details, nothing="The catalog matches S3.")
    seconds = (datetime.now(UTC) - started).total_seconds()
    view.note(
        f"Compared {looked_at} entries and objects in {lasting(seconds)} ({looked_at / seconds:.0f}/s)."
    )
    _report(view, counts, restored, yes=yes, remove=remove)
    return Exit.FOUND if counts.total() > restored else Exit.DONE


def _report(view: View, counts: Counter[str], restored: int, *, yes: bool, remove: bool) -> None:
    if not counts:
        return
    view.note("Found " + ", ".join(f"{count} {found}" for found, count in counts.most_common()) + ".")
    if not yes:
        view.note("[bold]Nothing was changed.[/bold] Use --yes to write missing and wrong entries.")
    else:
        view.note(
            f"{restored} fixed, {counts.total() - restored} left. Session entries follow within about ten seconds."
        )
    if counts[Difference.UNSUPPORTED] and not (yes and remove):
        view.note(
            "Entries whose object S3 does not hold were kept. `carefile reconcile` files their objects again if "
            "they are still in the landing bucket; --yes --remove deletes the entries."
        )


def _details(record: Any) -> str:
    return f"{record['why']}; {record['restored']}" if record["restored"] else str(record["why"])


_FINDINGS = (
    Column("Difference", lambda r: r["difference"], width=12),
    Column("Object", lambda r: r["key"]),
)
