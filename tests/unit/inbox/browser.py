"""What a browser says to the inbox, and what it gets: the application asked without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from carefile.cli.inbox.guard import COOKIE, Gate, Guard

HOST = "127.0.0.1:47580"
ORIGIN = f"http://{HOST}"
Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(app: Any, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
    """Send one request as it stands."""
    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 47580),
    }
    sent: list[dict[str, Any]] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        while not given:  # whoever asks stays until the answer has come
            await asyncio.sleep(60)
        return given.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    return Answer(
        start["status"],
        tuple((name.decode(), value.decode("latin-1")) for name, value in start["headers"]),
        b"".join(message.get("body", b"") for message in sent),
    )


@dataclass
class Browser:
    """A browser of the person at the inbox: it keeps the cookie, and says where its requests come from."""

    app: Any
    gate: Gate
    cookie: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, app: Any, gate: Gate) -> Browser:
        return cls(Guard(app, gate), gate)

    def enter(self) -> Answer:
        answer = ask(self.app, "GET", f"/enter/{self.gate.token}", [("host", HOST)])
        self.cookie = answer.header("set-cookie").partition(";")[0].removeprefix(f"{COOKIE}=")
        return answer

    @property
    def headers(self) -> dict[str, str]:
        return {
            "host": HOST,
            "cookie": f"{COOKIE}={self.cookie}",
            "sec-fetch-site": "same-origin",
        } | self.extra

    @property
    def csrf(self) -> str:
        sitting = self.gate._sitting
        return sitting.csrf if sitting else ""

    def get(self, path: str, **headers: str) -> Answer:
        return ask(self.app, "GET", self.gate.base + path, (self.headers | headers).items())

    def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Answer:
        fields = {"csrf": self.csrf} | (form or {})
        told = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
        return ask(
            self.app,
            "POST",
            self.gate.base + path,
            (self.headers | told | headers).items(),
            urlencode(fields, doseq=True).encode(),
        )
