"""What stands between the browser and the inbox. Every request passes here, and none reaches a page unproven.

- The Host must be the server's own, so a name that is made to mean 127.0.0.1 (DNS rebinding) reaches nothing.
- The printed address holds a token that works once and is exchanged for a cookie: HttpOnly, SameSite=Strict, for one
  unguessable path, as a browser sends a cookie to every port of a host. An address without the cookie opens nothing.
- A change is a POST from the server's own pages: Origin, Sec-Fetch-Site and a token in the form must all say so.
- A sitting that is idle ends. Answers are never stored, framed elsewhere, or allowed to fetch, run or send anything
  but the inbox's own.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carefile.cli.inbox.sitting import Clerk, Sitting
from carefile.cli.inbox.texts import language_for, say_in

COOKIE = "carefile-inbox"
_MAX_FORM = 64 * 1024  # bytes
_MAX_FIELDS = 500
_READS = ("GET", "HEAD")
# What a page asks by itself says nothing of whether somebody is there.
_BY_ITSELF = ("/alive", "/claim", "/counts", "/toasts")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# For what a document says of itself: it may show its own style and pictures, and run, fetch, send and open nothing.
SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # `no-referrer` would make the Origin of the inbox's own forms `null`
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), clipboard-read=()",
}


@dataclass
class Gate:
    """What the guard holds a request against. `base` is the path below which the inbox is, `token` the way in."""

    host: str
    clerk: Clerk
    idle_seconds: float = 15 * 60
    base: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(12)}")
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    clock: Callable[[], float] = time.monotonic
    _secret: str = ""
    _sitting: Sitting | None = None
    _seen: float = 0.0

    def __post_init__(self) -> None:
        self._seen = self.clock()

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def address(self) -> str:
        """The address to print. It works once."""
        return f"{self.origin}/enter/{self.token}"

    def idle(self) -> float:
        """For how many seconds nobody did anything."""
        return self.clock() - self._seen

    @property
    def is_over(self) -> bool:
        return self.idle() > self.idle_seconds

    def enter(self, token: str, language: str) -> str | None:
        """Exchange the token for the cookie's secret, once; None for any other."""
        if self.is_over or not self.token or not _same(token, self.token):
            return None
        self.token = ""
        self._secret = secrets.token_urlsafe(32)
        self._sitting = Sitting(self.clerk, language)
        self._seen = self.clock()
        return self._secret

    def sitting(self, secret: str, *, by_itself: bool) -> Sitting | None:
        """Return the sitting of whoever has the secret, while it lasts."""
        if self._sitting is None or not _same(secret, self._secret):
            return None
        if self.is_over:
            self._sitting, self._secret = None, ""
            return None
        if not by_itself:
            self._seen = self.clock()
        return self._sitting


class Guard:
    """The middleware around the inbox. It hands on `scope["sitting"]`, and of a POST `scope["form"]`."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = await self._judged(scope, receive)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await answer(scope, receive, _with_headers(send))

    async def _judged(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to a request that goes no further; None if it may."""
        headers = _headers(scope)
        language = language_for(headers.get("accept-language", ""))
        if headers.get("host") != self._gate.host:
            return _refused(421, "refused.host", language)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not self._enters(scope):
            return _refused(403, "refused.origin", language)
        if scope["method"] in _READS and self._enters(scope):
            return self._entered(scope["path"].removeprefix("/enter/"), language)
        path = self._below_base(scope["path"])
        if path is None:
            return _refused(404, "refused.nothing", language)
        sitting = self._gate.sitting(_cookie(headers), by_itself=path.endswith(_BY_ITSELF))
        if sitting is None:
            return _refused(403, "refused.closed", language)
        scope["sitting"], scope["path"], scope["root_path"] = sitting, path, ""
        if scope["method"] in _READS:
            return None
        return await self._changes(scope, receive, headers, sitting)

    def _enters(self, scope: Scope) -> bool:
        return bool(scope["path"].startswith("/enter/"))

    def _entered(self, token: str, language: str) -> Response:
        secret = self._gate.enter(token, language)
        if secret is None:
            return _refused(403, "refused.token", language)
        answer = RedirectResponse(f"{self._gate.base}/", status_code=303)
        answer.set_cookie(COOKIE, secret, path=self._gate.base, httponly=True, samesite="strict")
        return answer

    def _below_base(self, path: str) -> str | None:
        base = f"{self._gate.base}/"
        return path[len(base) - 1 :] if path.startswith(base) else None

    async def _changes(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], sitting: Sitting
    ) -> Response | None:
        if scope["method"] != "POST":
            return _refused(405, "refused.nothing", sitting.language)
        if headers.get("origin") != self._gate.origin:
            return _refused(403, "refused.origin", sitting.language)
        form = await _form(headers, receive)
        if form is None:
            return _refused(413, "refused.form", sitting.language)
        if not _same(next(iter(form.pop("csrf", ())), ""), sitting.csrf):
            return _refused(403, "refused.form", sitting.language)
        scope["form"] = form
        return None


async def _form(headers: Mapping[str, str], receive: Receive) -> dict[str, list[str]] | None:
    """Read the fields of a form; None if it is none, or too large for one of the inbox's."""
    if headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        return None
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or len(body) > _MAX_FORM:
            return None
        if not message.get("more_body"):
            break
    fields: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        ):
            fields.setdefault(name, []).append(value)
    except ValueError:
        return None
    return fields


def _headers(scope: Scope) -> dict[str, str]:
    """The request's headers. One that is sent twice says nothing that can be relied on, and is none."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        twice |= {key} & found.keys()
        found[key] = value.decode("latin-1")
    return {name: value for name, value in found.items() if name not in twice}


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _same(one: str, other: str) -> bool:
    return bool(other) and hmac.compare_digest(one.encode(), other.encode())


def _refused(status: int, name: str, language: str) -> Response:
    return PlainTextResponse(say_in(language)(name), status_code=status)


def _with_headers(send: Send) -> Send:
    """Add the headers of every answer; a policy of the page's own stays."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.decode("latin-1").lower() for name, _ in message["headers"]}
            added = [(name.encode(), value.encode()) for name, value in _HEADERS.items() if name not in own]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending
