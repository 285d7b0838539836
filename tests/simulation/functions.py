"""The real functions, with a simulated AWS for their neighbours.

`installed` puts the simulation's clients, clock and recorders where the functions' modules keep theirs, for as long
as it is entered. A `Sandbox` is what Lambda keeps warm between invocations: what a function remembers is remembered
there, and is lost with it.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.model import Classification, Observation
from lambdas.adapters import aws, boundary, measures, settings
from lambdas.adapters.landing import Landing
from lambdas.intake import wiring
from tests.simulation import remembered

# Name of the function: its module, the global that holds its use case, and what builds that.
_USE_CASES: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "ClassifyObject": ("classify_object", "admission", lambda: wiring.admission()),
    "NormaliseDocument": ("normalise_document", "intake", lambda: wiring.intake()),
    "NormaliseSession": ("normalise_session", "intake", lambda: wiring.intake()),
    "TagObject": ("tag_object", "marks", lambda: wiring.marks()),
    "RecordFailure": ("record_failure", "failures", lambda: wiring.failures()),
    "IndexCatalog": (
        "index_catalog",
        "catalog",
        lambda: _modules()["IndexCatalog"].Catalog(aws.dynamodb(), "catalog"),
    ),
}


@functools.cache
def _modules() -> dict[str, Any]:
    return {name: importlib.import_module(f"lambdas.{module}") for name, (module, _, _) in _USE_CASES.items()}


REMEMBERING = True  # what pure functions answered
MAX_PAYLOAD = 262_144  # Step Functions, "Service quotas": bytes of a state's input or output


class DataLimitExceeded(Exception):
    """A function's answer is larger than a state's output may be."""


@functools.cache
def _recording() -> tuple[tuple[Any, str], ...]:
    """Every module of the functions that has the logger or the metrics, under the name it has them."""
    _modules()
    ours = [module for name, module in sys.modules.items() if name.startswith("lambdas.")]
    found = [(module, "logger") for module in ours if getattr(module, "logger", None) is boundary.logger]
    return *found, (measures, "_metrics")


@dataclass(frozen=True)
class Clients:
    s3: Any
    dynamodb: Any
    events: Any
    secrets: Any
    step_functions: Any
    now: Callable[[], datetime]


class Recorder:
    """Stands for Logger and for Metrics: keeps what would have left the function, formats nothing."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def info(self, message: str, **members: Any) -> None:
        self.lines.append((message, members))

    warning = error = exception = debug = info

    def add_metric(self, *values: Any, **members: Any) -> None:
        self.lines.append((values, members))

    add_dimension = add_metadata = add_metric

    def set_correlation_id(self, value: str) -> None:
        self.lines.append((value, {}))

    def clear_state(self) -> None:
        pass

    flush_metrics = clear_state


@dataclass(frozen=True)
class StandInDocuments:
    """Reads a patient id out of JSON and renders a line: the same calls to AWS as the real reader, in a hundredth
    of its time."""

    landing: Landing

    def read(self, observed: Observation) -> Extraction | None:
        data = self.landing.read(observed, 1 << 20)
        if data is None:
            return None
        patient = json.loads(data).get("patient_id")
        facts = DocumentFacts("document", observed.size, len(data), "json", "application/json")
        found = (PatientCandidate(patient, "/patient_id"),) if patient else ()
        return Extraction(facts, Status.READ, patient_candidates=found)

    def page(self, observed: Observation, classification: Classification, extraction: Extraction) -> bytes:
        return f"<p>{observed.version}</p>".encode()


class Sandbox:
    """One function as Lambda holds it ready."""

    def __init__(self, function: str, *, real_documents: bool) -> None:
        _, self._name, build = _USE_CASES[function]
        self.function = function
        self._module = _modules()[function]
        aws.pseudonym_key = _once(_PSEUDONYM_KEY)
        self._use_case = build()
        filing = getattr(self._use_case, "filing", None)
        if filing is not None and not real_documents:
            quick = dataclasses.replace(filing, documents=StandInDocuments(filing.landing))
            self._use_case = dataclasses.replace(self._use_case, filing=quick)

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer, as JSON carries it. The handler takes its use case before it first calls AWS."""
        setattr(self._module, self._name, self._use_case)
        answer = json.dumps(self._module.handler(event, None))
        if len(answer) > MAX_PAYLOAD:
            raise DataLimitExceeded
        return json.loads(answer)


def _once(function: Callable[[], Any]) -> Callable[[], Any]:
    """As `functools.cache` does, and made in a tenth of its time."""
    known: list[Any] = []

    def answer() -> Any:
        if not known:
            known.append(function())
        return known[0]

    return answer


_PSEUDONYM_KEY = aws.pseudonym_key.__wrapped__


@contextmanager
def installed(
    clients: Clients, recorder: Recorder, *further: tuple[Any, str, Any], scanned: bool = False
) -> Iterator[None]:
    """The functions' modules with the simulation's neighbours and what actors put there; as they were, on leaving."""
    replaced: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for name, module in _modules().items():
        put(module, _USE_CASES[name][1], None)
    for name in ("s3", "dynamodb", "events", "secrets", "step_functions"):
        put(aws, name, functools.partial(getattr, clients, name))
    put(aws, "pseudonym_key", None)
    put(wiring, "moment", clients.now)
    put(settings, "malware_scan", lambda: scanned)
    for module, name, function, remembers in remembered.places() if REMEMBERING else ():
        # A variant's own function stays.
        if getattr(module, name) is function:
            put(module, name, remembers)
    for module, name in _recording():
        put(module, name, recorder)
    for owner, name, value in further:
        put(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)
