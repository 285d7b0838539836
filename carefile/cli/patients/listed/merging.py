"""Merge a patient into another, and take that back: record the decision, then take in again what was filed before it.

The decision is recorded before anything is listed. So what an intake filed without knowing it is in the catalog's list,
or found by that intake's own check, which reads the directory again.
"""

from __future__ import annotations

from dataclasses import dataclass

from carefile.cli.patients.listed.again import Again
from carefile.cli.patients.listed.patients import Patients
from carefile.cli.problem import Problem
from carefile.core.deciding.identity import identity
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.directory import MAX_MERGES
from carefile.core.patients.entries import PatientEntry


@dataclass(frozen=True, slots=True)
class Moved:
    """How many objects were taken in again, and how many have no landing object any more."""

    started: int
    left: int


@dataclass(frozen=True)
class Merging:
    patients: Patients
    again: Again

    def check_merge(self, patient: str, into: str) -> tuple[PatientEntry, PatientEntry]:
        """Both patients, or a Problem where the one cannot be merged into the other."""
        one, other = self._listed(patient), self._listed(into)
        if one.id == other.id:
            raise Problem("a patient cannot be merged into themselves", "name two patients")
        if one.merged_into not in (None, other.id):
            raise Problem(
                f"{one.id} was merged into {one.merged_into}", f"`carefile patients unmerge {one.id}` first"
            )
        if other.merged_into is not None:
            raise Problem(
                f"{other.id} was merged into {other.merged_into}", "merge into that patient instead"
            )
        return one, other

    def merge(self, patient: str, into: str, decision: Decision) -> Moved:
        """Merge, or resume a merge that did not get to its end."""
        one, other = self.check_merge(patient, into)
        if one.merged_into is None and not self.patients.decide(one, other.id, decision):
            raise _changed(one)
        if self._leads_back(one.id):
            self.patients.decide(self._listed(one.id), None, decision)
            raise Problem(
                "the two were merged into one another at the same time",
                "decide which one stays, and merge again",
            )
        return self._take_in(one.id)

    def check_unmerge(self, patient: str, into: str) -> PatientEntry:
        """The patient, or a Problem where nothing is to be taken back."""
        one, other = self._listed(patient), self._listed(into)
        resumes = one.merged_into is None and one.decision and one.decision.type is DecisionType.UNMERGE
        if one.merged_into != other.id and not resumes:
            raise Problem(f"{one.id} is not merged into {other.id}", f"see `carefile patients show {one.id}`")
        return one

    def unmerge(self, patient: str, into: str, decision: Decision) -> Moved:
        """Make them two again, or resume that. What names the patient returns; what names the other one stays."""
        one = self.check_unmerge(patient, into)
        if one.merged_into is not None and not self.patients.decide(one, None, decision):
            raise _changed(one)
        return self._take_in(identity(into))

    def _take_in(self, patient: str) -> Moved:
        taken = [self.again.take_in(entry) for entry in list(self.again.filed_under(patient))]
        return Moved(sum(taken), len(taken) - sum(taken))

    def _leads_back(self, patient: str) -> bool:
        following = patient
        for _ in range(MAX_MERGES):
            entry = self.patients.get(following)
            if entry is None or entry.merged_into is None:
                return False
            following = entry.merged_into
        return True

    def _listed(self, patient: str) -> PatientEntry:
        entry = self.patients.get(patient)
        if entry is None:
            near = ", ".join(one.id for one in self.patients.near(identity(patient))[:5])
            raise Problem(
                f"{patient} is not listed",
                f"did you mean {near}?" if near else "see `carefile patients search`",
            )
        return entry


def _changed(entry: PatientEntry) -> Problem:
    return Problem(
        f"the entry of {entry.id} changed meanwhile",
        "look at it with `carefile patients show`, and try again",
    )
