"""The ordered rule table that reads a landing key: data in, matches out.

A pattern is a key with segments that are

    {name}            one segment, kept under that name
    {name:glob}       one segment that the glob matches (`*` is one or more characters)
    {name:!glob}      one segment that the glob does not match
    {name:@date-time} one segment that is a date with a time
    **                any number of segments, also none
    {path...}         all the rest, at least one character; only at the end

Names with a meaning: `patient`; `session`, the folder of a session, below which everything is the session's; and
`scopes`, the folder by which a session of snapshots is known (`agent_sessions.py`). The first rule that matches the
whole key decides; a table must end with one that matches every key. Invariant: `.`, `..`
and a first segment that is a common folder word name no patient, whatever a rule says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding.identity import IdentifierRule, identity, is_placeholder
from carefile.core.deciding.patient_fields import STANDARD, STANDARD_FIELDS, PatientFields
from carefile.core.model import Kind, Trust
from carefile.core.patients.labels import NO_LABELS, TextLabels

_NOWHERE = (".", "..")
_DATE = r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3])[-_:.]?[0-5]\d"
_SECONDS = r"[-_:.]?[0-5]\d(?:[.,]\d+)?"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_SHAPES = {"date-time": rf"(?:{_DATE}[-_Tt ]{_TIME}(?:{_SECONDS})?|{_DATE}{_TIME}{_SECONDS}){_ZONE}"}
_TOKEN = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<no>!?)(?P<glob>[^{}]+))?(?P<rest>\.\.\.)?\}")


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    patterns: tuple[re.Pattern[str], ...]
    kind: Kind
    patient_from_key: bool
    folder_words_name_no_patient: bool
    written: tuple[str, ...] = ()
    metadata: Trust = Trust.DECIDES
    content: Trust = Trust.DECIDES
    patient_if_listed: bool = False

    @property
    def trusted(self) -> bool:
        """Whether everything an object says may decide whose it is."""
        return self.metadata is Trust.DECIDES and self.content is Trust.DECIDES


@dataclass(frozen=True, slots=True)
class Match:
    """`patient` and `session` are the segments of those names, `session_start` and `session_end` where the latter is in
    the key. `names_patient`: whether by the rule the former names one; a placeholder may still stand there.
    `may_name_patient`: whether it names one if the patient directory is in use and lists it.
    `of_snapshots`: the session is one of snapshots."""

    rule: Rule
    patient: str | None
    names_patient: bool
    session: str | None
    session_end: int
    session_start: int = 0
    of_snapshots: bool = False
    may_name_patient: bool = False


@dataclass(frozen=True, slots=True)
class Leftover:
    """A name that tools leave behind: of a file, or of a folder with all that is in it."""

    name: re.Pattern[str]
    of_folder: bool

    @classmethod
    def of(cls, pattern: str) -> Leftover:
        """Of a pattern in which `*` is any number of characters; one that ends in a slash is a folder's."""
        pieces = pattern.removesuffix("/").casefold().split("*")
        return cls(re.compile(".*".join(map(re.escape, pieces)), re.DOTALL), pattern.endswith("/"))

    def matches(self, key: str) -> bool:
        *folders, file = key.casefold().split("/")
        return any(self.name.fullmatch(name) for name in (folders if self.of_folder else (file,)))


@dataclass(frozen=True, slots=True)
class RuleTable:
    rules: tuple[Rule, ...]
    folder_words: frozenset[str]
    placeholders: frozenset[str]
    identifiers: tuple[IdentifierRule, ...] = ()
    patient_fields: PatientFields = STANDARD_FIELDS
    leftovers: tuple[Leftover, ...] = ()
    text_labels: TextLabels = NO_LABELS

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RuleTable:
        """Build the table from a document that `rule_table` accepts. ValueError if no rule catches the rest."""
        table = cls(
            tuple(_rule(item) for item in data["rules"]),
            frozenset(word.casefold() for word in data["folder_words"]),
            frozenset(word.casefold() for word in data["placeholders"]),
            tuple(IdentifierRule.from_json(item) for item in data.get("identifiers", ())),
            PatientFields.of(data.get("patient_fields", STANDARD)),
            tuple(Leftover.of(pattern) for pattern in data.get("ignore", ())),
            TextLabels.from_json(data.get("text_labels", {})),
        )
        for key in ("a", "a/b/c", "/a", "a//b"):
            if not any(pattern.fullmatch(key) for rule in table.rules for pattern in rule.patterns):
                raise ValueError(
                    f"no rule of the table matches the key {key!r}: end it with the pattern **/{{file}}"
                )
        return table

    def match(self, key: str) -> Match:
        for rule in self.rules:
            for pattern in rule.patterns:
                if found := pattern.fullmatch(key):
                    names = found.groupdict()
                    patient, session = names.get("patient"), names.get("session")
                    may = patient is not None and self._may_name(rule, patient, found.start("patient") == 0)
                    start, end = found.span("session") if session else (0, 0)
                    named = may and rule.patient_from_key
                    return Match(rule, patient, named, session, end, start, "scopes" in names, may)
        raise ValueError("no rule of the table matches the key")

    def names_patient(self, key: str, patient: str) -> bool:
        """Whether a key, as the rule that decides reads it, names this patient."""
        match = self.match(key)
        return match.names_patient and identity(match.patient or "") == identity(patient)

    def _may_name(self, rule: Rule, patient: str, first: bool) -> bool:
        """Whether the segment where the patient should stand is one by the rule, listed or not."""
        if not (rule.patient_from_key or rule.patient_if_listed) or patient in _NOWHERE:
            return False
        return not ((first or rule.folder_words_name_no_patient) and self.is_folder_word(patient))

    def ignores(self, key: str) -> bool:
        """Whether a desktop or transfer tool left this behind; such leftovers are nobody's record."""
        return any(leftover.matches(key) for leftover in self.leftovers)

    def prefixes_of(self, patient: str) -> list[str]:
        """Where keys that name this patient are: below these, none of them below another. Where a rule lets anything
        stand before the patient, all below what it begins with."""
        forms = {patient, *(unicodedata.normalize(form, patient) for form in ("NFC", "NFD"))}
        found = {
            prefix
            for rule in self.rules
            if rule.patient_from_key
            for pattern in rule.written
            for form in forms
            for prefix in _prefix(pattern, form)
        }
        return [one for one in sorted(found) if not any(one != two and one.startswith(two) for two in found)]

    def is_placeholder(self, value: str) -> bool:
        """True for what stands where an id should be and names nobody, by the words of this table."""
        return is_placeholder(value, self.placeholders)

    def is_folder_word(self, value: str) -> bool:
        return value.casefold() in self.folder_words


def _rule(data: Mapping[str, Any]) -> Rule:
    return Rule(
        data["name"],
        tuple(_compile(pattern) for pattern in data["patterns"]),
        Kind(data["kind"]),
        data["patient"] == "from-key",
        data.get("folder_words_name_no_patient", False),
        tuple(data["patterns"]),
        Trust(data.get("metadata", Trust.DECIDES)),
        Trust(data.get("content", Trust.DECIDES)),
        data["patient"] == "from-key-if-listed",
    )


def _prefix(pattern: str, patient: str) -> Iterator[str]:
    """Yield the prefix of this pattern's keys that name the patient; nothing if it names none."""
    segments = pattern.split("/")
    tokens = [_TOKEN.fullmatch(segment) for segment in segments]
    if not any(token and token["name"] == "patient" for token in tokens):
        return
    prefix = ""
    for segment, token in zip(segments, tokens, strict=True):
        if token and token["name"] == "patient":
            prefix += f"{patient}/"
        if token or segment == "**":
            break
        prefix += f"{segment}/"
    yield prefix


def _compile(pattern: str) -> re.Pattern[str]:
    parts = []
    segments = pattern.split("/")
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "**" and not last:
            parts.append("(?:[^/]*/)*")
        else:
            parts.append(_segment(segment) + ("" if last else "/"))
    return re.compile("".join(parts), re.DOTALL)


def _segment(segment: str) -> str:
    token = _TOKEN.fullmatch(segment)
    if token is None:
        return re.escape(segment)
    name, negative, glob, rest = token["name"], token["no"], token["glob"], token["rest"]
    if rest:
        return f"(?P<{name}>.+)"
    if glob is None:
        return f"(?P<{name}>[^/]+)"
    if glob.startswith("@"):
        return f"(?P<{name}>{_SHAPES[glob[1:]]})"
    exact = "[^/]+".join(re.escape(piece) for piece in glob.split("*"))
    return f"(?P<{name}>(?!{exact}(?:/|$))[^/]+)" if negative else f"(?P<{name}>{exact})"
