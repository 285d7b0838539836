"""Every key under the processed prefix is built here and nowhere else.

    processed/{patient}_{document}/          a document's folder, one a source object
    processed/{patient}_medical_notes/       a patient's sessions
        session_{id}/                        a session's folder, one a source tree

Invariants: a document's folder never ends in `_medical_notes`, so no document ever sits in a session prefix; the
candidates for a folder are a fixed list for each source, and the first one its owner could claim stays its own for
good; the key of an artifact is a function of its folder and its source alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carefile.core.filing.names import (
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    SESSION_PREFIX,
    cut_key,
    decode_patient_id,
    encode_name,
    encode_patient_id,
    encode_session_name,
    encode_sub_path,
    with_session_prefix,
)
from carefile.core.model import Classification, Patient, SessionPart, Source, digest

MANIFEST = "_manifest.json"
EXTRACTED = "extracted_data.json"
RESULT = "result.html"
UNKNOWN = "unknown"
STRUCTURE = "{patient_id}_{data_type}/"
_SESSIONS = "medical_notes"
_SUFFIX_LENGTHS = (8, 16, 32)
_ROOM_IN_SESSION = 134  # bytes for a suffix and for what stands in the session's folder
_ESCAPED_UNKNOWN = f"={ord(UNKNOWN[0]):X}{UNKNOWN[1:]}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a folder: a document's source object, or the source tree of a session."""

    bucket: str
    path: str
    tree: bool

    @property
    def owner_id(self) -> str:
        return digest("tree" if self.tree else "source", self.bucket, self.path)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key of the layout stands: its folder, the folder's name (of a session's: what is before
    `_medical_notes`), and the session's, if it is in one; `sub_path` is the rest."""

    folder: str
    name: str
    session_id: str | None
    sub_path: str

    @property
    def patient_id(self) -> str | None:
        """The patient whose session prefix this is; None of nobody known, of a document's folder, and where the name
        is not one that this layout gives to a patient."""
        if self.session_id is None or self.name == UNKNOWN:
            return None
        if self.name == _ESCAPED_UNKNOWN:
            return UNKNOWN
        return decode_patient_id(self.name)

    @property
    def of_nobody(self) -> bool:
        """Whether the folder is one of those of nobody known."""
        return self.name == UNKNOWN or self.name.startswith(f"{UNKNOWN}_")

    def is_of(self, patient: Patient) -> bool:
        """Whether the folder's name begins as this known patient's folders do."""
        return self.name.startswith(f"{_who(patient)}_") if self.session_id is None else False


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout below one prefix, `processed/` by default, which ends in a slash."""

    prefix: str = "processed/"

    def holds(self, key: str) -> bool:
        """Whether a key is in the layout itself; the pipeline never files those."""
        return key.startswith(self.prefix)

    def standing(self, key: str) -> Standing | None:
        """Where a key stands, by its segments alone; None if the layout has no such place."""
        name, _, rest = key.removeprefix(self.prefix).partition("/")
        if not self.holds(key) or not name or not rest or key.endswith("/"):
            return None
        folder = f"{self.prefix}{name}/"
        if not name.endswith(f"_{_SESSIONS}"):
            return Standing(folder, name, None, rest)
        session, _, sub_path = rest.partition("/")
        if not session.startswith(SESSION_PREFIX) or not sub_path:
            return None
        return Standing(f"{folder}{session}/", name.removesuffix(f"_{_SESSIONS}"), session, sub_path)

    @property
    def structure_pattern(self) -> str:
        return self.prefix + STRUCTURE

    def session_prefix(self, patient: Patient) -> str:
        """The prefix of all sessions of a patient, or of those without a known patient."""
        return f"{self.prefix}{_who(patient)}_{_SESSIONS}/"

    def stem(self, patient: Patient) -> str:
        """The beginning of every folder of a patient; folders of others may begin with it too."""
        return f"{self.prefix}{_who(patient)}_"

    def document_folders(self, patient: Patient, document_name: str, source: Source) -> Iterator[str]:
        """The folders a document may have, best first."""
        plain = f"{_who(patient)}_{encode_name(document_name)}"
        for name in _with_suffixes(plain, source.source_id):
            if not name.endswith(f"_{_SESSIONS}"):
                yield f"{self.prefix}{name}/"

    def session_folders(self, patient: Patient, session_id: str, owner: Owner) -> Iterator[str]:
        """The folders a session may have, best first."""
        for name in _with_suffixes(self.session_stem(patient, session_id), owner.owner_id):
            yield f"{name}/"

    def earlier_session_folders(self, patient: Patient, session_id: str, owner: Owner) -> Iterator[str]:
        """The folders that an earlier release may have given a session, if it spelled the id differently."""
        now, earlier = self._session_stems(patient, session_id)
        if earlier != now:
            yield from (f"{name}/" for name in _with_suffixes(earlier, owner.owner_id))

    def session_stem(self, patient: Patient, session_id: str) -> str:
        """The beginning of every folder name of a session of this id."""
        return self._session_stems(patient, session_id)[0]

    def session_stems(self, patient: Patient, session_id: str) -> tuple[str, ...]:
        """The beginnings of a session's folder names, including those of earlier releases."""
        return tuple(dict.fromkeys(self._session_stems(patient, session_id)))

    def _session_stems(self, patient: Patient, session_id: str) -> tuple[str, str]:
        prefix, name = self.session_prefix(patient), with_session_prefix(session_id)
        room = MAX_KEY_BYTES - len(prefix.encode()) - _ROOM_IN_SESSION
        return prefix + encode_session_name(name, max(room, MAX_NAME_BYTES)), prefix + encode_name(name)

    def session_folder_of(self, key: str) -> str | None:
        """The session folder that a key is in, or None."""
        parts = key.removeprefix(self.prefix).split("/", 2)
        if not self.holds(key) or len(parts) < 3 or not parts[0].endswith(f"_{_SESSIONS}"):
            return None
        return f"{self.prefix}{parts[0]}/{parts[1]}/"

    def folder_of(self, destination: str) -> str:
        """The folder of what the ledger calls a destination: a document's folder, or the key of a session's object."""
        if destination.endswith("/"):
            return destination
        return self.prefix + "".join(f"{name}/" for name in destination[len(self.prefix) :].split("/")[:2])

    def folders(self, classification: Classification, source: Source) -> Iterator[str]:
        """The folders that a classified object may claim, best first."""
        found = self._all_folders(classification, source)
        if not classification.may_have_plain_name:
            next(found)
        return found

    def plain_folder(self, classification: Classification, source: Source) -> str:
        """The folder with the plain name; what may not claim it keeps it where it already is its own."""
        return next(self._all_folders(classification, source))

    def _all_folders(self, classification: Classification, source: Source) -> Iterator[str]:
        session = classification.session
        if session is None:
            return self.document_folders(classification.patient, classification.document_name, source)
        return self.session_folders(
            classification.patient, session.session_id, owner_of(classification, source)
        )

    def earlier_folders(self, classification: Classification, source: Source) -> Iterator[str]:
        """The folders that what was classified may not claim, and keeps where it owns one: the plain one, if it is not
        trusted, and those of an earlier spelling."""
        if session := classification.session:
            if not classification.may_have_plain_name:
                yield self.plain_folder(classification, source)
            owner = owner_of(classification, source)
            yield from self.earlier_session_folders(classification.patient, session.session_id, owner)


def owner_of(classification: Classification, source: Source) -> Owner:
    session = classification.session
    if session is None:
        return Owner(source.bucket, source.key, tree=False)
    return Owner(source.bucket, session.tree, tree=True)


def original_key(folder: str, extension: str) -> str:
    return f"{folder}original.{extension}" if extension else f"{folder}original"


def extracted_key(folder: str) -> str:
    return folder + EXTRACTED


def result_key(folder: str) -> str:
    return folder + RESULT


def manifest_key(folder: str) -> str:
    return folder + MANIFEST


def session_object_key(folder: str, session: SessionPart) -> str:
    """Where a session's object goes: its own sub-path in the session's folder."""
    return cut_key(folder + encode_sub_path(session.sub_path))


def tells_sub_path(folder: str, session: SessionPart) -> bool:
    """Whether the key of a session's object shows its sub-path whole: it does unless it had to be cut."""
    return session_object_key(folder, session) == folder + encode_sub_path(session.sub_path)


def _who(patient: Patient) -> str:
    """A patient whose id is the very word `unknown` is not among the unknown."""
    if patient.id is None:
        return UNKNOWN
    encoded = encode_patient_id(patient.id)
    return encoded if encoded != UNKNOWN else _ESCAPED_UNKNOWN


def _with_suffixes(name: str, identity: str) -> Iterator[str]:
    yield name
    for length in _SUFFIX_LENGTHS:
        yield f"{name}-{identity[:length]}"
