"""What a merge, or taking one back, does to the directory, and what is to be moved for it.

Invariants: no chain of merges leads back to where it began; a patient is merged into one other at a time, and a merge
that contradicts the one there is refused, never chosen; a decision that is older than the last one about the patient
changes nothing; what is recorded holds only while every entry that it was judged by is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carefile.core.errors import MergeConflict, PatientNotListed, RejectedMerge
from carefile.core.messages.merge_request import MergeRequest
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.entries import PatientEntry


@dataclass(frozen=True, slots=True)
class Merge:
    """A decision as it stands after a request. `entry` takes the place of `known`, both the same where that was
    decided before; `judged_by` are the other entries that must not have changed. What is filed under `moves_from` is to
    be taken in again."""

    known: PatientEntry
    entry: PatientEntry
    judged_by: tuple[PatientEntry, ...]
    decision: Decision
    moves_from: str
    moves_to: str

    @property
    def is_new(self) -> bool:
        return self.entry != self.known


def judge(request: MergeRequest, entries: Mapping[str, PatientEntry]) -> Merge:
    """What becomes of the patients of a request, by the entries of both and of all that they were merged into; or
    RejectedMerge, MergeConflict or PatientNotListed."""
    if request.from_id == request.into_id:
        raise RejectedMerge("same-patient: a patient cannot be merged into themselves")
    if not {request.from_id, request.into_id} <= entries.keys():
        raise PatientNotListed(
            "unlisted-patient: the patient directory does not list one of the two; import the patient, or look the id "
            "up with `carefile patients search`"
        )
    one = entries[request.from_id]
    return _merge(request, one, entries) if request.is_merge else _unmerge(request, one, entries)


def _merge(request: MergeRequest, one: PatientEntry, entries: Mapping[str, PatientEntry]) -> Merge:
    onward = tuple(_onward(request.into_id, entries))
    if one in onward:
        raise MergeConflict(
            "merged-in-a-circle: the patient to be merged into was merged into the other one; take that back first"
        )
    if one.merged_into is not None:
        # What a chain already leads to is no other decision.
        if request.into_id not in (found.id for found in _onward(one.merged_into, entries)):
            raise MergeConflict(
                "merged-otherwise: the patient was merged into another one; look at it, and take that back first"
            )
        return Merge(one, one, onward, one.decision or request.decision, one.id, onward[-1].id)
    _refuse_older(one, request.decision)
    merged = one.merged(request.into_id, request.decision)
    return Merge(one, merged, onward, request.decision, one.id, onward[-1].id)


def _unmerge(request: MergeRequest, one: PatientEntry, entries: Mapping[str, PatientEntry]) -> Merge:
    *_, last = _onward(request.into_id, entries)
    if one.merged_into == request.into_id:
        _refuse_older(one, request.decision)
        return Merge(one, one.merged(None, request.decision), (), request.decision, last.id, one.id)
    if one.merged_into is None and one.decision and one.decision.type is DecisionType.UNMERGE:
        return Merge(one, one, (), one.decision, last.id, one.id)
    raise RejectedMerge("not-merged: the patient is not merged into the other one")


def _refuse_older(one: PatientEntry, decision: Decision) -> None:
    if one.decision and one.decision.decided_at > decision.decided_at:
        raise MergeConflict("decided-since: a later decision about the patient is there; look at it")


def _onward(patient: str, entries: Mapping[str, PatientEntry]) -> Iterator[PatientEntry]:
    """A patient and whom they were merged into, one after another. A circle, which nothing here makes, ends."""
    seen: set[str] = set()
    following: str | None = patient
    while following is not None and following not in seen and (entry := entries.get(following)):
        seen.add(following)
        yield entry
        following = entry.merged_into
