"""Admits only programs of this machine to the embedded AWS and its console.

Both listen on the loopback interface, which web pages in a developer's browser can reach too: by a request to 127.0.0.1
or by DNS rebinding. A browser reveals this in three headers that no page can set: Host, Origin and Sec-Fetch-Site. The
AWS command line, SDKs and functions send only Host.

No response permits another origin to read it, whatever the application behind allows.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Any port: a local proxy forwards the host that its caller signed, and a page cannot choose the name.
_THIS_MACHINE = re.compile(rb"(127\.0\.0\.1|localhost)(:\d{1,5})?")
_TYPED = {b"none"}  # typed into the address bar, or opened from a bookmark
_REFUSED = b"Refused: only programs on this machine are served, and no page of another origin.\n"


class Guard:
    """An ASGI application that forwards admissible requests to the one behind it."""

    def __init__(self, app: Application, *, has_pages: bool) -> None:
        """`has_pages`: it serves browsers, so its own pages and links to it are admitted."""
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
        received: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            received.setdefault(name.lower(), []).append(value)
        hosts, origins = received.get(b"host", []), received.get(b"origin", [])
        sites = set(received.get(b"sec-fetch-site", []))
        if not hosts or not all(_THIS_MACHINE.fullmatch(host) for host in hosts):
            return False
        if not self._has_pages:
            # A page stored in a bucket has this same origin, and anybody may have written it.
            return not origins and sites <= _TYPED
        own = {b"http://" + host for host in hosts}
        return set(origins) <= own and (sites <= {*_TYPED, b"same-origin"} or _is_a_link(scope, received))


def _is_a_link(scope: Message, received: dict[bytes, list[bytes]]) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and received.get(b"sec-fetch-mode") == [b"navigate"]
        and received.get(b"sec-fetch-dest") == [b"document"]
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
