"""A patient is forgotten while what is the patient's is filed, moved and read: `carefile forget` itself, one call at a
time, at any moment of the schedule.

I11 once the functions that were under way have ended, nothing that was read is kept, and neither ledger nor catalog
    names the patient; once the command was given again, nothing at all is left, and no event that comes once more
    brings anything back
"""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from carefile.cli.patients import forgetting
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.leftbehind import left_behind
from carefile.cli.patients.trace import Trace, Traces
from carefile.core.documents.recognition import readings_folder
from carefile.core.filing.layout import Layout
from carefile.core.model import Source
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.intake.scans import Scans
from tests.simulation.actors import Actor, Judge, Patches
from tests.simulation.actors.deciding import Decide
from tests.simulation.actors.readings import Readings
from tests.simulation.aws.errors import client_error
from tests.simulation.aws.gate import Call
from tests.simulation.invocation import Returned
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import PREFIX
from tests.simulation.outside import Outside
from tests.simulation.scenario import MARK, Again, Delete, LandingKey, Scenario, Step, Submit, Upload
from tests.simulation.world import World

DEE = f"{MARK}dee"  # whom nothing else is about
KNOWN = LandingKey(f"documents/{DEE}/{MARK}page.txt", DEE, stem=f"{MARK}page", extension="txt")
UNKNOWN = LandingKey(f"inbox/{MARK}sheet.txt", stem=f"{MARK}sheet", extension="txt")
_THEIRS = f"{PREFIX}{DEE}_"
_NEVER, _AT_ONCE = timedelta.max, timedelta.min


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """An operator has the patient of a document forgotten."""

    key: int


class Forgotten(Judge):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.keys: set[str] = set()
        self._looks = 0
        self.pages = 0  # that were kept, and deleted by the command

    def installed(self) -> Iterable[tuple[Any, str, Any]]:
        yield forgetting, "datetime", _Clock(self.world)

    def forgets(self, key: str) -> bool:
        return key in self.keys

    def after(self, call: Call, result: Any) -> None:
        if call.operation == "DeleteObjects" and call.arguments["Bucket"] == "reports":
            self.pages += len(call.arguments["Delete"]["Objects"])

    def forget(self, name: str, key: str, rest: timedelta) -> None:
        """Give the command; where it was cut off, again."""
        world = self.world
        self.keys.add(key)

        def begin() -> None:
            world.runnable.pop(name, None)
            world.act(name, lambda: _forget(world, key, rest), ended)

        def ended(outcome: Any) -> None:
            if not isinstance(outcome, Returned):
                world.runnable[name] = begin

        begin()

    def looked_again(self) -> None:
        """Everything ended, so the command is given again, when the claims have rested; then what was announced and
        uploaded comes once more."""
        self._looks += 1
        for number, key in enumerate(sorted(self.keys)):
            if self._looks == 1:
                self.world.violations += self._kept(key)
                self.forget(f"forget again {number}", key, _AT_ONCE)
            elif self._looks == 2:
                self._replay(number, key)

    def _replay(self, number: int, key: str) -> None:
        world = self.world
        about = [event for event in world.published if event.detail.get("source", {}).get("key") == key]
        for at, event in enumerate(about):
            if event.type == "Object Cataloged":
                indexed = {"detail-type": event.type, "detail": event.detail}
                world.deliver(f"index replay {number}.{at}", "IndexCatalog", indexed)
                world.judge(Readings).arrive(f"reading replay {number}.{at}", {"detail": event.detail})
        world.start(f"replay {number}", {"bucket": "landing", "key": key})

    def at_rest(self) -> list[str]:
        return [text for key in sorted(self.keys) for text in (*self._kept(key), *self._left(key))]

    def _kept(self, key: str) -> Iterator[str]:
        """What no second command is needed for."""
        world, source_id = self.world, Source("landing", key).source_id
        for name in world.reports.keys:
            if name.startswith(readings_folder(source_id)) and world.reports.keys[name]:
                yield f"I11 what was read of {key} is kept after it was forgotten"
        for table in ("ledger", "catalog"):
            for name, item in world.dynamodb.tables.get(table, {}).items():
                if name.startswith(source_id) and MARK in repr(item):
                    yield f"I11 the {table} names the forgotten patient of {key}"

    def _left(self, key: str) -> Iterator[str]:
        world, source_id = self.world, Source("landing", key).source_id
        if world.landing.keys.get(key):
            yield f"I11 a version of {key} is left"
        for name, versions in world.processed.keys.items():
            if name.startswith(_THEIRS) and versions:
                yield f"I11 {name} is left of {key}"
            if any(it.metadata.get("carefile-source") == source_id for it in versions):
                yield f"I11 {name} is filed of {key} since it was forgotten"


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """A document of a patient's comes, perhaps as nobody's at first, is perhaps sent again, decided about or deleted;
    then the patient is forgotten, and events of it may still come."""
    key, at = rng.choice((KNOWN, UNKNOWN)), 0
    index, steps = len(scenario.keys), list(scenario.steps)

    def then(step: Step) -> None:
        nonlocal at
        at = rng.randint(at, len(steps)) if rng.random() < 0.5 else at
        steps.insert(at, step)
        at += 1

    for number in range(1, rng.choice((1, 1, 2, 3)) + 1):
        whose = rng.choice((None, DEE)) if key is UNKNOWN else None
        then(Upload(f"dee{number}", index, metadata=whose))
        if key is UNKNOWN and rng.random() < 0.6:
            then(Decide(f"dee{number}d", index, f"dee{number}", DEE))
        if rng.random() < 0.2:
            then(Submit(f"dee{number}s", index, f"dee{number}", (("patient_id", DEE),), rng.random() < 0.5))
        if rng.random() < 0.2:
            then(Delete(f"dee{number}x", index))
    then(Forget("forget", index))
    if rng.random() < 0.5:
        then(Again("dee1a", "dee1"))
    return dataclasses.replace(scenario, keys=(*scenario.keys, key), steps=tuple(steps), versioned=True)


def take(outside: Outside, step: Forget) -> None:
    world, key = outside.world, outside.world.scenario.keys[step.key].key
    world.note(f"-- {step.name}: the patient of {key} is forgotten")
    world.judge(Forgotten).forget(step.name, key, _NEVER)


def _forget(world: World, key: str, rest: timedelta) -> None:
    forgetter = Forgetter(_Connection(world), DEE, rest=rest)  # type: ignore[arg-type]
    forgetter.forget(_look(world, key))


def _look(world: World, key: str) -> Traces:
    """What the command finds: what the ledger knows of the document, and what is below the patient's name."""
    source = Source("landing", key)
    item = world.dynamodb.tables.get("ledger", {}).get(source.source_id, {})
    below = {name.rpartition("/")[0] + "/" for name, versions in world.processed.keys.items() if versions}
    folders = {folder for folder in below if folder.startswith(_THEIRS)}
    places = folders | set(item.get("destinations", {}).get("SS", ()))
    found = Traces(folders=folders, owners={source.source_id})
    entries = world.dynamodb.tables.get("catalog", {}).values()
    found.outdated += left_behind(_Connection(world), {it["prefix"]["S"] for it in entries if "prefix" in it})  # type: ignore[arg-type]
    found.traces[source.source_id] = Trace(source, mine=True, stands=True, places=places, patient=DEE)
    return found


class _Clock:
    """`datetime` as the command's module has it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self, _: tzinfo) -> datetime:
        return self._world.now()


class _Connection:
    """The command's way to the stack."""

    processed, catalog_table, accepted_buckets = "processed-bucket", "catalog", ("landing",)
    records_decisions = False  # a table of their own, which no function of a schedule writes

    def __init__(self, world: World) -> None:
        self.layout = Layout(PREFIX)
        self._clients = {"s3": _S3(world), "dynamodb": _DynamoDB(world)}

    def client(self, service: str) -> Any:
        return self._clients[service]

    def output(self, name: str) -> str:
        names = {"LedgerTableName": "ledger", "PatientsTableName": "patients", "ReportsBucketName": "reports"}
        return names[name]


class _S3:
    """S3 with what only the command asks of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.clients.s3, name)

    def get_object_lock_configuration(self, **_: Any) -> Any:
        raise client_error("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", 404)

    def get_paginator(self, _: str) -> _S3:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        marker: dict[str, Any] = {}
        while True:
            page = self.list_object_versions(**asked, **marker)
            yield page
            if not page["IsTruncated"]:
                return
            marker = {
                "KeyMarker": page["NextKeyMarker"],
                "VersionIdMarker": page["NextVersionIdMarker"],
            }

    def delete_objects(self, **arguments: Any) -> dict[str, Any]:
        return dict(self._world.gate.call("s3", "DeleteObjects", arguments, self._delete))

    def _delete(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        buckets = (self._world.landing, self._world.processed, self._world.reports)
        keys = next(it for it in buckets if it.name == Bucket).keys
        for one in Delete["Objects"]:
            keys[one["Key"]] = [it for it in keys.get(one["Key"], ()) if it.id != one["VersionId"]]
        return {}


class _DynamoDB:
    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.clients.dynamodb, name)

    def put_item(self, ReturnValues: str = "NONE", **arguments: Any) -> dict[str, Any]:  # noqa: N803
        """The directory holds nobody here, so nothing is returned of what was there."""
        return dict(self._world.clients.dynamodb.put_item(**arguments))

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        return dict(self._world.gate.call("dynamodb", "DeleteItem", arguments, self._delete))

    def _delete(self, TableName: str, Key: Any, ReturnValues: str) -> dict[str, Any]:  # noqa: N803
        gone = self._world.dynamodb.tables.get(TableName, {}).pop(Key["source_id"]["S"], None)
        return {"Attributes": gone} if gone else {}


def what_is_gone_is_kept_as_it_was_read() -> Patches:
    """A reading that finds its version gone leaves what it kept."""
    return [(Scans, "_gone", lambda *_: {"pages": [], "next": 0})]


def not_looked_at_after_the_last_page_was_kept() -> Patches:
    """A reading looks at its version before it keeps a page, and not after."""
    read = Landing.read

    def once(self: Landing, observed: Any, limit: int) -> Any:
        return b"there" if limit == 1 else read(self, observed, limit)

    return [(Landing, "read", once)]


def readings_deleted_before_the_uploads() -> Patches:
    """The command deletes what was read first, and the upload that can still be read later."""
    forget, readings = Forgetter.forget, Forgetter._readings

    def in_that_order(self: Forgetter, traces: Traces) -> Any:
        tally = forgetting.Tally(held=[])
        self._delete(readings(self, traces, tally), tally)
        return forget(self, traces)

    return [(Forgetter, "_readings", lambda *_: iter(())), (Forgetter, "forget", in_that_order)]


def forgotten_without_a_revision() -> Patches:
    """A round that began before the patient was forgotten may still write ahead."""
    real = Ledger._take_revision

    def take(self: Ledger, source: Source, known: Any, expression: str, values: dict[str, Any]) -> Any:
        now = self.read(source)
        return real(self, source, now if not now.destinations else known, expression, values)

    return [(Ledger, "_take_revision", take)]


def indexed_whatever_was_forgotten() -> Patches:
    """The catalog takes what was announced before in the place of a tombstone."""
    real = Catalog.put

    def put(self: Catalog, entry: Any) -> bool:
        there = self._get(entry.source_id)
        return self._put(entry.to_item()) if "forgotten_at" in there else real(self, entry)

    return [(Catalog, "put", put)]


def not_looked_for_where_nobody_is_named() -> Patches:
    """The command looks for what is left below the patient's name alone."""
    return [(sys.modules[__name__], "left_behind", lambda *_: ())]


# Two more take too many schedules to find: `test_forgetting.py` tries every call of the command with every one of a
# reading.
FOUND_WITHIN: dict[Callable[[], Patches], int] = {
    what_is_gone_is_kept_as_it_was_read: 200,
    forgotten_without_a_revision: 50,
    indexed_whatever_was_forgotten: 100,
    not_looked_for_where_nobody_is_named: 200,
}
ACTOR = Actor(
    "forgetting",
    9,
    add,
    {Forget: take},
    Forgotten,
    needs=("readings",),
    found_within=FOUND_WITHIN,
    found_as="I11",
)
