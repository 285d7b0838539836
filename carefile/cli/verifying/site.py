"""What a check has to work with: uploads of its own, waiting for their ends, and changes that are taken back.

Invariant: whatever a check makes or changes through this is in the journal first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from carefile.cli.again.following import Followed, Sent, follow
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entry
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.problem import is_denied
from carefile.cli.verifying.clock import Deadline
from carefile.cli.verifying.journal import Journal, Undo
from carefile.cli.verifying.outcome import Contradicted, NotHere
from carefile.core.model import Source

T = TypeVar("T")
# IAM is eventually consistent: a change of a policy takes some seconds to hold everywhere.
_UNTIL_POLICIES_HOLD = 20.0
_GONE = frozenset({"NoSuchEntity", "ResourceNotFoundException", "NoSuchEntityException"})
_MARGIN = 2.0  # seconds that a wait leaves for what comes after it


class Site:
    """One check's view of the stack. `token` marks all that the run makes, and is the id of its patient."""

    def __init__(self, connection: Connection, journal: Journal, deadline: Deadline) -> None:
        self.connection = connection
        self.token = journal.made.token
        self.journal = journal
        self._deadline = deadline

    @property
    def is_embedded(self) -> bool:
        return self.connection.endpoint is not None

    @property
    def is_express(self) -> bool:
        """Whether uploads go through the lane express-first, whose executions have no history."""
        return self.connection.has_output("ExpressStateMachineArn")

    def client(self, service: str) -> Any:
        return self.connection.client(service)

    def key(self, name: str) -> str:
        """The landing key of a document of this name."""
        return f"documents/{self.token}/{self.token} {name}"

    def session_key(self, session: str, part: str) -> str:
        """The landing key of a part of a session."""
        return f"sessions/{self.token}/session_{self.token}-{session}/{part}"

    def upload(self, key: str, body: bytes = b"hello", **members: Any) -> Sent:
        """Upload an object to the landing bucket."""
        put = create(self.client("s3").put_object, **self.will_upload(key), Body=body, **members)
        return self.sent(key, put.get("VersionId"), len(body))

    def will_upload(self, key: str) -> dict[str, str]:
        """Note an object of the landing bucket before it is made; the members of a request that name it."""
        source = Source(self.connection.landing, key)
        self.journal.will_make(source)
        return {"Bucket": source.bucket, "Key": key}

    def sent(self, key: str, version_id: str | None, size: int) -> Sent:
        """An upload that has just been completed."""
        source = Source(self.connection.landing, key)
        return Sent(source, version_id if version_id != "null" else None, size, datetime.now(UTC))

    def send(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Put an event on the intake bus."""
        entry = {"Source": "carefile.intake", "DetailType": detail_type, "Detail": json.dumps(detail)}
        done = self.client("events").put_events(
            Entries=[entry | {"EventBusName": self.connection.intake_bus}]
        )
        if done["FailedEntryCount"]:
            raise Contradicted(f"the intake bus rejected an event: {done['Entries'][0].get('ErrorCode')}")

    def ended(self, sent: Sent) -> Followed:
        """Wait until the intake of an upload has ended, whichever way."""
        (followed,) = follow(self.connection, [sent], timedelta(seconds=self._left))
        if followed.status == "waiting":
            raise Contradicted(f"the intake of an upload has not ended within {self._left_said}")
        return followed

    def filed(self, sent: Sent) -> Entry:
        """Wait until an upload is filed and cataloged."""
        followed = self.ended(sent)
        if followed.failure:
            raise Contradicted(f"the intake failed: {followed.failure.error}: {followed.failure.reason}")
        if followed.entry is None:
            raise Contradicted(f"the intake ended {followed.status}")
        return followed.entry

    def failed(self, sent: Sent) -> Described:
        """Wait until the intake of an upload has failed."""
        followed = self.ended(sent)
        if followed.failure is None:
            raise Contradicted(f"the intake did not fail: it ended {followed.status}")
        return followed.failure

    def execution(self, entry: Entry) -> Described:
        """The execution that filed something."""
        if self.is_express:
            raise NotHere("the lane express-first keeps no history of an execution that went well")
        return Executions(self.connection).must_describe(entry.execution)

    def states(self, arn: str) -> list[str]:
        """The states that an execution has entered, in order; entering one again by a redrive counts."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in Executions(self.connection).history(arn)
            if event["type"].endswith("StateEntered")
        ]

    def until(self, look: Callable[[], T | None], what: str, every: float = 0.5) -> T:
        """Return what `look` returns as soon as it returns something; Contradicted once the time is over."""
        while True:
            if found := look():
                return found
            if self._deadline.left < _MARGIN + every:
                raise Contradicted(f"not within {self._left_said}: {what}")
            time.sleep(every if not self.is_embedded else 0.1)

    def pause(self, seconds: float) -> None:
        """Wait for AWS to have done what it does in its own time; the embedded one does it at once."""
        if not self.is_embedded:
            time.sleep(seconds)

    @contextmanager
    def denied(self, role: str, *actions: str) -> Iterator[None]:
        """Deny a role some actions for a while."""
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": list(actions), "Resource": "*"}],
        }
        named = {"RoleName": role, "PolicyName": self.token}
        with self.changed(Undo("iam", "delete_role_policy", named)):
            self.client("iam").put_role_policy(**named, PolicyDocument=json.dumps(policy))
            self.pause(_UNTIL_POLICIES_HOLD)
            yield
        self.pause(_UNTIL_POLICIES_HOLD)

    @contextmanager
    def changed(self, undo: Undo) -> Iterator[None]:
        """Note how a change is taken back before it is made in the body, and take it back at the end."""
        number = self.journal.will_change(undo)
        try:
            yield
        finally:
            take_back(self.connection, undo)
            self.journal.took_back(number)

    def role_of(self, function: str) -> str:
        """The name of a function's role."""
        found = self.client("lambda").get_function_configuration(
            FunctionName=self.connection.function(function)
        )
        return str(found["Role"]).rpartition("/")[2]

    @property
    def _left(self) -> float:
        return max(self._deadline.left - _MARGIN, 1.0)

    @property
    def _left_said(self) -> str:
        return "the time limit of the check"


def create(request: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Send a request that makes an object. Where the stage accepts only what overwrites nothing, it has to say so."""
    try:
        done: dict[str, Any] = request(**arguments)
    except ClientError as error:
        if "IfNoneMatch" in arguments or not is_denied(error):
            raise
        done = request(**arguments, IfNoneMatch="*")
    return done


def take_back(connection: Connection, undo: Undo) -> None:
    """Take a change back. What was never made, or is taken back already, stays as it is."""
    try:
        getattr(connection.client(undo.service), undo.operation)(**undo.arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _GONE:
            raise


def expect(condition: object, otherwise: str) -> None:
    """Contradict the claim where a condition does not hold."""
    if not condition:
        raise Contradicted(otherwise)


def answered(request: Callable[[], object]) -> str | None:
    """Send a request; the error code that AWS answers with, or None where it succeeds."""
    try:
        request()
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code"))
    return None
