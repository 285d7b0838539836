"""Nobody but the person who was given its address reaches the inbox. Each attack would succeed without its guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from carefile.cli.inbox import guard
from carefile.cli.inbox.guard import COOKIE, POLICY, Gate, Guard
from carefile.cli.inbox.sitting import Clerk
from tests.unit.inbox.browser import HOST, ORIGIN, Answer, Browser, ask


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    """A page that says a secret, and a form that changes something, behind the guard."""

    clock: Clock = field(default_factory=Clock)
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def page(_: Request) -> PlainTextResponse:
            return PlainTextResponse("a patient's record")

        async def change(request: Request) -> PlainTextResponse:
            self.changes.append(request.scope.get("form", {}).get("what", ["?"])[0])
            return PlainTextResponse("done")

        routes = [
            Route("/", page),
            Route("/alive", page),
            Route("/change", change, methods=["POST", "PUT", "DELETE"]),
        ]
        self.gate = Gate(HOST, Clerk("Ana Ruiz"), idle_seconds=900, clock=self.clock)
        self.browser = Browser.of(Starlette(routes=routes), self.gate)

    def changed(self, **headers: str) -> Answer:
        return self.browser.post("/change", {"what": "all"}, **headers)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.browser.enter()
    return scene


def test_the_person_with_the_address_sees_the_page_and_changes_what_it_offers(scene: Scene) -> None:
    assert scene.browser.get("/").text == "a patient's record"
    assert scene.changed().status == 200
    assert scene.changes == ["all"]


# Attacks. Each comes with the piece of the guard that keeps it off: without that piece it succeeds.
Attack = Callable[[Scene], bool]


def rebinding(scene: Scene) -> bool:
    """A name of somebody else's that is made to mean 127.0.0.1."""
    return scene.browser.get("/", host="clinic.example:47580").status == 200


def another_port(scene: Scene) -> bool:
    return scene.browser.get("/", host="127.0.0.1:80").status == 200


def foreign_form(scene: Scene) -> bool:
    """A form of another page, with a token that its author has got hold of."""
    scene.changed(origin="https://evil.example", **{"sec-fetch-site": "same-origin"})
    return bool(scene.changes)


def form_of_a_sandboxed_document(scene: Scene) -> bool:
    scene.changed(origin="null", **{"sec-fetch-site": "same-origin"})
    return bool(scene.changes)


def form_without_origin(scene: Scene) -> bool:
    scene.browser.extra = {}
    scene.changed(origin="")
    return bool(scene.changes)


def form_without_token(scene: Scene) -> bool:
    scene.browser.post("/change", {"csrf": "", "what": "all"})
    return bool(scene.changes)


def form_with_a_guessed_token(scene: Scene) -> bool:
    scene.browser.post("/change", {"csrf": "AAAA", "what": "all"})
    return bool(scene.changes)


def other_site(scene: Scene) -> bool:
    """A picture or a link on another page."""
    return scene.browser.get("/", **{"sec-fetch-site": "cross-site"}).status == 200


def other_port_of_this_machine(scene: Scene) -> bool:
    """What another program serves on the loopback is of the same site, and is sent the cookie's like."""
    return scene.browser.get("/", **{"sec-fetch-site": "same-site"}).status == 200


def stolen_address(scene: Scene) -> bool:
    return ask(scene.browser.app, "GET", f"{scene.gate.base}/", [("host", HOST)]).status == 200


def guessed_cookie(scene: Scene) -> bool:
    scene.browser.cookie = "A" * 43
    return scene.browser.get("/").status == 200


def idle(scene: Scene) -> bool:
    scene.clock.now += 901
    return scene.browser.get("/").status == 200


ATTACKS: dict[Attack, Callable[[pytest.MonkeyPatch, Scene], None]] = {
    rebinding: lambda patch, scene: _believe(patch, "host", HOST),
    another_port: lambda patch, scene: _believe(patch, "host", HOST),
    foreign_form: lambda patch, scene: _believe(patch, "origin", ORIGIN),
    form_of_a_sandboxed_document: lambda patch, scene: _believe(patch, "origin", ORIGIN),
    form_without_origin: lambda patch, scene: _believe(patch, "origin", ORIGIN),
    form_without_token: lambda patch, scene: patch.setattr(guard, "_same", lambda one, other: True),
    form_with_a_guessed_token: lambda patch, scene: patch.setattr(guard, "_same", lambda one, other: True),
    other_site: lambda patch, scene: _believe(patch, "sec-fetch-site", "same-origin"),
    other_port_of_this_machine: lambda patch, scene: _believe(patch, "sec-fetch-site", "same-origin"),
    stolen_address: lambda patch, scene: patch.setattr(guard, "_cookie", lambda _: scene.browser.cookie),
    guessed_cookie: lambda patch, scene: patch.setattr(guard, "_same", lambda one, other: True),
    idle: lambda patch, scene: patch.setattr(Gate, "is_over", False),
}


def _believe(patch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Take away a check: whatever a request says in this header is read as what it should say."""
    read = guard._headers
    patch.setattr(guard, "_headers", lambda scope: {**read(scope), name: value})


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_reaches_and_changes_nothing(scene: Scene, attack: Attack) -> None:
    assert not attack(scene)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_same_attack_succeeds_without_the_guard_against_it(
    scene: Scene, attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ATTACKS[attack](monkeypatch, scene)
    assert attack(scene)


def test_the_token_of_the_address_works_once() -> None:
    scene = Scene()
    address = f"/enter/{scene.gate.token}"
    assert ask(scene.browser.app, "GET", address, [("host", HOST)]).status == 303
    again = ask(scene.browser.app, "GET", address, [("host", HOST)])
    assert (again.status, again.header("set-cookie")) == (403, "")


@pytest.mark.parametrize("token", ["", "A" * 43, "../static/inbox.css"])
def test_another_token_opens_nothing_and_uses_nothing_up(token: str) -> None:
    scene = Scene()
    assert ask(scene.browser.app, "GET", f"/enter/{token}", [("host", HOST)]).status == 403
    assert scene.browser.enter().status == 303


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_other_servers_on_this_machine() -> None:
    scene = Scene()
    cookie = scene.browser.enter().header("set-cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert len(name) > 40
    assert {one.lower() for one in attributes} == {
        "httponly",
        "samesite=strict",
        f"path={scene.gate.base}".lower(),
    }
    assert len(scene.gate.base) > 12


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_changed_by_another_method_than_post(scene: Scene, method: str) -> None:
    asked = {**scene.browser.headers, "origin": ORIGIN}
    answer = ask(scene.browser.app, method, f"{scene.gate.base}/change", asked.items())
    assert answer.status == 405
    assert not scene.changes


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data", ""])
def test_what_is_no_form_changes_nothing(scene: Scene, content_type: str) -> None:
    assert scene.changed(**{"content-type": content_type}).status == 413
    assert not scene.changes


def test_a_form_that_is_too_large_changes_nothing(scene: Scene) -> None:
    assert scene.browser.post("/change", {"what": "x" * 70_000}).status == 413
    assert not scene.changes


def test_a_header_that_is_sent_twice_proves_nothing(scene: Scene) -> None:
    asked = [*scene.browser.headers.items(), ("host", "clinic.example")]
    assert ask(scene.browser.app, "GET", f"{scene.gate.base}/", asked).status == 421


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/../etc/passwd", "/enter", "/{base}x/", "/%2e%2e/"])
def test_outside_of_its_own_path_there_is_nothing(scene: Scene, path: str) -> None:
    path = path.replace("/{base}", scene.gate.base)
    assert ask(scene.browser.app, "GET", path, scene.browser.headers.items()).status == 404


def test_a_page_that_asks_by_itself_keeps_no_sitting_alive(scene: Scene) -> None:
    for _ in range(16):
        scene.clock.now += 60
        scene.browser.get("/alive")
    assert scene.browser.get("/").status == 403


def test_a_person_who_does_something_stays(scene: Scene) -> None:
    for _ in range(16):
        scene.clock.now += 600
        assert scene.browser.get("/").status == 200


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_every_answer_forbids_storing_framing_sniffing_and_whatever_is_not_the_inbox_s_own(
    scene: Scene, path: str
) -> None:
    answers = [
        scene.browser.get(path),
        ask(scene.browser.app, "GET", "/", [("host", "evil.example")]),
        ask(scene.browser.app, "GET", "/enter/x", [("host", HOST)]),
    ]
    for answer in answers:
        assert answer.header("content-security-policy") == POLICY
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
    assert POLICY.startswith("default-src 'none'")
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_the_guard_lets_nothing_but_http_through(scene: Scene) -> None:
    reached: list[str] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        reached.append(str(scope["type"]))

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    import asyncio

    asyncio.run(Guard(app, scene.gate)({"type": "websocket", "path": "/"}, nothing, nothing))  # type: ignore[arg-type]
    assert not reached
