"""The command line `carefile`: its commands in the order in which an operator needs them."""

from __future__ import annotations

import typer

from carefile.commands.backfill import backfill
from carefile.commands.catalog import catalog
from carefile.commands.dlq import dlq
from carefile.commands.doctor import doctor
from carefile.commands.put import put
from carefile.commands.reconcile import reconcile
from carefile.commands.redrive import redrive
from carefile.commands.runs import runs
from carefile.commands.show import show
from carefile.commands.where import where
from carefile.operation import operation

app = typer.Typer(
    name="carefile",
    help="See what the pipeline did, put things right, and know where everything is.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Works on the stack that --stack, --profile or --region name, on the embedded AWS of this machine while "
    "it runs, and otherwise on AWS. Exit codes: 0 done, 1 something is not well, 2 could not do it, 130 stopped.",
)

app.command("put")(operation(put))
app.command("runs")(operation(runs))
app.command("show")(operation(show))
app.command("catalog")(operation(catalog))
app.command("where")(operation(where))
app.command("redrive")(operation(redrive))
app.command("dlq")(operation(dlq))
app.command("backfill")(operation(backfill))
app.command("reconcile")(operation(reconcile))
app.command("doctor")(operation(doctor))


@app.callback()
def _carefile() -> None:
    """Makes typer take the first word for a command, also while there is only one."""


def main() -> None:
    app(prog_name="carefile")
