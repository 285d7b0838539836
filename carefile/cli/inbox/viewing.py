"""One filed document or session to look at: its page in a frame, and the original to save, served like the inbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.inbox.guard import SANDBOX
from carefile.cli.inbox.own_page import page_of
from carefile.cli.inbox.pages import STATIC
from carefile.cli.inbox.records import Records
from carefile.cli.inbox.server import LoopbackServer
from carefile.cli.inbox.sitting import Clerk
from carefile.cli.inbox.texts import say_in
from carefile.cli.problem import Problem
from carefile.core.model import Source
from carefile.page.render import as_shown

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Viewed:
    """What is shown. `name` is that of the original, None where there is none to save, as of a session."""

    page: str
    name: str | None = None
    original: Callable[[], Iterator[bytes]] = lambda: iter(())


def viewed(connection: Connection, what: str) -> Viewed:
    """Return what a landing key or a folder of the layout shows; a Problem if nothing is filed there."""
    page = page_of(connection, what)
    entry = None
    if not connection.layout.holds(what):
        entry = Entries(connection).get(Source(connection.landing, what).source_id)
    if entry is None or entry.is_session:
        return Viewed(page)
    return Viewed(page, entry.landing_key.rpartition("/")[2], lambda: Records(connection).original(entry.key))


def original_of(connection: Connection, what: str) -> Viewed:
    """Return what is shown of a document, or a Problem if it has no original to save."""
    found = viewed(connection, what)
    if found.name is None:
        raise Problem(
            f"{what} names no document whose original could be saved",
            "name a document by its landing key; the objects of a session are listed by `carefile show`",
        )
    return found


def attachment(name: str, body: Iterator[bytes]) -> Response:
    """Answer with bytes as they were uploaded, for the browser to save and never to show."""
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": SANDBOX,
    }
    return StreamingResponse(body, media_type="application/octet-stream", headers=headers)


def framed(html: str) -> Response:
    """Answer with a document's own page, for a frame in which it can run and reach nothing."""
    return Response(html, media_type="text/html", headers={"content-security-policy": SANDBOX})


def application(shown: Viewed, base: str, *, only_original: bool, served: Callable[[], None]) -> Starlette:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=as_shown,
    )

    def page(request: Request) -> Response:
        served()
        if only_original:
            return original(request)
        sitting = request.scope["sitting"]
        return HTMLResponse(
            templates.get_template("view.html.jinja").render(
                base=base, t=say_in(sitting.language), language=sitting.language, name=shown.name
            )
        )

    def original(_: Request) -> Response:
        if shown.name is None:
            return Response(status_code=404)
        return attachment(shown.name, shown.original())

    def static(request: Request) -> Response:
        found = STATIC.get(request.path_params["name"])
        return Response(found.body, media_type=found.media_type) if found else Response(status_code=404)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/page", lambda _: framed(shown.page)),
            Route("/original", original),
            Route("/static/{name}", static),
        ]
    )


def show(shown: Viewed, *, only_original: bool, idle: timedelta, ready: Callable[[str], None]) -> bool:
    """Serve it until nobody has looked for a while. False if nobody came."""
    server = LoopbackServer(Clerk(""), idle_seconds=idle.total_seconds())
    came: list[bool] = []
    server.run(
        application(shown, server.gate.base, only_original=only_original, served=lambda: came.append(True)),
        ready=lambda: ready(server.gate.address),
        every_second=lambda: None,
    )
    return bool(came)
