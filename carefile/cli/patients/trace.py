"""What is there of one patient, as it was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from carefile.cli.aws.versions import Version
from carefile.core.filing.layout import Owner
from carefile.core.model import Source, digest

FORGOTTEN = "carefile-forgotten"


@dataclass(slots=True)
class Trace:
    """A landing object. `mine`: it is the patient's now. `stands`: something of it is filed under the patient's name
    and not deleted. `places` are where it is or was filed, folders or keys; `theirs` those of them that belong to other
    patients, `named` those that name this one. `holders`: whose each of its versions was last, where there were several
    patients."""

    source: Source
    mine: bool = False
    stands: bool = False
    places: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    holders: dict[str, str] = field(default_factory=dict)
    patient: str = ""

    @property
    def whole(self) -> bool:
        """Whether all of it is the patient's: no version of it was another's last."""
        return self.mine and set(self.holders.values()) <= {self.patient}

    def goes(self, version: str) -> bool:
        """Whether a version is the patient's: all of the patient's own source that nobody else had last; of another's,
        what the patient had last."""
        holder = self.holders.get(version)
        return holder == self.patient or (self.mine and holder is None)


@dataclass(slots=True)
class Traces:
    """`folders`: of the layout, those that are the patient's as a whole, but for what is undecided in them; `sessions`
    those of sessions under the patient's name. `trees`: where the sessions come from; `taken`: the owners of those that
    were assigned to somebody else; `overruled` the sources of which a hint named the patient, and a person somebody
    else. `undecided`: of objects that name the patient and are not theirs for sure, why. `copies`: those among them
    that hold the bytes of what is the patient's; `ordered`: those that a decision would make theirs. `unfiled`:
    uploads of which nobody knows whose they are, since they were never filed. `strays`: the ledger's items that name
    the patient and are of nothing that is there. `named_by_others`: objects that are other patients', and have the
    patient's id in their keys. `owners`: by the ids of sources and of sessions, whose claims go with the last of what
    they hold. `apart`: folders that go with another id of the same person. `keeps_entry`: the directory's entry stays
    for now. `suggested`: unknown documents whose records suggest the patient; `outdated`: older versions of records
    that did, and what was filed of anybody's source after it was forgotten. `absent`: what was to be included, and is
    not there."""

    traces: dict[str, Trace] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    trees: dict[str, Owner] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    overruled: set[str] = field(default_factory=set)
    undecided: dict[Source, str] = field(default_factory=dict)
    copies: set[Source] = field(default_factory=set)
    ordered: set[str] = field(default_factory=set)
    unfiled: set[Source] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)
    named_by_others: set[Source] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)
    suggested: set[Source] = field(default_factory=set)
    outdated: list[Version] = field(default_factory=list)
    keeps_entry: bool = False
    absent: list[Source] = field(default_factory=list)

    def take_in_place(self, source: Source, patient: str) -> None:
        """Trace an object that is its own source, in its own place, as the patient's."""
        trace = self.traces.setdefault(source.source_id, Trace(source, patient=patient))
        trace.mine = True
        trace.places.add(source.key)

    def is_mine(self, source: Source) -> bool:
        return (trace := self.traces.get(source.source_id)) is not None and trace.mine

    @property
    def mine(self) -> list[Trace]:
        return [trace for trace in self.traces.values() if trace.mine]

    @property
    def going(self) -> list[Trace]:
        """Those of which a version is the patient's."""
        return [
            trace for trace in self.traces.values() if trace.mine or trace.patient in trace.holders.values()
        ]


def subject_of(patient: str) -> str:
    """The patient as a report may name one: who knows the id can tell that it was this one. So can who guesses it."""
    return digest("forgotten", patient)
