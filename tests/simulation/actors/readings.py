"""Scans are read: every document's pages are pictures, which a machine of its own reads once the document is filed.

The reading may be slow, fail, come twice, and come after the document was moved, replaced or taken out; the schedule
decides. What is recognised must be of the version whose record shows it, and in the end every record is read.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from infrastructure.machines import definitions
from lambdas.adapters import settings
from tests.simulation.actors import Actor, Judge, deciding, hostile, reversing, takers, unfiling
from tests.simulation.aws.gate import Call, Fault
from tests.simulation.execution import REJECTIONS, Execution
from tests.simulation.machine import Machine
from tests.simulation.mixture import Mixture
from tests.simulation.reading_variants import FOUND_WITHIN
from tests.simulation.scenario import Again, Scenario, Upload, generate

if TYPE_CHECKING:
    from tests.simulation.world import Published, World


@cache
def read_scan() -> Machine:
    from tests.simulation.world import composed

    return composed(definitions.read_scan())


class ReadScan(Execution):
    """An execution of the machine that reads. If it fails, the document stays filed, and an operator redrives it; once,
    where a threat was found in it."""

    def __init__(self, name: str, data: dict[str, Any], world: World) -> None:
        super().__init__(name, data, world, machine=read_scan())
        self.arn = self.arn.replace(":carefile:", ":carefile-read:")

    def _fail(self, status: str, error: str, cause: str) -> None:
        self.status, self.error, self.cause, self.storm = status, error, cause, None
        self._world.note(f"== {status} {error} in {self.progress.state}")
        self.final = error in REJECTIONS and self.redrives > 0
        if not self.final:
            self.may_go_on()


class Readings(Judge):
    """Starts a reading with every event that says that one is pending, and knows which there were."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.executions: list[ReadScan] = []
        self._had_read: set[str] = set()  # by an operator, once

    def installed(self) -> Iterable[tuple[Any, str, Any]]:
        return ((settings, "reads_scans", lambda: True),)

    def published(self, event: Published) -> None:
        if event.detail.get("reading", {}).get("status") == "pending":
            self.arrive(f"reading {event.name.removeprefix('index ')}", {"detail": event.detail})

    def looked_again(self) -> None:
        """A function that nobody waits for may have filed a scan anew, which nobody announced: `carefile reconcile`
        finds a later revision in S3 than the catalog shows, and an operator has it read."""
        world = self.world
        told: dict[str, int] = {}
        for event in world.published:
            if event.type == "Object Cataloged":
                of = event.detail["source_id"]
                told[of] = max(told.get(of, 0), event.detail["revision"])
        for _, stamp, record in self._records():
            source, revision = stamp["carefile-source"], int(stamp["carefile-revision"])
            if record["reading"]["status"] == "pending" and revision > told.get(source, 0):
                key = world.watch.stamped[source].key.key
                named = {"bucket": "landing", "key": key, "version_id": stamp["carefile-version"]}
                name = f"reading {source[:8]} r{revision}"
                if name not in self._had_read:
                    self._had_read.add(name)
                    self.arrive(name, named)

    def _records(self) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
        """Every record that is there, with its stamp, but for those of what is forgotten."""
        processed, stamped = self.world.processed, self.world.watch.stamped
        for name in processed.live_keys() if not self.world.scenario.real_documents else ():
            version = processed.live(name) if name.endswith("/extracted_data.json") else None
            forgotten = self.world.known.forgotten
            if version and not forgotten(stamped[version.metadata["carefile-source"]].key.key):
                yield name, version.metadata, json.loads(version.body or b"")

    def arrive(self, name: str, asked: dict[str, Any]) -> None:
        """Start a reading at some time, perhaps twice."""
        world = self.world

        def begin() -> None:
            del world.runnable[name]
            execution = ReadScan(name, asked, world)
            self.executions.append(execution)
            execution.advance(execution.progress.begin())

        world.runnable[name] = begin
        if world.twice(name):
            self.arrive(f"{name}'", asked)

    def after(self, call: Call, result: Any) -> None:
        """No record may show what was recognised in another version."""
        if call.operation != "PutObject" or not call.arguments["Key"].endswith("/extracted_data.json"):
            return
        record = json.loads(call.arguments["Body"])
        stamp = call.arguments["Metadata"]
        uploaded = self.world.watch.stamped[stamp["carefile-source"]]
        bodies = {
            it.body
            for it in self.world.known.uploads
            if it.key == uploaded.key and it.version == stamp["carefile-version"]
        }
        seen = {text for page in _pages(record) for text in page}
        if not seen <= {json.loads(body)["text"] for body in bodies}:
            self.world.violations.append(f"I2 the record of {stamp['carefile-version']} shows another's text")

    def at_rest(self) -> list[str]:
        found = [
            f"I3 {execution.name} ended {execution.status} {execution.error}"
            for execution in self.executions
            if execution.status != "SUCCEEDED" and not execution.final
        ]
        for name, stamp, record in self._records():
            if record["reading"]["status"] == "pending" and not self._is_refused(stamp):
                found.append(f"I2 {name} was never read")
            found += self._announced(name, stamp, record)
        return found

    def _is_refused(self, stamp: dict[str, str]) -> bool:
        """Whether a threat was found after it was filed, so that nobody reads it any more."""
        key = self.world.watch.stamped[stamp["carefile-source"]].key.key
        return (key, stamp["carefile-version"]) in self.world.known.refused

    def _announced(self, name: str, stamp: dict[str, str], record: dict[str, Any]) -> list[str]:
        """The last that is announced of a record is how it was read."""
        events = [
            event.detail
            for event in self.world.published
            if event.type == "Object Cataloged" and event.detail["source_id"] == stamp["carefile-source"]
        ]
        last = max(events, key=lambda detail: detail["revision"], default=None)
        if last is None or last.get("reading", {}).get("status") == record["reading"]["status"]:
            return []
        return [f"I3 {name} is {record['reading']['status']}, and announced as {last.get('reading')}"]


def _pages(record: dict[str, Any]) -> list[list[str]]:
    pages = record.get("reading", {}).get("pages", ())
    return [[word["text"] for line in page["lines"] for word in line["words"]] for page in pages]


_WHO_DECIDE = (unfiling, reversing, deciding)


def add(rng: random.Random, scenario: Scenario, mixture: Mixture) -> Scenario:
    """Every schedule's documents are scans. In some of them people take documents out, or decide about them, and in
    some the events of uploads come again while these are being read."""
    untouched = not {type(step) for step in scenario.steps} & takers().keys()
    if untouched and all(key.session for key in scenario.keys):
        scenario = _with_documents(rng, scenario, mixture)
    # What a hostile uploader wrote nobody gives to a patient: there, that shows a fault.
    alone = not set(scenario.actors) & {it.ACTOR.name for it in (*_WHO_DECIDE, hostile)}
    if rng.random() < 0.6 and alone:
        scenario = rng.choice(_WHO_DECIDE).add(rng, scenario, mixture)
    steps = list(scenario.steps)
    for number in range(1, rng.choice((0, 0, 1, 2)) + 1):
        at = rng.randint(1, len(steps))
        uploads = [step for step in steps[:at] if isinstance(step, Upload) and not step.empty]
        if uploads:
            steps.insert(at, Again(f"e{number}", rng.choice(uploads).name))
    return dataclasses.replace(scenario, steps=tuple(steps), real_documents=False)


def _with_documents(rng: random.Random, scenario: Scenario, mixture: Mixture) -> Scenario:
    """Another scenario of this mixture: nobody reads sessions."""
    found = scenario
    while all(key.session for key in found.keys):
        found = generate(rng, mixture)
    return dataclasses.replace(found, express=scenario.express, actors=scenario.actors)


def mixed(rng: random.Random, mixture: Mixture) -> Mixture:
    """In some schedules, nearly all that goes wrong is that functions are left alone: they meet a reading late."""
    if rng.random() < 0.6:
        return mixture
    left = (Fault.ABANDONED, Fault.ABORTED)
    return dataclasses.replace(
        mixture,
        faults=left,
        fault_weights=(1, 1),
        fault_count=rng.choice((1, 2, 3)),
        fault_rate=rng.choice((0.03, 0.1)),
        alone_last=rng.random() < 0.7,
    )


ACTOR = Actor("readings", 7, add, judge=Readings, mixed=mixed, found_within=FOUND_WITHIN)
