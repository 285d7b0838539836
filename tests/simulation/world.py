"""One schedule: everything that is under way, one step of it at a time, until everything is at rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from infrastructure.machines import definitions
from tests.simulation.actors import Judge, judges
from tests.simulation.aws.dynamodb import DynamoDB
from tests.simulation.aws.gate import Fault, Gate
from tests.simulation.aws.s3 import S3
from tests.simulation.aws.services import Events, Secrets, StepFunctions
from tests.simulation.aws.store import Bucket, epoch
from tests.simulation.coverage import Observer, key_in
from tests.simulation.execution import MACHINE_ARN, Execution
from tests.simulation.functions import Clients, Recorder, Sandbox, installed
from tests.simulation.invocation import Died, Invocation, Raised, Returned
from tests.simulation.machine import LAMBDA, PUT_EVENTS, SEND, Machine, Task
from tests.simulation.oracle import Known
from tests.simulation.outside import Outside
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Decisions
from tests.simulation.watch import Watch

J = TypeVar("J", bound=Judge)
LANDING, PROCESSED, REPORTS, BUS = "landing", "processed-bucket", "reports", "catalog-bus"
MAX_STEPS = 40_000  # 56 executions of one key, readings among them, that all go round took 16,514
_MACHINE_FILE = Path(__file__).resolve().parents[2] / "statemachines" / "object_pipeline.asl.json"
# What a function may end with here; anything else is a defect, of the function or of this simulation.
_EXPECTED = ("RejectedObject", "StillChanging", "FolderContended", "StorageThrottled", "StorageDenied")
_REFUSED = ("ThreatFound", "NotScanned", "Unscannable")  # where malware protection is waited for
_FUNCTIONS = (
    *("ClassifyObject", "NormaliseDocument", "NormaliseSession", "TagObject"),
    *("ReadPages", "FileReading"),
)
_NAMES = {f"{name}Arn": name for name in _FUNCTIONS} | {"CatalogBusName": BUS, "PromotionsUrl": "promotions"}


@cache
def real_machine() -> Machine:
    return Machine.from_file(_MACHINE_FILE, _NAMES)


@cache
def real_express_machine() -> Machine:
    """The same states in the frame of the express lane, composed as they are when the stack is synthesised."""
    return composed(definitions.express_lane())


def composed(definition: dict[str, Any]) -> Machine:
    return Machine.from_text(json.dumps(definition), _NAMES | {"ObjectPipelineArn": MACHINE_ARN})


@dataclass
class Published:
    """An event on the catalog bus, in the order of publication."""

    name: str
    by: str
    type: str
    detail: dict[str, Any]


@dataclass
class World:
    """`runnable` holds who can go next, by name, and what that does."""

    scenario: Scenario
    decisions: Decisions
    tracing: bool = False
    observer: Observer | None = None
    machine: Machine = field(default_factory=real_machine)
    express_machine: Machine = field(default_factory=lambda: real_express_machine())
    runnable: dict[str, Callable[[], None]] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    recorder: Recorder = field(default_factory=Recorder)
    trace: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    promotions: dict[str, Any] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)  # of landing versions with one verdict, what it is
    verdicts_recorded: int = 0
    waiting: list[Execution] = field(default_factory=list)  # for a verdict
    unheard: list[Execution] = field(default_factory=list)  # failed, and nothing was found amiss so far
    steps: int = 0
    actor: str = ""

    def __post_init__(self) -> None:
        self.gate = Gate()
        self.landing = Bucket(LANDING, versioned=self.scenario.versioned, letter="v")
        self.processed = Bucket(PROCESSED, versioned=True, letter="p")
        self.dynamodb = DynamoDB(self.gate)
        self.reports = Bucket(REPORTS, versioned=False, letter="r")
        buckets = {LANDING: self.landing, PROCESSED: self.processed, REPORTS: self.reports}
        self.clients = Clients(
            S3(self.gate, buckets, self.now),
            self.dynamodb,
            Events(self.gate, self._accept),
            Secrets(self.gate),
            StepFunctions(self.gate, self._describe, self._promote),
            self.now,
        )
        self.judges = judges(self)
        self.known.judges = self.judges
        self.watch = Watch(self)
        self.gate.after = self.watch.after
        self._idle: dict[str, list[Sandbox]] = {}
        self._alive: list[Invocation] = []
        self._halfway: set[str] = set()  # failures that are being recorded: what began it did not end well
        self._outside = Outside(self)
        self._calls: Counter[str] = Counter()  # of each actor, over all its attempts

    def now(self) -> datetime:
        """Two steps or more share a second, as S3 writes moments down."""
        return epoch() + timedelta(milliseconds=350 * self.steps)

    def run(self) -> None:
        """Until nothing is left to be done, or the first violation."""
        try:
            further = (it for judge in self.judges for it in judge.installed())
            with installed(self.clients, self.recorder, *further, scanned=self.scenario.scanned):
                self.runnable["world"] = self._outside.step
                while (self.runnable or self._looked_again()) and not self.violations:
                    self.steps += 1
                    if self.steps > MAX_STEPS:
                        self.violations.append("I2 it never comes to rest")
                        break
                    self.actor = self.decisions.pick(tuple(self.runnable))
                    self.runnable[self.actor]()
        finally:
            for invocation in self._alive:
                invocation.kill()

    def _looked_again(self) -> bool:
        """At rest, a reconciliation looks once more for what nobody heard of. True when it found something."""
        unheard, self.unheard = self.unheard, []
        for execution in unheard:
            execution.reconcile()
        self.unheard.clear()
        for judge in self.judges:
            judge.looked_again()
        return bool(self.runnable)

    def note(self, text: str) -> None:
        if self.tracing:
            self.trace.append((self.actor, text))

    def judge(self, kind: type[J]) -> J:
        """The one of this kind."""
        return next(judge for judge in self.judges if isinstance(judge, kind))

    # Executions

    def twice(self, name: str) -> bool:
        """Whether an event of this name is delivered once more."""
        return not name.endswith("'") and self.decisions.twice(name)

    def start(self, name: str, data: dict[str, Any], *, express: bool = False) -> None:
        """StartExecution, of the pipeline or of the express lane's machine."""
        execution = Execution(name, data, self, express=express)
        self.executions[execution.arn] = execution
        execution.advance(execution.progress.begin())

    def _promote(self, name: str, data: Any) -> bool:
        """StartExecution from a state: the execution begins at some time after. False where the name is taken."""
        if name in self.promotions:
            known = self.promotions[name]
            execution = self.executions.get(f"{MACHINE_ARN.replace('stateMachine', 'execution')}:{name}")
            return execution is None or (execution.status == "RUNNING" and known == data)

        self.promotions[name] = data

        def begin() -> None:
            del self.runnable[f"start {name}"]
            self.start(name, data)

        self.runnable[f"start {name}"] = begin
        return True

    def verdict_recorded(self) -> None:
        self.verdicts_recorded += 1
        waiting, self.waiting = self.waiting, []
        for execution in waiting:
            execution.may_go_on()

    def perform(self, task: Task, actor: str, then: Callable[[Any], None]) -> Invocation:
        """Begin the task of a state, as far as its first call."""
        if task.resource == LAMBDA:
            return self.invoke(task.arguments["FunctionName"], task.arguments["Payload"], actor, then)
        invocation = Invocation(actor, None, then, self._about(task.arguments))
        emits, clients = task.resource == PUT_EVENTS, self.clients
        sends = clients.step_functions.send_message if task.resource == SEND else None
        call = clients.events.put_events if emits else sends or clients.step_functions.start_execution
        return self._began(invocation, lambda: call(**task.arguments))

    def act(self, actor: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Begin what somebody outside does in many calls."""
        self._began(Invocation(actor, None, then), work)

    def invoke(
        self, function: str, event: dict[str, Any], actor: str, then: Callable[[Any], None]
    ) -> Invocation:
        idle = self._idle.setdefault(function, [])
        sandbox = idle.pop() if idle else Sandbox(function, real_documents=self.scenario.real_documents)
        invocation = Invocation(actor, sandbox, then, self._about(event))
        return self._began(invocation, lambda: sandbox.invoke(event))

    def _about(self, data: dict[str, Any]) -> str:
        """The landing key, for who looks on."""
        if not self.observer:
            return ""
        failed = self.executions.get(data.get("detail", {}).get("executionArn", ""))
        return key_in(failed.asked if failed else data)

    def _began(self, invocation: Invocation, work: Callable[[], Any]) -> Invocation:
        self._alive.append(invocation)
        self.runnable[invocation.actor] = lambda: self._resume(invocation)
        if invocation.begin(work):
            self._ended(invocation)
        if self.observer:
            invocation.since = self.observer.moment
        return invocation

    def _resume(self, invocation: Invocation) -> None:
        """The next call of a function: it happens, or a fault does.

        A function that nobody waits for may be as slow as it likes, but does not fail as well: nobody would notice,
        and what it wrote last would stay (docs/convergence.md, "What it does not cover").
        """
        fault = invocation.storm
        if fault is None and not invocation.alone:
            self._calls[invocation.actor] += 1
            assert invocation.call is not None
            function = invocation.sandbox.function if invocation.sandbox else ""
            what = frozenset({function, invocation.call.operation})
            fault = self.decisions.fault(invocation.actor, self._calls[invocation.actor], what)
        if self.observer:
            self._observed(self.observer, invocation, fault)
        if fault in (Fault.ABANDONED, Fault.ABORTED) and invocation.execution:
            self.note(f"!! {fault}")
            # Nobody can abort an Express execution.
            aborted = fault is Fault.ABORTED and not invocation.execution.express
            invocation.execution.leave(invocation, aborted=aborted)
            return
        verdict = Fault.THROTTLED if fault in (Fault.STORM, Fault.ABANDONED, Fault.ABORTED) else fault
        call = invocation.call
        ended = invocation.resume(verdict)
        if self.tracing:
            self.note(self.watch.told(call, invocation.answer, verdict))
        if self.observer:
            invocation.since = self.observer.moment
        if fault is Fault.STORM and invocation.execution:
            invocation.execution.storm = Fault.STORM
        if ended:
            self._ended(invocation)

    def _observed(self, observer: Observer, invocation: Invocation, fault: Fault | None) -> None:
        function = invocation.sandbox.function if invocation.sandbox else "Step Functions"
        waited = invocation.execution is not None
        assert invocation.call is not None
        observer.called(
            invocation.about, function, invocation.call, fault, since=invocation.since, waited=waited
        )

    def detach(self, invocation: Invocation, name: str) -> None:
        """The function goes on under another name and nobody waits for it."""
        del self.runnable[invocation.actor]
        invocation.actor, invocation.execution, invocation.then = name, None, lambda outcome: None
        invocation.alone = True
        self.runnable[name] = lambda: self._resume(invocation)

    def _ended(self, invocation: Invocation) -> None:
        self._alive.remove(invocation)
        del self.runnable[invocation.actor]
        outcome = invocation.outcome
        if isinstance(outcome, Raised):
            self.causes.append(outcome.text)
            expected = _EXPECTED + (_REFUSED if self.scenario.scanned else ())
            for judge in self.judges:
                expected += judge.expected
            if invocation.sandbox and outcome.error not in expected:
                self.violations.append(f"a function fails with {outcome.error}: {outcome.text}")
        if self.tracing and not isinstance(outcome, Returned):
            self.note(f"   ends with {outcome.error}")
        if invocation.sandbox and not isinstance(outcome, Died) and self.scenario.warm:
            self._idle[invocation.sandbox.function].append(invocation.sandbox)
        invocation.then(outcome)

    # The event bus

    def _accept(self, entry: dict[str, Any]) -> None:
        detail = entry["Detail"]
        # Step Functions hands over what came of a function's JSON.
        detail = json.loads(detail) if isinstance(detail, str) else detail
        number = sum(1 for other in self.published if other.by == self.actor) + 1
        event = Published(f"index {self.actor}.{number}", self.actor, entry["DetailType"], detail)
        self.published.append(event)
        self.watch.published(event)
        for judge in self.judges:
            judge.published(event)
        if event.type == "Object Cataloged" or detail.get("disposition") == "unfiled":
            self.deliver(event.name, "IndexCatalog", {"detail-type": event.type, "detail": detail})

    def deliver(self, name: str, function: str, event: dict[str, Any]) -> None:
        """An event on its way to a function: at some time, at least once, again where it was not taken."""

        def arrive() -> None:
            self.invoke(function, event, name, taken)

        def taken(outcome: Any) -> None:
            if not isinstance(outcome, Returned):
                self.runnable[name] = arrive
                self._halfway |= {name} if function == "RecordFailure" else set()
                return
            self._halfway.discard(name)
            if function == "RecordFailure" and not (self._halfway or self._at_work(function)):
                self.watch.failure_recorded()
            if self.decisions.twice(name):
                self.deliver(f"{name}'", function, event)

        self.runnable[name] = arrive

    def _at_work(self, function: str) -> bool:
        return any(one.sandbox and one.sandbox.function == function for one in self._alive)

    def _describe(self, arn: str) -> dict[str, Any]:
        return self.executions[arn].described()
