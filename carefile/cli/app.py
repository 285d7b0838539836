"""The `carefile` command line. Commands appear in the help in the order in which an operator needs them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from carefile.cli.again.reread import reread
from carefile.cli.commands.adopt import adopt
from carefile.cli.commands.assign import assign
from carefile.cli.commands.backfill import backfill
from carefile.cli.commands.browser.inbox import inbox
from carefile.cli.commands.browser.open_page import open_page
from carefile.cli.commands.catalog import catalog
from carefile.cli.commands.deciding.decisions import decisions, verify_decisions
from carefile.cli.commands.deciding.unfile import unfile
from carefile.cli.commands.dlq import dlq
from carefile.cli.commands.doctor import doctor
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
from carefile.cli.commands.reconcile import reconcile
from carefile.cli.commands.redrive import redrive
from carefile.cli.commands.runs import runs
from carefile.cli.commands.show import show
from carefile.cli.commands.where import where
from carefile.cli.operation import operation

# What people type first, coming from other tools. A command that deletes is never suggested for another word.
_GUESSED = {
    "get": "open", "cat": "open", "view": "open", "download": "open", "page": "open",
    "ls": "catalog", "list": "catalog", "find": "catalog", "search": "catalog",
    "upload": "put", "cp": "put", "add": "put", "send": "put", "submit": "put",
    "log": "runs", "logs": "runs", "executions": "runs", "status": "runs", "failed": "runs", "ps": "runs",
    "describe": "show", "info": "show", "why": "show", "explain": "show",
    "move": "assign", "mv": "assign", "reassign": "assign", "retry": "redrive", "resubmit": "redrive",
    "rerun": "redrive", "import": "backfill", "ingest": "backfill", "check": "doctor", "health": "doctor",
    "repair": "reconcile", "sync": "reconcile", "rebuild": "catalog rebuild",
}  # fmt: skip
_DESTRUCTIVE = frozenset({"forget"})


class _Commands(TyperGroup):
    """Resolves two-word commands next to one-word ones (`catalog rebuild` and `catalog`), and suggests one for a word
    that is none."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        words = " ".join(args[:2])
        if words in self.commands:
            return super().resolve_command(ctx, [words, *args[2:]])
        if args[0] not in self.commands and not args[0].startswith("-"):
            meant = _GUESSED.get(args[0].casefold()) or next(
                iter(get_close_matches(args[0], self.commands.keys() - _DESTRUCTIVE)), None
            )
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {meant!r}?" if meant else ""))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="carefile",
    cls=_Commands,
    help="Operate a Carefile deployment.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Connects to the stack selected by --stack, --profile or --region; otherwise to the embedded AWS if it is "
    "running on this machine, or else to AWS. "
    "Exit codes: 0 success, 1 problems found, 2 could not run, 130 interrupted.",
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
app.command("doctor")(operation(doctor, unconnected="before_deploy"))


@app.callback()
def _carefile() -> None:
    """Make typer treat the first word as a command even if only one is registered."""


def main() -> None:
    app(prog_name="carefile")
