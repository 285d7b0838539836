"""`carefile open`: open the page of a document, or of a session as a conversation, in the browser.

Nothing is written to disk: it is served like the inbox, on this machine only, to whoever opens the printed address
first; a session's page is rendered on demand. `--print` writes the HTML to stdout instead.
"""

from __future__ import annotations

import webbrowser
from datetime import timedelta
from typing import Annotated

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Executions
from carefile.cli.aws.subject import subject
from carefile.cli.exits import Exit
from carefile.cli.shown.view import View

_IDLE = timedelta(minutes=2)


def open_page(
    connection: Connection,
    view: View,
    what: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A landing key, a key or folder under processed/, or a session's id."
        ),
    ],
    *,
    original: Annotated[
        bool, typer.Option("--original", help="Save the document as it was uploaded instead.")
    ] = False,
    to_stdout: Annotated[bool, typer.Option("--print", help="Print the HTML to stdout instead.")] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser, or only print the address.")
    ] = True,
) -> Exit:
    """Open the page of a document or session in the browser.

    The page is served from this machine and not stored.
    """
    # Loaded here, as only these commands need a server.
    from carefile.cli.inbox.own_page import page_of
    from carefile.cli.inbox.viewing import original_of, show, viewed

    what = _named(connection, what)
    if to_stdout:
        typer.echo(page_of(connection, what))
        return Exit.DONE

    def ready(address: str) -> None:
        view.note(f"[bold]{address}[/bold]")
        view.note("Open it in a browser; it works once. Ctrl-C ends it, as do two minutes of nothing.")
        if browser:
            webbrowser.open(address)

    shown = original_of(connection, what) if original else viewed(connection, what)
    return Exit.DONE if show(shown, only_original=original, idle=_IDLE, ready=ready) else Exit.FOUND


def _named(connection: Connection, word: str) -> str:
    """Return the landing key, or the key or folder of the layout, of whatever `carefile show` would describe."""
    found = subject(connection, Executions(connection), word)
    if found.session:
        return found.session.prefix
    if found.filed:
        return found.filed.key
    source = found.source or (found.execution and found.execution.request and found.execution.request.source)
    return source.key if source and source.bucket == connection.landing else word
