"""`carefile inbox`: serve the page on which a person decides whose the unknown documents are.

It listens on this machine only, acts with the user's own AWS credentials, and writes nothing to disk.
"""

from __future__ import annotations

import webbrowser
from datetime import timedelta
from typing import Annotated

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.patients.deciding import name_of
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View, plain
from carefile.cli.times import span

_LONGEST = timedelta(hours=8)


def inbox(
    connection: Connection,
    view: View,
    *,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decides. Default: whose credentials these are.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this machine. Default: any free one.")
    ] = 0,
    idle: Annotated[str, typer.Option(help="How long it waits for a sign of somebody.")] = "15m",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser, or only print the address.")
    ] = True,
) -> Exit:
    """Decide in the browser whose the unknown documents and sessions are.

    The page is served from this machine only, to whoever opens the printed address first.
    """
    patience = span(idle)
    if not timedelta(seconds=30) <= patience <= _LONGEST:
        raise Problem("--idle is out of range", "give between 30s and 8h")
    # Loaded here, as no other command needs a server.
    from carefile.cli.inbox.opening import open_inbox

    def ready(address: str) -> None:
        view.note(f"[bold]{address}[/bold]")
        view.note("Open it in a browser; it works once. Ctrl-C ends the inbox and sends what is held.")
        if browser:
            webbrowser.open(address)

    name = by or name_of(connection)
    view.note(f"Deciding as {plain(name)}.")
    wrong = open_inbox(connection, name, port=port, idle=patience, ready=ready)
    view.note("The inbox has ended.")
    for one in wrong:
        view.warn(f"Not carried out: {plain(one.name)}: {plain(one.problem.what if one.problem else '')}")
    return Exit.FOUND if wrong else Exit.DONE
