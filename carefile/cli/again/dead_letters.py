"""Undelivered events: read the dead-letter queues and resubmit their messages.

A message has one of three forms: an event that EventBridge could not deliver, with the reason in the message's
attributes; Lambda's record of a failed invocation, with the event under `requestPayload`; or Lambda's record of a
failed batch of the catalog's stream, without the changes, which expire from the stream after a day.

Invariant: a message is deleted only after its consumer has accepted the event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import request_in
from carefile.core.model import digest

_BATCH = 10  # SQS, ReceiveMessage
_SENDING = 300  # visibility timeout in seconds while a message is resubmitted
_LOOKING = 60


class Queue(StrEnum):
    """`intakes`: uploads that started no execution. `catalog-events`: events missed by the catalog's index.
    `session-changes`: changes missed by session entries. `failures`: failed executions that were not recorded.
    `assignments`: `Patient Identified` events that started no reassignment. `registrations`: `Patient Registered`
    events that the patient directory did not take. `merges`: `Patients Merged` events that started no merge."""

    INTAKES = "intakes"
    CATALOG_EVENTS = "catalog-events"
    SESSION_CHANGES = "session-changes"
    FAILURES = "failures"
    ASSIGNMENTS = "assignments"
    REGISTRATIONS = "registrations"
    MERGES = "merges"

    @property
    def construct(self) -> str:
        return "".join(word.capitalize() for word in self.value.split("-"))


# Functions that take an event by being called with it.
_CONSUMERS = {
    Queue.CATALOG_EVENTS: "IndexCatalog",
    Queue.FAILURES: "RecordFailure",
    Queue.REGISTRATIONS: "RegisterPatients",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message. `event` is None if it holds no Carefile event."""

    queue: Queue
    id: str
    receipt: str
    sent: datetime
    event: Mapping[str, Any] | None
    error: str | None
    reason: str | None

    @property
    def about(self) -> str | None:
        """The landing key or the execution that the event concerns."""
        event = self.event or {}
        detail = event.get("detail")
        detail = detail if isinstance(detail, Mapping) else {}
        if self.queue is Queue.INTAKES:
            request = request_in(json.dumps(event))
            return request.source.key if request else None
        if self.queue in (Queue.REGISTRATIONS, Queue.MERGES):
            patient = detail.get("patient_id" if self.queue is Queue.REGISTRATIONS else "from")
            return patient if isinstance(patient, str) else None
        source = detail.get("source")
        found = source.get("key") if isinstance(source, Mapping) else detail.get("name")
        return str(found) if found else None

    def to_json(self) -> dict[str, Any]:
        return {
            "queue": self.queue.value,
            "message": self.id,
            "sent": self.sent.isoformat(),
            "about": self.about,
            "error": self.error,
            "reason": self.reason,
            "event": self.event,
        }


class NotTaken(Exception):
    """The consumer did not accept a letter; the text says why."""


class DeadLetters:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqs = connection.client("sqs")
        self._urls: dict[Queue, str] = {}
        for logical, physical in connection.resources("AWS::SQS::Queue"):
            for queue in Queue:
                if logical.startswith(f"DeadLetters{queue.construct}"):
                    self._urls[queue] = physical

    @property
    def queues(self) -> tuple[Queue, ...]:
        return tuple(self._urls)

    def waiting(self, queue: Queue) -> int:
        """Approximate the number of messages in a queue, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._urls[queue], AttributeNames=names)
        return sum(int(found["Attributes"].get(name, 0)) for name in names)

    def look(self, queue: Queue, limit: int) -> Iterator[Letter]:
        """Yield letters without consuming them; all are released at the end, whatever happens."""
        held: list[Letter] = []
        try:
            while len(held) < limit and (batch := self._receive(queue, _LOOKING, limit - len(held))):
                held += batch
                yield from batch
        finally:
            self.give_back(held)

    def take(self, queue: Queue) -> Iterator[Letter]:
        """Receive all letters, one by one; the caller deletes or releases each before it becomes visible again."""
        seen: set[str] = set()
        while batch := [letter for letter in self._receive(queue, _SENDING, _BATCH) if letter.id not in seen]:
            for letter in batch:
                seen.add(letter.id)
                yield letter

    def send(self, letter: Letter) -> str:
        """Send the event to its consumer and describe the result. Raises NotTaken if it was not accepted."""
        if letter.queue is Queue.SESSION_CHANGES:
            raise NotTaken(
                "it holds no changes: run `carefile catalog rebuild --yes`, then delete the message by hand"
            )
        if letter.event is None:
            raise NotTaken("it holds no event: check it, and delete it by hand if nobody needs it")
        if letter.queue is Queue.INTAKES:
            return self._start(letter.event, self._connection.machine)
        if letter.queue is Queue.ASSIGNMENTS:
            return self._start(letter.event, self._connection.reassignment or "")
        if letter.queue is Queue.MERGES:
            return self._start(letter.event, self._connection.output("MergePatientsStateMachineArn"))
        name = _CONSUMERS[letter.queue]
        done = self._connection.client("lambda").invoke(
            FunctionName=self._connection.function(name), Payload=json.dumps(letter.event).encode()
        )
        if done.get("FunctionError"):
            answer = json.loads(done["Payload"].read() or b"{}")
            raise NotTaken(f"{name} failed on it: {answer.get('errorType')}: {answer.get('errorMessage')}")
        return f"accepted by {name}"

    def delete(self, letter: Letter) -> None:
        self._sqs.delete_message(QueueUrl=self._urls[letter.queue], ReceiptHandle=letter.receipt)

    def give_back(self, letters: list[Letter]) -> None:
        for letter in letters:
            self._sqs.change_message_visibility(
                QueueUrl=self._urls[letter.queue], ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )

    def _start(self, event: Mapping[str, Any], machine: str) -> str:
        """Start an execution with the event as its input; its name derives from the event, so it starts only once."""
        text = json.dumps(event, ensure_ascii=False)
        name = f"dead-letter-{digest('dead-letter', str(event.get('id') or text))}"
        self._connection.quotas.start.take()
        try:
            self._connection.client("stepfunctions").start_execution(
                stateMachineArn=machine, name=name, input=text
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code != "ExecutionAlreadyExists":
                raise NotTaken(f"Step Functions rejected it: {code}") from None
        return f"execution {name}"

    def _receive(self, queue: Queue, seconds: int, most: int) -> list[Letter]:
        found = self._sqs.receive_message(
            QueueUrl=self._urls[queue],
            MaxNumberOfMessages=min(most, _BATCH),
            VisibilityTimeout=seconds,
            # A short poll queries only some of SQS's servers and may miss messages.
            WaitTimeSeconds=0 if self._connection.endpoint else 2,
            MessageAttributeNames=["All"],
            AttributeNames=["SentTimestamp"],
        )
        return [letter_of(queue, message) for message in found.get("Messages", ())]


def letter_of(queue: Queue, message: Mapping[str, Any]) -> Letter:
    """Parse an SQS message in any of its forms."""
    sent = datetime.fromtimestamp(int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000, UTC)
    attributes = {
        name: value.get("StringValue") for name, value in message.get("MessageAttributes", {}).items()
    }
    event, error, reason = None, attributes.get("ERROR_CODE"), attributes.get("ERROR_MESSAGE")
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = None
    if isinstance(body, dict) and "requestContext" in body:
        event, answer = body.get("requestPayload"), body.get("responsePayload")
        answer = answer if isinstance(answer, dict) else {}
        error = answer.get("errorType") or body["requestContext"].get("condition")
        reason = answer.get("errorMessage")
    elif isinstance(body, dict):
        event = body
    event = event if isinstance(event, dict) and ("detail" in event or "bucket" in event) else None
    return Letter(queue, message["MessageId"], message["ReceiptHandle"], sent, event, error, reason)
