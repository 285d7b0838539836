"""One person's records, to be forgotten: the patient's own, and those under the ids that were merged into the patient.

Each id is looked for, counted and deleted by itself. The patient comes first: what was merged is the patient's by now,
and the other ids have no more than what was filed before the merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.tally import Tally
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.traces import SETTLED, Finder
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Patient, Source


class Person:
    """`rest`: how long a bare claim stays. `bypass`: also delete versions retained in governance mode. `settled`: an
    upload that is older is not on its way any more."""

    def __init__(
        self,
        connection: Connection,
        patient: str,
        rules: RuleTable,
        *,
        rest: timedelta,
        bypass: bool = False,
        settled: timedelta = SETTLED,
    ) -> None:
        self._connection, self._rules, self._settled = connection, rules, settled
        self._patient = patient
        patients = Patients(connection)
        entry = patients.get(patient)
        if entry and entry.merged_into is not None:
            raise Problem(
                f"{patient} was merged into {entry.merged_into}, and is that patient",
                f"forget {entry.merged_into}, or `carefile patients unmerge {patient}` first; nothing was deleted",
            )
        self.ids = (patient, *sorted(patients.merged_into(patient)))
        self._forgetters = {one: Forgetter(connection, one, rest=rest, bypass=bypass) for one in self.ids}
        self._found: dict[str, Traces] = {}

    def look(self, include: Iterable[Source] = (), copies: Iterable[Source] = ()) -> Traces:
        """Find what there is of all the ids; `include` and `copies` as a `Finder` takes them."""
        included, known = list(include), list(copies)
        self._found = {
            one: Finder(self._connection, one, self._rules, settled=self._settled).find(
                [source for source in included if self._id_of(source) == one], known
            )
            for one in self.ids
        }
        own = self._found[self._patient]
        certain = {trace.source for trace in own.mine}
        for one, found in self._found.items():
            if found is not own:  # what was left behind is found under each id
                found.outdated = [version for version in found.outdated if version not in own.outdated]
            # Of an id that was merged nothing but its entry says whose it is, so that goes last.
            doubtful = found.unfiled or found.undecided.keys() - certain
            found.keeps_entry = one != self._patient and bool(doubtful)
            found.apart = {
                folder for other in self.ids if other != one for folder in self._found[other].folders
            }
        return _together(self._found.values())

    def _id_of(self, source: Source) -> str:
        """Under which of the ids a source is looked for: what stands in the layout goes with its folder."""
        if source.bucket != self._connection.processed:
            return self._patient
        stem = self._connection.layout.stem
        named = [one for one in self.ids if source.key.startswith(stem(Patient(one)))]
        return max(named, key=len, default=self._patient)

    def tally(self) -> Tally:
        """Count what was found, without touching it: what `forget` would count."""
        return sum((self._forgetters[one].tally(found) for one, found in self._found.items()), Tally())

    def forget(self) -> Tally:
        """Delete what was found. If interrupted, running it again resumes."""
        return sum((self._forgetters[one].forget(found) for one, found in self._found.items()), Tally())


def _together(found: Iterable[Traces]) -> Traces:
    """What was found of several ids that are one person's: what is certain of one is not doubtful of another."""
    whole = Traces()
    for one in found:
        for source_id, trace in one.traces.items():
            if source_id not in whole.traces or trace.mine:
                whole.traces[source_id] = trace
        for name in ("unfiled", "copies", "named_by_others", "suggested"):
            getattr(whole, name).update(getattr(one, name))
        whole.undecided |= one.undecided
        whole.absent += one.absent
        whole.outdated += one.outdated
    certain = {trace.source for trace in whole.mine}
    whole.undecided = {source: why for source, why in whole.undecided.items() if source not in certain}
    whole.named_by_others -= certain
    return whole
