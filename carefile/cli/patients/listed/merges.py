"""The merges in a feed (HL7 v2 A40): which of them are new, and starting those.

Whether a merge holds is judged as MergePatients judges it, by the rules of the core, on what the import lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.core.errors import CarefileError
from carefile.core.messages.merge_request import MergeRequest
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.directory import MAX_MERGES
from carefile.core.patients.entries import PatientEntry, Statement
from carefile.core.patients.feeds.records import Merged
from carefile.core.patients.merging import judge


@dataclass
class PlannedMerges:
    """`new` are to be started, `done` those that hold already, `refused` those that cannot hold, each with why."""

    new: list[Merged] = field(default_factory=list)
    done: int = 0
    refused: list[tuple[Merged, str]] = field(default_factory=list)


class Merges:
    def __init__(self, connection: Connection, source: str, now: str) -> None:
        self._connection, self._patients = connection, Patients(connection)
        self._decided_by, self._source, self._now = f"system:{source}", source, now

    def plan(self, merges: Sequence[Merged]) -> PlannedMerges:
        """Judge the merges one after another; who is not listed yet will be, by the import."""
        entries, forgotten = self._entries({one for it in merges for one in (it.from_id, it.into_id)})
        planned = PlannedMerges()
        for merged in merges:
            decision = Decision(DecisionType.MERGE, self._decided_by, merged.stated_at or self._now)
            try:
                if {merged.from_id, merged.into_id} & forgotten:
                    planned.refused.append((merged, "forgotten-patient"))
                    continue
                merge = judge(MergeRequest(merged.from_id, merged.into_id, decision), entries)
            except CarefileError as error:
                planned.refused.append((merged, str(error).partition(": ")[0]))
                continue
            entries[merge.entry.id] = merge.entry
            if merge.is_new:
                planned.new.append(merged)
            else:
                planned.done += 1
        return planned

    def start(self, planned: PlannedMerges) -> None:
        """List who is not listed, and start the new merges. They go on by themselves."""
        machine = self._connection.output("MergePatientsStateMachineArn")
        for merged in planned.new:
            known, _ = self._patients.get_many((merged.from_id, merged.into_id))
            for patient in {merged.from_id, merged.into_id} - known.keys():
                self._patients.state(patient, self._source, Statement(), None)
            request = {
                "from": merged.from_id,
                "into": merged.into_id,
                "decided_by": self._decided_by,
                "decided_at": merged.stated_at or self._now,
            }
            self._connection.quotas.start.take()
            self._connection.client("stepfunctions").start_execution(
                stateMachineArn=machine, input=json.dumps(request, ensure_ascii=False)
            )

    def _entries(self, ids: Iterable[str]) -> tuple[dict[str, PatientEntry], set[str]]:
        """The entries of these patients, and of all whom they were merged into; and who was forgotten."""
        asked = set(ids)
        entries, forgotten = self._patients.get_many(asked)
        following = {one.merged_into for one in entries.values() if one.merged_into} - asked
        for _ in range(MAX_MERGES):
            if not following:
                break
            asked |= following
            found, _ = self._patients.get_many(following)
            entries |= found
            following = {one.merged_into for one in found.values() if one.merged_into} - asked
        return {one: PatientEntry(one) for one in asked - forgotten} | entries, forgotten
