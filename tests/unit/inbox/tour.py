"""All that a person can do at the inbox, done once: a queue, a search, cases, a note, decisions, and one taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox.app import application
from carefile.cli.inbox.claims import claims_of
from carefile.cli.inbox.decisions import Decisions
from carefile.cli.inbox.desk import Desk
from carefile.cli.inbox.guard import Gate
from carefile.cli.inbox.sitting import Clerk
from carefile.cli.patients.deciding import Decider
from tests.unit.inbox.browser import HOST, Browser
from tests.unit.inbox.scene import field_of, names_on, texts_on

PATIENT = "Inbox_Policy_7"
LETTER, COPY, SESSION, FAILED = "policy_letter.txt", "policy_copy.txt", "session_policy", "policy_empty.txt"
SESSION_KEY = "sessions/session_policy/agents/agent_a/messages/message_0.json"
TEXT = b"Whose is this? Born 03/04/1961."
MESSAGE = b'{"message": {"role": "user", "content": [{"text": "My knee hurts"}]}, "message_id": 0}'
Eventually = Callable[[Callable[[], Any]], Any]

# What the calls of a tour are to IAM, where that has another name for them.
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "s3:ListObjectsV2": "s3:ListBucket"}
_PREFIXES = {"stepfunctions": "states"}
# What the inbox calls, and so what `CarefileInbox` allows, beside what follows.
CALLS = {
    *{
        "dynamodb:BatchGetItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    },
    *{"cloudformation:ListStackResources", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction"},
    *{"s3:GetObject", "states:DescribeExecution", "states:ListExecutions", "states:StartExecution"},
}
BESIDE = {
    # How the command finds its stack, before it has a page.
    "cloudformation:DescribeStacks",
    # An installed command reads the rules from the functions' package.
    "lambda:GetFunction",
    # Asked by services in the caller's name.
    *{"kms:Decrypt", "kms:GenerateDataKey"},
    # S3 tells an absent object from a forbidden one only to who may list.
    "s3:ListBucket",
    # The reassignment that failed on the same decision is resumed: tests/unit/test_deciding.py
    "states:RedriveExecution",
}
# Whoever has credentials may ask whose they are.
FREE = {"sts:GetCallerIdentity"}


class Calls:
    """The calls that a connection's clients make, as IAM names them, and those that were refused."""

    def __init__(self, connection: Connection, refusals: set[str]) -> None:
        self.made: set[str] = set()
        self.refused: list[str] = []
        self._refusals = refusals
        connection.session.events.register("before-parameter-build", self._called)
        connection.session.events.register("after-call", self._answered)

    def _called(self, *, model: Any, **_: Any) -> None:
        self.made.add(self._name(model))

    def _answered(self, *, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("Error", {}).get("Code") in self._refusals:
            self.refused.append(self._name(model))

    def _name(self, model: Any) -> str:
        service = model.service_model.service_name
        name = f"{_PREFIXES.get(service, service)}:{model.name}"
        return _ACTIONS.get(name, name)


@dataclass
class Tour:
    """`eventually` waits for what the deployment does by itself."""

    connection: Connection
    eventually: Eventually

    def __post_init__(self) -> None:
        self.decisions = Decisions(lambda: Decider(self.connection), undo_seconds=0)
        self.claims = claims_of(self.connection)
        self.desk = Desk(self.connection, self.decisions, self.claims)
        self.gate = Gate(HOST, Clerk("Ana Ruiz"))
        self.browser = Browser.of(application(self.desk, self.gate.base, leave=lambda: None), self.gate)
        self.browser.enter()

    def go(self) -> None:
        browser = self.browser
        self.eventually(lambda: {LETTER, COPY, SESSION} <= set(names_on(browser.get("/?order=newest"))))
        assert browser.post("/search", {"text": "policy"}).status == 200
        found = texts_on(browser.get("/?shelf=failed"))
        assert FAILED in found, found
        assert browser.get("/?shelf=same-bytes").status == browser.get("/counts").status == 200
        browser.get("/?order=newest")
        letter, session = self._case(LETTER), self._case(SESSION)
        for path in (
            letter,
            f"{letter}?show=page",
            f"{letter}/page",
            f"{letter}/original",
            f"{session}/page",
        ):
            assert browser.get(path).status == 200, path
        assert "My knee hurts" in texts_on(browser.get(f"{session}/page"))
        assert browser.post(f"{letter}/claim").status == 200
        assert PATIENT in texts_on(browser.post(f"{letter}/find", {"patient": PATIENT}))
        assert browser.post(f"{letter}/find", {"patient": "Juan Perez"}).status == 200
        self._decide(LETTER, "note", reason="a note")
        assert "a note" in texts_on(browser.get(letter))
        self._decide(LETTER, "assign", **{"for": self.desk.opaque.seal("patient", PATIENT), "again": PATIENT})
        self._decide(COPY, "nobody", reason="a copy")
        self._decide(SESSION, "nobody", reason="a test")
        self.decisions.send_due()
        self.eventually(self._sent)
        browser.post("/decisions/back", {"id": field_of(browser.get("/decisions"), "id")})
        self.decisions.send_all()
        assert not self.decisions.not_carried_out()
        self.claims.release_all()

    def _case(self, name: str) -> str:
        sitting = self.gate._sitting
        row = next(row for row in sitting.rows if row.name == name)  # type: ignore[union-attr]
        return f"/case/{self.desk.opaque.seal('row', row.key)}"

    def _decide(self, name: str, action: str, **fields: object) -> None:
        self.browser.get("/?order=newest")
        path = self._case(name)
        seen = field_of(self.browser.get(path), "seen")
        self.browser.post(f"{path}/decide", {"action": action, "seen": seen, **fields})

    def _sent(self) -> bool:
        page = texts_on(self.browser.get("/decisions"))
        assert "Failed" not in page
        return page.count("Filed") == 3
