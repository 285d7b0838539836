"""`carefile open`: open the page of a document, or of a session as a conversation, in the browser.

Nothing is written to disk: the page is served once, on the loopback interface only, at an unguessable address; a
session's page is rendered on demand. `--print` writes the HTML to stdout instead.
"""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from time import monotonic
from typing import Annotated

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.inbox.own_page import page_of
from carefile.cli.shown.view import View

_SECONDS = 120  # how long to wait for the browser


def open_page(
    connection: Connection,
    view: View,
    what: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A landing key, or a folder under processed/ that ends in a slash."
        ),
    ],
    *,
    to_stdout: Annotated[bool, typer.Option("--print", help="Print the HTML to stdout instead.")] = False,
) -> Exit:
    """Open the page of a document or session in the browser.

    The page is served once from this machine and not stored.
    """
    html = page_of(connection, what)
    if to_stdout:
        typer.echo(html)
        return Exit.DONE
    return Exit.DONE if serve_once(html, lambda address: _open(view, address)) else Exit.FOUND


def _open(view: View, address: str) -> None:
    view.note(f"Open {address} within {_SECONDS} seconds; the page is served once.")
    webbrowser.open(address)


def serve_once(html: str, announce: Callable[[str], None], seconds: float = _SECONDS) -> bool:
    """Serve the page to the first request for its address. False if none came in time."""
    path = f"/{secrets.token_urlsafe(24)}"
    served = False

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            nonlocal served
            if not secrets.compare_digest(self.path.encode(), path.encode()):
                self.send_error(404)
                return
            body = html.encode("utf-8")
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)
            served = True

        def log_message(self, *_: object) -> None:
            """Log nothing: the address gives access to the page."""

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 1
        announce(f"http://127.0.0.1:{server.server_address[1]}{path}")
        end = monotonic() + seconds
        while not served and monotonic() < end:
            server.handle_request()
    return served
