"""The `carefile` command line. Commands appear in the help in the order in which an operator needs them."""

from __future__ import annotations

from typing import Annotated

import typer

import carefile
from carefile.cli.again.reread import reread
from carefile.cli.commands.adopt import adopt
from carefile.cli.commands.assign import assign
from carefile.cli.commands.backfill import backfill
from carefile.cli.commands.browser.inbox import inbox
from carefile.cli.commands.browser.open_page import open_page
from carefile.cli.commands.catalog import catalog
from carefile.cli.commands.checks.doctor import doctor
from carefile.cli.commands.checks.reconcile import reconcile
from carefile.cli.commands.checks.verify import verify
from carefile.cli.commands.deciding.decisions import decisions, verify_decisions
from carefile.cli.commands.deciding.unfile import unfile
from carefile.cli.commands.dlq import dlq
from carefile.cli.commands.forget import forget
from carefile.cli.commands.migrate import migrate
from carefile.cli.commands.patients import (
    import_patients,
    list_patients,
    merge_patients,
    refile,
    search_patients,
    show_patient,
    unmerge_patients,
)
from carefile.cli.commands.places import places
from carefile.cli.commands.put import put
from carefile.cli.commands.rebuild import rebuild
from carefile.cli.commands.redrive import redrive
from carefile.cli.commands.runs import runs
from carefile.cli.commands.show import show
from carefile.cli.commands.where import where
from carefile.cli.exits import Exit
from carefile.cli.helping.commands import Command, Commands
from carefile.cli.helping.topics import topic, topics
from carefile.cli.operation import operation

app = typer.Typer(
    name="carefile",
    cls=Commands,
    help="Operate a Carefile deployment: upload, watch, decide, redrive, repair.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="`carefile help COMMAND` explains a command with examples. `carefile help TOPIC` explains "
    f"{', '.join(topics())}. Exit codes: 0 success, 1 something to look at, 2 could not run, 130 interrupted.",
)

app.command("put")(operation(put))
app.command("runs")(operation(runs))
app.command("show")(operation(show))
app.command("catalog")(operation(catalog))
app.command("catalog rebuild")(operation(rebuild))
app.command("open")(operation(open_page))
app.command("where")(operation(where))
app.command("places")(operation(places))
app.command("inbox")(operation(inbox))
app.command("assign")(operation(assign))
app.command("unfile")(operation(unfile))
app.command("decisions")(operation(decisions))
app.command("decisions verify")(operation(verify_decisions))
app.command("patients import")(operation(import_patients))
app.command("patients list")(operation(list_patients))
app.command("patients show")(operation(show_patient))
app.command("patients search")(operation(search_patients))
app.command("patients merge")(operation(merge_patients))
app.command("patients unmerge")(operation(unmerge_patients))
app.command("patients refile")(operation(refile))
app.command("redrive")(operation(redrive))
app.command("dlq")(operation(dlq))
app.command("backfill")(operation(backfill))
app.command("reread")(operation(reread))
app.command("adopt")(operation(adopt))
app.command("migrate")(operation(migrate))
app.command("reconcile")(operation(reconcile))
app.command("forget")(operation(forget))
app.command("verify")(operation(verify, unconnected="list_"))
app.command("doctor")(operation(doctor, unconnected="before_deploy"))


for _registered in app.registered_commands:
    _registered.cls = Command


@app.command("help", cls=Command)
def explain(
    ctx: typer.Context,
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND|TOPIC]", help="What to explain.")
    ] = None,
) -> None:
    """Explain a command or a topic."""
    assert ctx.parent  # noqa: S101 - narrows the type
    group = ctx.parent.command
    assert isinstance(group, Commands)  # noqa: S101 - narrows the type
    name = " ".join(what or ())
    if not name:
        typer.echo(group.get_help(ctx.parent))
        for word, title in topics().items():
            typer.echo(f"  help {word:<13}{title}")
    elif name in group.commands:
        command = group.commands[name]
        typer.echo(command.get_help(type(ctx)(command, info_name=name, parent=ctx.parent)))
    elif name in topics():
        typer.echo(topic(name).rstrip())
    else:
        typer.echo(f"carefile: no command or topic {name!r}", err=True)
        typer.echo(f"  to do: name a command, or one of: {', '.join(topics())}", err=True)
        raise typer.Exit(int(Exit.UNUSABLE))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"carefile {carefile.__version__}")
        raise typer.Exit


@app.callback()
def _carefile(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    app(prog_name="carefile")
