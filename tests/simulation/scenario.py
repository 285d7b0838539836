"""What happens in the world around the pipeline: who uploads, deletes, decides and scans what, in which order.

A scenario is data, made from a seed. The keys come in families that want the same folder or the same session; ids and
names of patients carry MARK, so that it shows where one leaks.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from tests.simulation.mixture import Mixture

MARK = "PHI"
CLEAN, THREAT, SKIPPED = "NO_THREATS_FOUND", "THREATS_FOUND", "UNSUPPORTED"
ANA, BO, CY, ANA_LAB = f"{MARK}ana", f"{MARK}bo", f"{MARK}cy", f"{MARK}ana_lab"


@dataclass(frozen=True, slots=True)
class LandingKey:
    """A key, with what its rule says of it: written down here, so that no code of the project is its own judge."""

    key: str
    patient: str | None = None
    session: str | None = None  # the session's folder, where the key is a session's
    tree: str = ""
    stem: str = ""
    extension: str = ""
    believed: bool = True  # whether what is uploaded there may say whose it is

    @property
    def file(self) -> str:
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens outside. Those of further actors are in their modules (`actors`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Upload(Step):
    """A version: its metadata and its content may each name a patient."""

    key: int
    metadata: str | None = None
    content: str | None = None
    empty: bool = False
    like: str | None = None  # the upload that has the same bytes
    copied: bool = False  # it came by CopyObject, with the tags of an object that was filed
    marked: bool = False  # its own request gave it the mark of one that is filed
    verdict: str = CLEAN  # of malware protection, where the scenario has it
    second_verdict: str | None = None  # that of a later scan


@dataclass(frozen=True, slots=True)
class Delete(Step):
    key: int


@dataclass(frozen=True, slots=True)
class Submit(Step):
    """A person or a system submits a key, or one upload of it, with or without a decision about it."""

    key: int
    upload: str | None
    hints: tuple[tuple[str, str], ...]
    typed: bool


@dataclass(frozen=True, slots=True)
class Again(Step):
    """The event of an upload comes once more."""

    upload: str


@dataclass(frozen=True, slots=True)
class Scan(Step):
    """A malware scanner writes its verdict on the current version, keeping the tags it finds."""

    key: int


@dataclass(frozen=True, slots=True)
class Assign(Step):
    """A person says whose the session of a key is, perhaps taking it from a patient."""

    key: int
    patient: str
    replacing: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    keys: tuple[LandingKey, ...]
    steps: tuple[Step, ...]
    versioned: bool = True
    real_documents: bool = False
    warm: bool = True
    express: bool = False  # uploads take the lane express-first
    scanned: bool = False  # malware protection is waited for
    actors: tuple[str, ...] = ()  # who takes part that does not in every schedule

    def without(self, step: Step) -> Scenario:
        """The same without a step, and without those that speak of it."""
        gone = {step.name}
        kept = []
        for other in self.steps:
            spoken_of = {getattr(other, "upload", None), getattr(other, "like", None)}
            if other.name in gone or spoken_of & gone:
                gone.add(other.name)
            else:
                kept.append(other)
        return dataclasses.replace(self, steps=tuple(kept))


def _document(key: str, patient: str | None = None) -> LandingKey:
    stem, _, extension = key.rpartition("/")[2].rpartition(".")
    return LandingKey(key, patient, None, "", stem, extension)


def _session(tree: str, path: str, patient: str | None = None) -> LandingKey:
    stem, _, extension = path.rpartition("/")[2].rpartition(".")
    return LandingKey(tree + path, patient, tree.rstrip("/").rpartition("/")[2], tree, stem, extension)


def _one_file(key: str, patient: str | None = None) -> LandingKey:
    stem, _, extension = key.rpartition("/")[2].rpartition(".")
    return LandingKey(key, patient, f"session_{stem}", key, stem, extension)


FAMILIES: tuple[tuple[LandingKey, ...], ...] = (
    # One name, four keys: the folder is decided by metadata or content.
    (
        _document("documents/PHIlab.txt"),
        _document("documents/PHIlab.csv"),
        _document("inbox/PHIlab.txt"),
        _document("PHIlab.txt"),
    ),
    # {a}_{b_c} and {a_b}_{c} are one string.
    (
        _document(f"documents/{ANA}/lab_PHIx.txt", ANA),
        _document(f"documents/{ANA_LAB}/PHIx.txt", ANA_LAB),
        _document(f"{ANA}/lab/20241028_143022/7f/lab_PHIx.txt", ANA),
        _document(f"{ANA_LAB}/lab/20241028_143022/8a/PHIx.csv", ANA_LAB),
    ),
    # Two trees of one session, two files each.
    (
        _session(f"sessions/{ANA}/session_1/", "session.json", ANA),
        _session(f"sessions/{ANA}/session_1/", "agents/agent_a/agent.json", ANA),
        _session(f"medical-notes/patients/{ANA}/session_1/", "session.json", ANA),
        _session(f"medical-notes/patients/{ANA}/session_1/", "notes/PHInote.json", ANA),
    ),
    # The same of nobody known: metadata says whose each file is.
    (
        _session("sessions/session_2/", "session.json"),
        _session("medical-notes/no-patient/session_2/", "session.json"),
        _session("sessions/session_2/", "PHI.json"),
        _one_file("sessions/2.json"),
    ),
    # Documents that look like sessions, and a session that is one file.
    (
        _document(f"documents/{BO}/medical_notes.txt", BO),
        _document("documents/medical_notes.txt"),
        _one_file(f"sessions/{BO}/PHIvisit.json", BO),
        _document(f"documents/{BO}/PHIvisit.json", BO),
    ),
)


def generate(rng: random.Random, mixture: Mixture) -> Scenario:
    """A scenario of what the mixture has.

    Without versioning nothing is deleted or overwritten with nothing: an intake in the middle could not be finished.
    """
    family = rng.choice(FAMILIES)
    keys = tuple(rng.sample(family, mixture.keys))
    drawn = _Drawn(rng, mixture, keys, versioned=rng.random() < 0.92)
    steps: list[Step] = []
    for number in range(1, mixture.count + 1):
        steps.append(drawn.upload(f"u{number}", steps))
    for number in range(1, mixture.other_count + 1):
        at = rng.randint(1, len(steps))
        steps.insert(at, drawn.other(f"x{number}", steps[:at]))
    sessions = [index for index, key in enumerate(keys) if key.session]
    for number in range(1, mixture.assign_count + 1) if sessions else ():
        whose, replaced = rng.choice((ANA, BO, CY)), rng.choice((None, ANA, BO, CY))
        assign = Assign(f"a{number}", rng.choice(sessions), whose, replaced)
        steps.insert(rng.randint(0, len(steps)), assign)
    return Scenario(keys, tuple(steps), drawn.versioned, rng.random() < 0.02, rng.random() < 0.5)


class _Drawn:
    """Draws single steps."""

    def __init__(
        self, rng: random.Random, mixture: Mixture, keys: tuple[LandingKey, ...], *, versioned: bool
    ) -> None:
        self.versioned = versioned
        self._rng = rng
        self._mixture = mixture
        self._keys = keys
        self._patients = (ANA, BO, CY)[: mixture.patients]

    def upload(self, name: str, before: list[Step]) -> Upload:
        rng, kinds = self._rng, self._mixture.uploads
        index = rng.randrange(len(self._keys))
        key = self._keys[index]
        named = (None, *self._patients) if key.patient is None else (None, None, key.patient, BO)
        whose = rng.choice(named)
        uploads = [step.name for step in before if isinstance(step, Upload) and not step.empty]
        if self.versioned and uploads and "same bytes" in kinds and rng.random() < 0.2:
            return Upload(name, index, whose, like=rng.choice(uploads))
        if self.versioned and "empty" in kinds and rng.random() < 0.15:
            number = int(name[1:])
            return Upload(name, index, whose, empty=True, copied=number % 2 == 0, marked=number % 3 == 0)
        copied = self.versioned and "copied" in kinds and rng.random() < 0.2
        marked = self.versioned and "marked" in kinds and rng.random() < 0.2
        in_content = key.session is None and "content" in kinds
        if in_content and ("metadata" not in kinds or rng.random() < 0.4):
            return Upload(name, index, None, whose, copied=copied, marked=marked)
        return Upload(name, index, whose if "metadata" in kinds else None, copied=copied, marked=marked)

    def other(self, name: str, before: list[Step]) -> Step:
        rng = self._rng
        upload = rng.choice([step for step in before if isinstance(step, Upload)])
        kind = rng.choice(self._mixture.others)
        if kind == "again" or (kind == "delete" and not self.versioned):
            return Again(name, upload.name)
        if kind == "delete":
            return Delete(name, upload.key)
        if kind == "scan":
            return Scan(name, upload.key)
        named = upload.name if self.versioned and rng.random() < 0.7 else None
        return Submit(name, upload.key, named, self._hints(kind), rng.random() < 0.5)

    def _hints(self, kind: str) -> tuple[tuple[str, str], ...]:
        if kind == "decided whose":
            return (("patient_id", self._rng.choice((ANA, BO))),)
        if kind == "decided what":
            return (("kind", self._rng.choice(("session", "document"))),)
        return (("document_name", "PHIrenamed"), ("patient_id", ANA)) if kind == "renamed" else ()
