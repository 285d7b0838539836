"""One execution of the machine: what Step Functions does between and around the functions."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.checks.repairing import uploaded
from carefile.core.model import Source
from tests.simulation.aws.gate import Fault
from tests.simulation.invocation import Died, Invocation, Raised, Returned
from tests.simulation.machine import LAMBDA, PUT_EVENTS, Machine, Next, Progress, Succeeded, Task

if TYPE_CHECKING:
    from tests.simulation.aws.store import Version
    from tests.simulation.world import World

MACHINE_ARN = "arn:aws:states:us-east-1:111122223333:stateMachine:carefile"
EXPRESS_ARN = "arn:aws:states:us-east-1:111122223333:express:carefile-express"
REJECTIONS = ("RejectedObject", "RejectedEvent", "ThreatFound", "Unscannable")
_MOST_REDRIVES = 12
MARK = "pipeline-status"


class Execution:
    """`asked` is what it was started with. `final` tells that it failed for good: what was rejected is re-driven once,
    or by nobody; whatever else failed, until it ends well.

    An `express` one tells nobody how it ended: it succeeds, is PROMOTED, or fails unheard, and then somebody finds out
    by reconciling.
    """

    def __init__(
        self,
        name: str,
        data: dict[str, Any],
        world: World,
        *,
        express: bool = False,
        machine: Machine | None = None,
    ) -> None:
        self.name = name
        self.express = express
        standard = f"{MACHINE_ARN.replace('stateMachine', 'execution')}:{name}"
        self.arn = f"{EXPRESS_ARN}:{name}:{name}" if express else standard
        self.asked = data
        about = {
            "Id": self.arn,
            "Name": name,
            "Input": data,
            "StartTime": f"{world.now():%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        machine = machine or (world.express_machine if express else world.machine)
        self.progress = Progress(machine, {"Execution": about}, data)
        self.status = "RUNNING"
        self.error = self.cause = ""
        self.output: dict[str, Any] = {}
        self.redrives = 0
        self.final = False
        self.storm: Fault | None = None
        self._world = world
        self._left = 0
        self._failures = 0
        self._stopped = world.now()
        self._verdicts = world.verdicts_recorded

    def advance(self, following: Next) -> None:
        """Go where the machine says."""
        if isinstance(following, Task):
            invocation = self._world.perform(following, self.name, self._done)
            if invocation.outcome is None:
                invocation.execution, invocation.storm = self, self.storm
        elif isinstance(following, Succeeded):
            self._succeeded(following.output)
        else:
            self._fail("FAILED", following.error, following.cause)

    def _succeeded(self, output: Any) -> None:
        if self.express and isinstance(output, list):
            (output,) = output
        self.status, self.output = "SUCCEEDED", output
        if self.express and "disposition" not in output:
            self.status, self.output = "PROMOTED", {}
        self._world.note(f"== {self.status} {self.output.get('disposition', '')}")

    def leave(self, invocation: Invocation, *, aborted: bool) -> None:
        """Step Functions does not wait for this invocation any more, which goes on alone."""
        self._left += 1
        self._world.detach(invocation, f"{self.name}~{self._left}")
        if aborted:
            self._fail("ABORTED", "", "")
        else:
            self.advance(self.progress.fail("Lambda.SdkClientException", ""))

    def described(self) -> dict[str, Any]:
        """What DescribeExecution answers."""
        found: dict[str, Any] = {
            "executionArn": self.arn,
            "status": self.status,
            "input": json.dumps(self.asked),
        }
        if self.status == "SUCCEEDED":
            return found | {"output": json.dumps(self.output), "stopDate": self._world.now()}
        if self.status == "RUNNING":
            return found
        found["stopDate"] = self._stopped
        return found | ({"error": self.error, "cause": self.cause} if self.error else {})

    def _done(self, outcome: Any) -> None:
        resource = self.progress.machine.states[self.progress.state]["Resource"]
        if isinstance(outcome, Returned):
            invoked = resource == LAMBDA
            self.advance(self.progress.succeed({"Payload": outcome.value} if invoked else outcome.value))
            return
        if isinstance(outcome, Died):
            error, text = outcome.error, "the function ended without an answer"
        else:
            error, text = outcome.error, outcome.text
        if resource != LAMBDA:
            error = _service_error(outcome, "EventBridge" if resource == PUT_EVENTS else "StepFunctions")
        cause = json.dumps({"errorMessage": text, "errorType": error})
        self._world.causes.append(cause)
        self.advance(self.progress.fail(error, cause))

    def _fail(self, status: str, error: str, cause: str) -> None:
        world = self._world
        self.status, self.error, self.cause, self.storm = status, error, cause, None
        self._failures += 1
        self._stopped = world.now()
        world.note(f"== {status} {error} in {self.progress.state}")
        if self.express:
            world.runnable[f"reconcile {self.name}"] = self._reconciling
            return
        name = f"failure {self.name}.{self._failures}"
        if world.decisions.lost(name):
            if "object" in self.asked.get("detail", ()) and not world.scenario.scanned:
                world.unheard.append(self)
        else:
            world.deliver(
                name,
                "RecordFailure",
                {"detail-type": "Step Functions Execution Status Change", "detail": self._status_change()},
            )
        if error in REJECTIONS:
            self.final = self.redrives > 0 or world.decisions.lost(f"redrive {self.name}", likely=True)
        if self.redrives > _MOST_REDRIVES:
            world.violations.append(f"I4 {self.name} fails however often it is re-driven: {error}")
        elif error == "NotScanned" and self._verdicts == world.verdicts_recorded:
            world.waiting.append(self)
        elif not self.final:
            self.may_go_on()

    @property
    def is_left(self) -> bool:
        """Whether one of its functions went on alone."""
        return self._left > 0

    def may_go_on(self) -> None:
        self._world.runnable[f"redrive {self.name}"] = self._redrive

    def _reconciling(self) -> None:
        del self._world.runnable[f"reconcile {self.name}"]
        self.reconcile()

    def reconcile(self) -> None:
        """What `carefile reconcile --tags --repair` does about an upload that nothing was heard of; or, where malware
        protection is waited for, another scan, as its verdict was not heard either. What looks well now, as somebody
        may still be at work there, is looked at again at the end."""
        world = self._world
        if self.status == "SUCCEEDED":
            return
        if world.scenario.scanned:
            world.start(f"repair-{self.name}", self.asked)
            return
        repairs = repairs_of(world, self.asked["detail"]["object"]["key"])
        for number, repair in enumerate(repairs):
            world.start(f"repair-{self.name}{'+' * number}", repair)
        if not repairs:
            world.unheard.append(self)

    def _redrive(self) -> None:
        del self._world.runnable[f"redrive {self.name}"]
        # Who waits for a verdict tries again with every one that comes.
        self.redrives += self.error != "NotScanned"
        self._verdicts = self._world.verdicts_recorded
        self.status, self.error, self.cause = "RUNNING", "", ""
        self._world.note(f"   re-driven at {self.progress.state}")
        self.advance(self.progress.redrive())

    def _status_change(self) -> dict[str, Any]:
        """The event's detail, where the execution's data are encrypted: it says that it failed, and nothing of why."""
        return {
            "executionArn": self.arn,
            "stateMachineArn": MACHINE_ARN,
            "name": self.name,
            "status": self.status,
            "startDate": int(self._stopped.timestamp() * 1000) - 1000,
            "stopDate": int(self._stopped.timestamp() * 1000),
            "input": None,
            "output": None,
        }


def repairs_of(world: World, key: str) -> list[dict[str, Any]]:
    """With what a reconciliation takes a key in again: nothing where it finds nothing amiss.

    It holds the catalog and the mark against the current version, and against the newest one that a deletion or an
    empty version hides, and the marks of empty ones above that; and what is filed against the catalog. Of what
    is hidden, or empty, it makes the event again that came and was not heard.
    """
    history = list(reversed(world.landing.keys.get(key, [])))
    entry = entry_of(world, key)
    found: list[dict[str, Any]] = []
    if not history:
        return found
    by_key = {"bucket": "landing", "key": key}
    if history[0].body:
        shown = entry is not None and _shows(entry, history[0])
        well = (
            shown and history[0].tags.get(MARK) in ("cataloged", "superseded") and is_filed_so(world, entry)
        )
        return found if well else [by_key]
    if history[0].body == b"" and history[0].tags.get(MARK) != "failed":
        found.append(uploaded(Source("landing", key), history[0].id))
    for version in takewhile(lambda it: not it.body, history[1:]):
        if version.body == b"" and version.tags.get(MARK) in (None, "cataloged"):
            found.append(uploaded(Source("landing", key), version.id))
    hidden = next((version for version in history if version.body), None)
    if hidden:
        shown = entry is not None and _shows(entry, hidden)
        if hidden.tags.get(MARK) is None or (not shown and hidden.tags[MARK] == "cataloged"):
            found.append(uploaded(Source("landing", key), hidden.id))
    if not found and history[0].body is None and not is_filed_so(world, entry):
        return [uploaded(Source("landing", key), hidden.id)] if hidden else []
    return found or ([] if is_filed_so(world, entry) else [by_key])


def entry_of(world: World, key: str) -> dict[str, Any] | None:
    """What the catalog shows of a landing key."""
    items = world.dynamodb.tables.get("catalog", {}).values()
    return next((item for item in items if item.get("landing_key") == {"S": key}), None)


def is_filed_so(world: World, entry: dict[str, Any] | None) -> bool:
    """Whether all that is filed of a source is where the catalog shows it, and of that version."""
    if entry is None:
        return True
    source = entry["source_id"]["S"]
    alive = {name: it for name in world.processed.live_keys() if (it := world.processed.live(name))}
    ours = {name: it.metadata for name, it in alive.items() if it.metadata.get("carefile-source") == source}
    version = entry.get("landing_version", {}).get("S")
    return all(
        name.startswith(entry["prefix"]["S"])
        and stamp["carefile-version"] == (version or stamp["carefile-version"])
        for name, stamp in ours.items()
    )


def _shows(entry: dict[str, Any], version: Version) -> bool:
    return bool(entry.get("landing_version", {"S": version.id}) == {"S": version.id})


def _service_error(outcome: Any, service: str) -> str:
    """What Step Functions calls an error of a call that it makes itself."""
    if isinstance(outcome, Raised) and isinstance(outcome.exception, ClientError):
        code = outcome.exception.response["Error"]["Code"]
        return f"{service}.{code.removesuffix('Exception')}Exception"
    if isinstance(outcome, Raised) and not isinstance(outcome.exception, BotoCoreError):
        raise outcome.exception
    return "States.Timeout"
