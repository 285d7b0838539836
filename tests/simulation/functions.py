"""The real functions, with a simulated AWS for their neighbours.

`installed` puts the simulation's clients, clock and recorders where the functions' modules keep theirs, for as long
as it is entered. A `Sandbox` is what Lambda keeps warm between invocations: what a function remembers is remembered
there, and is lost with it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.documents.recognition import PENDING, Line, RecognisedPage, Word
from carefile.core.model import Classification, Observation
from lambdas.adapters import aws, boundary, measures, settings
from lambdas.adapters.landing import Landing
from lambdas.intake import wiring
from lambdas.intake.convergence import Intake
from lambdas.intake.scans import Scans
from lambdas.readers.source import Source as ReadSource
from lambdas.scans.reading import Batch, PageRead
from tests.simulation import remembered

# Name of the function: its module, the global that holds its use case, and what builds that.
_USE_CASES: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "ClassifyObject": ("classify_object", "admission", lambda: wiring.admission()),
    "NormaliseDocument": ("normalise_document", "intake", lambda: wiring.intake()),
    "NormaliseSession": ("normalise_session", "intake", lambda: wiring.intake()),
    "TagObject": ("tag_object", "marks", lambda: wiring.marks()),
    "ReadPages": ("read_pages", "scans", lambda: wiring.scans()),
    "FileReading": ("file_reading", "scans", lambda: wiring.scans()),
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
PAGES = 2  # of a document, where pages are read
MAX_PAYLOAD = 262_144  # Step Functions, "Service quotas": bytes of a state's input or output


class DataLimitExceeded(Exception):
    """A function's answer is larger than a state's output may be."""


@functools.cache
def _recording() -> tuple[tuple[Any, str], ...]:
    """Every module of the functions that has the logger or the metrics, under the name it has them."""
    _modules()
    ours = [module for name, module in sys.modules.items() if name.startswith("lambdas.")]
    found = [(module, "logger") for module in ours if getattr(module, "logger", None) is boundary.logger]
    return *found, (measures, "_print")


@dataclass(frozen=True)
class Clients:
    s3: Any
    dynamodb: Any
    events: Any
    secrets: Any
    step_functions: Any
    now: Callable[[], datetime]


class Recorder:
    """Stands for Logger, and for what prints metrics: keeps what would have left the function, formats nothing."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def info(self, message: str, **members: Any) -> None:
        self.lines.append((message, members))

    warning = error = exception = debug = info

    def __call__(self, line: str) -> None:
        """Keep a line of metrics, but for its moment, which is the machine's."""
        self.lines.append({name: value for name, value in json.loads(line).items() if name != "_aws"})

    def set_correlation_id(self, value: str) -> None:
        self.lines.append((value, {}))

    def clear_state(self) -> None:
        pass


@dataclass(frozen=True)
class StandInDocuments:
    """Reads a patient id out of JSON and renders a line: the same calls to AWS as the real reader, in a hundredth
    of its time."""

    landing: Landing
    reads_scans: bool = False

    def read(self, observed: Observation) -> Extraction | None:
        data = self.landing.read(observed, 1 << 20)
        if data is None:
            return None
        patient = json.loads(data).get("patient_id")
        facts = DocumentFacts("document", observed.size, len(data), "json", "application/json")
        found = (PatientCandidate(patient, "/patient_id"),) if patient else ()
        pending = PENDING if self.reads_scans else None
        return Extraction(facts, Status.READ, patient_candidates=found, recognition=pending)

    def page(self, observed: Observation, classification: Classification, extraction: Extraction) -> bytes:
        return f"<p>{observed.version}</p>".encode()


@dataclass(frozen=True)
class StandInPages:
    """An engine that sees two pages, one a call; what stands on them is the document's own text. A page of some
    documents can't be read."""

    engine = "stand-in"
    version = "1"
    languages = ("eng",)

    def read(
        self, source: ReadSource, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch:
        following = first + 1 if first < PAGES else None
        text = json.loads(source.data)["text"]
        digest = hashlib.sha256(f"{text} {first}".encode()).hexdigest()
        if first == 1 and digest[0] in "01":
            return Batch((PageRead(first, failed="too-slow"),), following)
        if digest in known:
            return Batch((PageRead(first, digest),), following)
        found = RecognisedPage(first, 10, 10, 0, (Line((Word(text, (1, 1, 9, 9), 90),)),))
        return Batch((PageRead(first, digest, found, b"picture"),), following)


class Sandbox:
    """One function as Lambda holds it ready."""

    def __init__(self, function: str, *, real_documents: bool) -> None:
        _, self._name, build = _USE_CASES[function]
        self.function = function
        self._module = _modules()[function]
        aws.pseudonym_key = _once(_PSEUDONYM_KEY)
        self._use_case = build()
        if not real_documents:
            self._use_case = _quick(self._use_case)

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer, as JSON carries it. The handler takes its use case before it first calls AWS."""
        setattr(self._module, self._name, self._use_case)
        answer = json.dumps(self._module.handler(event, None))
        if len(answer) > MAX_PAYLOAD:
            raise DataLimitExceeded
        return json.loads(answer)


def _quick(use_case: Any) -> Any:
    """The use case with quick documents, and pages that are recognised at once."""
    if isinstance(use_case, Scans):
        return dataclasses.replace(use_case, reader=StandInPages(), intake=_quick(use_case.intake))
    if isinstance(use_case, Intake):
        filing = use_case.filing
        documents = StandInDocuments(filing.landing, filing.documents.reads_scans)  # type: ignore[attr-defined]
        return dataclasses.replace(use_case, filing=dataclasses.replace(filing, documents=documents))
    return use_case


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
