"""What a run has made and changed, written to disk before it does so: whoever comes after a crash can put it right.

Invariant: a line is on disk before the request that it describes is sent, so what is in no line was never done. Undoing
and deleting something twice, or something that was never done, changes nothing.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.private_files import exclusive, open_private
from carefile.core.model import Source, digest

# Everything that a run makes has this in its name, and nothing else has.
MARK = "carefile-verify-"
# The requests by which a change of a role or a bus is taken back.
_UNDOING = frozenset(
    {
        ("iam", "delete_role_policy"),
        ("iam", "detach_role_policy"),
        ("iam", "delete_role"),
        ("events", "remove_permission"),
        ("s3", "put_object_legal_hold"),
    }
)


@dataclass(frozen=True, slots=True)
class Undo:
    """The request that takes a change back."""

    service: str
    operation: str
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        if (self.service, self.operation) not in _UNDOING:
            raise ValueError(f"{self.service} {self.operation} takes nothing back")


@dataclass(slots=True)
class Made:
    """What a run has made, and which of its changes are not taken back yet."""

    token: str
    objects: set[Source] = field(default_factory=set)
    folders: set[tuple[str, str]] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    queues: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    lasting: bool = False
    undo: dict[int, Undo] = field(default_factory=dict)


class Journal:
    """The journal of the run in progress, or of one that was cut short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = open_private(path, append=True)
        self.made = _read(path) or self._begun()

    @classmethod
    def of(cls, connection: Connection) -> Journal:
        return cls(path_of(connection))

    @property
    def is_new(self) -> bool:
        """Whether nothing was made yet."""
        made = self.made
        named = (made.objects, made.folders, made.patients, made.queues, made.machines)
        return not (any(named) or made.undo or made.lasting)

    def alone(self) -> AbstractContextManager[None]:
        """Hold off a second run against the same stack."""
        return exclusive(self._file)

    def will_make(self, source: Source) -> None:
        if source not in self.made.objects:
            self._write({"object": [source.bucket, source.key]})
            self.made.objects.add(source)

    def will_fill(self, bucket: str, prefix: str) -> None:
        self._write({"folder": [bucket, prefix]})
        self.made.folders.add((bucket, prefix))

    def will_register(self, patient: str) -> None:
        self._write({"patient": patient})
        self.made.patients.add(patient)

    def will_send_to(self, queue: str) -> None:
        self._write({"queue": queue})
        self.made.queues.add(queue)

    def will_run(self, machine: str) -> None:
        """Note that a machine is started whose results stand below an id that is not known yet."""
        self._write({"machine": machine})
        self.made.machines.add(machine)

    def will_decide(self) -> None:
        self._write({"lasting": True})
        self.made.lasting = True

    def will_change(self, undo: Undo) -> int:
        """Note how a change is taken back; the number by which to report that it was."""
        number = max(self.made.undo, default=0) + 1
        self._write({"undo": number, "by": [undo.service, undo.operation, dict(undo.arguments)]})
        self.made.undo[number] = undo
        return number

    def took_back(self, number: int) -> None:
        self._write({"undone": number})
        self.made.undo.pop(number, None)

    def close(self, *, finished: bool) -> None:
        """Close the file, and remove it where nothing is left to put right."""
        if finished:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _begun(self) -> Made:
        made = Made(MARK + secrets.token_hex(4))
        self._write({"token": made.token})
        return made

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def path_of(connection: Connection) -> Path:
    """The journal of runs against this stack, on this machine."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = f"{connection.stack}-{digest('stack', connection.machine, connection.endpoint or '')[:8]}"
    return state / "carefile" / "verify" / f"{name}.jsonl"


def _read(path: Path) -> Made | None:
    lines = list(_lines(path))
    token = next((line["token"] for line in lines if "token" in line), None)
    if token is None:
        return None
    made = Made(token)
    for line in lines:
        if "object" in line:
            made.objects.add(Source(*line["object"]))
        elif "folder" in line:
            bucket, prefix = line["folder"]
            made.folders.add((bucket, prefix))
        elif "patient" in line:
            made.patients.add(line["patient"])
        elif "queue" in line:
            made.queues.add(line["queue"])
        elif "machine" in line:
            made.machines.add(line["machine"])
        elif "lasting" in line:
            made.lasting = True
        elif "by" in line:
            made.undo[line["undo"]] = Undo(*line["by"])
        elif "undone" in line:
            made.undo.pop(line["undone"], None)
    return made


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that were written whole: of one that a crash cut short, nothing was done yet."""
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line
