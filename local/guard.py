"""Lets only this machine's own programs through to the embedded AWS and to its console.

Both listen on the loopback, which a web page that a developer has open reaches as well: by a request to
127.0.0.1, or by a host name of its own that it has rebound to it. A browser says so in three headers that no
page can set: Host, Origin and Sec-Fetch-Site. The AWS command line, SDKs and functions send none but Host.

No answer permits another origin to read it, whatever the application behind says.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Any port: a proxy on this machine passes on the host that its caller signed, and a page cannot choose the name.
_THIS_MACHINE = re.compile(rb"(127\.0\.0\.1|localhost)(:\d{1,5})?")
_TYPED = {b"none"}  # by hand into the address bar, or from a bookmark
_REFUSED = b"Refused: only programs of this machine are answered, and no page of another origin.\n"


class Guard:
    """An ASGI application that passes on what may reach the one behind it."""

    def __init__(self, app: Application, *, has_pages: bool) -> None:
        """`has_pages`: it is made for browsers, so its own pages may ask it, and links may lead to it."""
        self._app = app
        self._has_pages = has_pages

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif self._may_pass(scope):
            await self._app(scope, receive, _without_cors(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})

    def _may_pass(self, scope: Message) -> bool:
        said: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            said.setdefault(name.lower(), []).append(value)
        hosts, origins = said.get(b"host", []), said.get(b"origin", [])
        sites = set(said.get(b"sec-fetch-site", []))
        if not hosts or not all(_THIS_MACHINE.fullmatch(host) for host in hosts):
            return False
        if not self._has_pages:
            # A page that lies in one of the buckets is of this very origin, and anybody may have written it.
            return not origins and sites <= _TYPED
        own = {b"http://" + host for host in hosts}
        return set(origins) <= own and (sites <= {*_TYPED, b"same-origin"} or _is_a_link(scope, said))


def _is_a_link(scope: Message, said: dict[bytes, list[bytes]]) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and said.get(b"sec-fetch-mode") == [b"navigate"]
        and said.get(b"sec-fetch-dest") == [b"document"]
    )


def _without_cors(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if "headers" in message:
            kept = [
                (name, value)
                for name, value in message["headers"]
                if not bytes(name).lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return sending
