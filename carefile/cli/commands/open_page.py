"""`carefile open`: open the page of a document, or of a session as a conversation, in the browser.

Nothing is written to disk: the page is served once, on the loopback interface only, at an unguessable address; a
session's page is rendered on demand. `--print` writes the HTML to stdout instead.
"""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from time import monotonic
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, SessionSummary
from carefile.cli.aws.objects import is_gone
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.filing.layout import result_key
from carefile.core.filing.names import decode_sub_path
from carefile.core.model import Source
from carefile.core.records.session_entries import Place

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


def page_of(connection: Connection, what: str) -> str:
    """Render the page of a landing key or a folder, or raise a Problem if there is none."""
    if connection.layout.holds(what):
        folder = what if what.endswith("/") else f"{what.rpartition('/')[0]}/"
        return _document(connection, folder) or _session(connection, Place(connection.processed, folder))
    entry = Entries(connection).get(Source(connection.landing, what).source_id)
    if entry is None:
        raise _no_page()
    if entry.is_session:
        return _session(connection, Place(entry.bucket, entry.prefix))
    page = _document(connection, entry.prefix)
    if page is None:
        raise _no_page()
    return page


def _no_page() -> Problem:
    return Problem(
        "there is no page for that key",
        "list what is filed with `carefile catalog`; keys are case-sensitive",
    )


def _document(connection: Connection, folder: str) -> str | None:
    data = _bytes(connection, result_key(folder))
    return None if data is None else data.decode("utf-8")


def _session(connection: Connection, place: Place) -> str:
    from carefile.page.conversation import MAX_OBJECT, conversation, in_order
    from carefile.page.render import PageHeader
    from carefile.page.session import render_session

    entries = Entries(connection)
    session = entries.session(place)
    if session is None:
        raise _no_page()
    keys = {decode_sub_path(it.key.removeprefix(place.prefix)): it.key for it in entries.in_session(place)}

    def objects() -> Iterator[tuple[str, bytes]]:
        """Download objects lazily: a long session is only read as far as it is rendered."""
        for sub_path in in_order(keys):
            yield sub_path, _bytes(connection, keys[sub_path], MAX_OBJECT + 1) or b""

    source = f"s3://{place.bucket}/{place.prefix}"
    header = PageHeader(session.session_id, "session", _patient(session), session.last_activity, source, "")
    return render_session(conversation(objects()), header)


def _patient(session: SessionSummary) -> str:
    return session.patient if session.patient is not None else f"unknown ({session.reason or 'no-evidence'})"


def _bytes(connection: Connection, key: str, most: int | None = None) -> bytes | None:
    limited = {"Range": f"bytes=0-{most - 1}"} if most else {}
    try:
        data: bytes = (
            connection.client("s3").get_object(Bucket=connection.processed, Key=key, **limited)["Body"].read()
        )
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return data


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
