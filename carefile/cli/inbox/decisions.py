"""Decisions that were taken at the inbox: held for thirty seconds in which they can be undone, then sent.

Sending is the decision API's (`carefile.cli.patients.deciding`); a decision about what changed in the meantime is
refused there, and shown here with what changed. What is held when the server ends is sent. What has been sent is taken
back by another decision, whenever.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from typing import Protocol

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.aws.entries import Entry
from carefile.cli.patients.assigning import Started
from carefile.cli.patients.deciding import Changed, Wish
from carefile.cli.problem import Problem, problem_for
from carefile.core.model import DecisionType

UNDO_SECONDS = 30.0
_PATIENCE = timedelta(minutes=10)
_AT_ONCE = 4
_KEPT = 200  # decisions of this sitting that need nobody any more, and are still shown


class Status(StrEnum):
    HELD = "held"
    SENDING = "sending"
    DONE = "done"
    UNDONE = "undone"
    CHANGED = "changed"
    FAILED = "failed"


class Deciding(Protocol):
    """The part of the decision API that the inbox needs."""

    def decide(self, wish: Wish, seen: Entry | None = None) -> Started: ...

    def follow(self, started: Started, patience: timedelta) -> dict[str, object]: ...


@dataclass
class One:
    """A decision about one document or session: the key of its row, its name to be shown, its entry as the person saw
    it, if it must still be that, and the upload, of a session one of its objects. `problem` says why it was refused."""

    key: str
    name: str
    seen: Entry | None
    wish: Wish
    bucket: str
    landing_key: str
    counted_as: str | None = None
    status: Status = Status.HELD
    problem: Problem | None = None

    @property
    def has_left(self) -> bool:
        """Whether it is on its way out of the queue, or gone."""
        return self.status in (Status.HELD, Status.SENDING, Status.DONE)

    @property
    def patient_id(self) -> str | None:
        return self.wish.patient_id


@dataclass
class Taken:
    """What a person decided at one moment, about one or several documents. `name` is the patient's, to be shown."""

    type: DecisionType
    patient_id: str | None
    name: str
    each: list[One]
    due: float
    at: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    @property
    def done(self) -> list[One]:
        return [one for one in self.each if one.status is Status.DONE]

    @property
    def is_held(self) -> bool:
        return all(one.status is Status.HELD for one in self.each)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do about it, so nothing is lost if it is shown no more."""
        return all(one.status in (Status.DONE, Status.UNDONE) for one in self.each)

    @property
    def status(self) -> Status:
        """The status that a person has to know of first."""
        found = {one.status for one in self.each}
        order = (Status.FAILED, Status.CHANGED, Status.SENDING, Status.HELD, Status.UNDONE, Status.DONE)
        return next(one for one in order if one in found)


class Decisions:
    def __init__(
        self,
        deciding: Callable[[], Deciding],
        *,
        undo_seconds: float = UNDO_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deciding, self._clock, self._seconds = deciding, clock, undo_seconds
        self._taken: list[Taken] = []
        self._left: Counter[str] = Counter()  # of what is shown no more
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deciding")

    def hold(self, each: Sequence[One], name: str, at: str) -> Taken:
        """Take a decision, about one or several. It is sent when its time to be undone is over."""
        first = each[0].wish
        taken = Taken(first.type, first.patient_id, name, list(each), self._clock() + self._seconds, at)
        with self._lock:
            settled = [one.id for one in self._taken if one.is_settled]
            dropped = set(settled[_KEPT:])
            self._left.update(_left(one for one in self._taken if one.id in dropped))
            self._taken = [taken, *(one for one in self._taken if one.id not in dropped)]
        return taken

    def undo(self, id_: str) -> Taken | None:
        """Undo a decision that is still held; None if there is none."""
        with self._lock:
            taken = self._find(id_)
            if taken is None or not taken.is_held:
                return None
            self._set(taken, Status.UNDONE)
            return taken

    def send_due(self) -> None:
        """Send what has been held long enough."""
        now = self._clock()
        self._send(lambda taken: taken.due <= now)

    def send_all(self) -> None:
        """Send all that is held, and wait until all of it has been recorded by the deployment."""
        self._send(lambda _: True)
        self._pool.shutdown(wait=True)

    def again(self, id_: str) -> None:
        """Send once more what failed."""
        with self._lock:
            taken = self._find(id_)
            failed = [one for one in taken.each if one.status is Status.FAILED] if taken else []
            for one in failed:
                one.status, one.problem = Status.SENDING, None
        for one in failed:
            self._pool.submit(self._sent, one)

    def seconds_left(self, taken: Taken) -> int:
        return max(0, round(taken.due - self._clock()))

    def all(self) -> list[Taken]:
        """Return the decisions of this sitting, the latest first."""
        with self._lock:
            return list(self._taken)

    def left(self) -> Counter[str]:
        """Return how many of those that the queue has counted have left it since, by reason."""
        with self._lock:
            return self._left + Counter(_left(self._taken))

    def not_carried_out(self) -> list[One]:
        """Return what was refused or failed, which nobody sees any more once the inbox has ended."""
        wrong = (Status.CHANGED, Status.FAILED)
        return [one for taken in reversed(self.all()) for one in taken.each if one.status in wrong]

    def find(self, id_: str) -> Taken | None:
        with self._lock:
            return self._find(id_)

    def last_held(self) -> Taken | None:
        return next((taken for taken in self.all() if taken.is_held), None)

    def about(self) -> Iterator[tuple[str, Status]]:
        """Yield the rows' keys that were decided about, with how far that is."""
        for taken in self.all():
            for one in taken.each:
                yield one.key, one.status

    def _find(self, id_: str) -> Taken | None:
        return next((taken for taken in self._taken if taken.id == id_), None)

    def _set(self, taken: Taken, status: Status) -> None:
        for one in taken.each:
            one.status = status

    def _send(self, is_due: Callable[[Taken], bool]) -> None:
        with self._lock:
            due = [taken for taken in reversed(self._taken) if taken.is_held and is_due(taken)]
            for taken in due:
                self._set(taken, Status.SENDING)
        for taken in due:
            for one in taken.each:
                self._pool.submit(self._sent, one)

    def _sent(self, one: One) -> None:
        try:
            deciding = self._deciding()
            ended = deciding.follow(deciding.decide(one.wish, one.seen), _PATIENCE)
            if ended["status"] == "SUCCEEDED":
                one.status = Status.DONE
                return
            one.problem = Problem(str(ended["reason"] or ended["error"] or ended["status"]))
            one.status = Status.FAILED
        except Changed as problem:
            one.problem, one.status = problem, Status.CHANGED
        except Problem as problem:
            one.problem, one.status = problem, Status.FAILED
        except (ClientError, BotoCoreError, Boto3Error) as error:
            one.problem, one.status = problem_for(error), Status.FAILED
        except Exception as error:  # else the page would say for ever that it is being sent
            one.problem, one.status = Problem(f"an unexpected error: {type(error).__name__}"), Status.FAILED


def _left(taken: Iterable[Taken]) -> Iterator[str]:
    for it in taken:
        yield from (one.counted_as for one in it.each if one.counted_as and one.has_left)
