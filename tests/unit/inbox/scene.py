"""An inbox over the records of a world: a clock that tests set, and a decision API that tells what it was asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from threading import Event

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entry
from carefile.cli.inbox.app import application
from carefile.cli.inbox.claims import Claims, NoClaims
from carefile.cli.inbox.decisions import Decisions
from carefile.cli.inbox.desk import Desk
from carefile.cli.inbox.guard import Gate
from carefile.cli.inbox.sitting import Clerk
from carefile.cli.patients.assigning import Started
from carefile.cli.patients.deciding import Wish
from carefile.cli.problem import Problem
from carefile.core.patients.entries import PersonName, Statement
from tests.unit.inbox.browser import HOST, Answer, Browser
from tests.unit.world import World

JUAN = ("Juan_Perez_123", "Juan", "Pérez García", "1961-04-03")
MARIA = ("Maria_Lopez_456", "María", "López Ortega", "1978-11-21")


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Asked:
    """The decision API: what it was asked, and what it answers."""

    wishes: list[tuple[Wish, Entry | None]] = field(default_factory=list)
    problem: Problem | None = None
    status: str = "SUCCEEDED"
    done: Event = field(default_factory=Event)

    def decide(self, wish: Wish, seen: Entry | None = None) -> Started:
        self.wishes.append((wish, seen))
        if self.problem:
            raise self.problem
        return Started("arn", redriven=False)

    def follow(self, started: Started, patience: timedelta) -> dict[str, object]:
        return {"status": self.status, "reason": "it could not be moved", "error": None}


class Inbox:
    def __init__(self, world: World, connection: Connection, claims: Claims | None = None) -> None:
        self.world, self.connection = world, connection
        connection.__dict__.setdefault("patients_are_listed", False)
        self.clock, self.asked = Clock(), Asked()
        self.decisions = Decisions(lambda: self.asked, clock=self.clock)
        self.desk = Desk(connection, self.decisions, claims or NoClaims())
        self.gate = Gate(HOST, Clerk("Ana Ruiz"), clock=self.clock)
        self.left = False
        self.browser = Browser.of(application(self.desk, self.gate.base, leave=self._leave), self.gate)

    def _leave(self) -> None:
        self.left = True

    def list_patients(self, *people: tuple[str, str, str, str]) -> None:
        patients = Patients(self.connection)
        for id_, given, family, born in people:
            patients.state(id_, "test", Statement((PersonName(given=(given,), family=family),), born), None)

    def queue(self, query: str = "") -> Answer:
        return self.browser.get(f"/{query}")

    def names(self, query: str = "") -> list[str]:
        """The names of the rows of the queue, in their order."""
        return names_on(self.queue(query))

    def case(self, name: str) -> str:
        """The path of the case of a row that waits."""
        row = next(
            row
            for row in self.desk.queue.page(self.gate._sitting.view).rows
            if row.name == name  # type: ignore[union-attr]
        )
        return f"/case/{self.desk.opaque.seal('row', row.key)}"

    def open(self, name: str, query: str = "") -> Answer:
        return self.browser.get(self.case(name) + query)

    def patient(self, id_: str) -> str:
        return self.desk.opaque.seal("patient", id_)

    def decide(self, name: str, action: str, **fields: object) -> Answer:
        path = self.case(name)
        seen = field_of(self.browser.get(path), "seen")
        return self.browser.post(f"{path}/decide", {"action": action, "seen": seen, **fields})

    def settle(self, seconds: float = 31) -> None:
        """Let the time pass in which decisions can be undone, and wait until they are sent."""
        self.clock.now += seconds
        self.decisions.send_due()
        self.decisions._pool.submit(lambda: None).result(10)
        for _ in range(4):
            self.decisions._pool.submit(lambda: None).result(10)


def names_on(answer: Answer) -> list[str]:
    rows = re.findall(r'<a class="row".*?</a>', answer.text, re.DOTALL)
    return [unescape(re.search(r"<bdi>(.*?)</bdi>", row)[1]) for row in rows]  # type: ignore[index]


def field_of(answer: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found, f"no field {name}"
    return unescape(found[1])


def texts_on(answer: Answer) -> str:
    """What stands on a page, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
