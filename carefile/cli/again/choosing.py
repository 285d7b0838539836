"""Choose the executions to redrive: those that are named, or of all that failed those that a redrive can help.

A redrive helps none whose upload must be corrected and sent again, and none whose object was filed since. What is named
is chosen whatever it is: its cause may have been mended in a way that nobody here can know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import ENDED_BADLY, Described, Executions, Listed
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import Then, advice_for

NOT_SELECTED = "not selected"
_BATCH = 100
_REDRIVABLE = timedelta(days=14)  # Step Functions, "Redriving executions"
_HOPELESS = {Then.UPLOAD_AGAIN: "upload again", Then.NEITHER: "send a corrected request"}


@dataclass
class Choice:
    """What the arguments select; failures that occur while the command runs are left out."""

    executions: Executions
    entries: Entries
    names: list[str]
    since: datetime | None
    error: str | None
    state: str | None
    skipped: Counter[str] = field(default_factory=Counter)
    _until: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if self.names and (self.error or self.state):
            raise Problem(
                "execution names cannot be combined with --error or --state", "give either names or filters"
            )

    @property
    def filtered(self) -> bool:
        return bool(self.error or self.state)

    def considered(self) -> int:
        """Count the executions that have to be looked at, by listing only."""
        return len(self.names) or sum(1 for _ in self._listed())

    def each(self) -> Iterator[tuple[Described, str | None]]:
        """Yield lazily what failed, each with why it is not to be redriven, or None."""
        if self.names:
            yield from ((self.executions.must_describe(name), None) for name in self.names)
            return
        described = self.executions.described(self._listed())
        while batch := list(islice(described, _BATCH)):
            wanted = [item for item in batch if self._selects(item)]
            selected, filed = {item.listed.arn for item in wanted}, self._filed_since(wanted)
            for item in batch:
                arn = item.listed.arn
                yield item, _why_not(item, filed=arn in filed) if arn in selected else NOT_SELECTED

    def chosen(self, passed: Callable[[], object]) -> Iterator[Described]:
        """Yield what is to be redriven; call `passed` for each one that is not."""
        for item, why_not in self.each():
            if why_not is None:
                yield item
            else:
                self.skipped[why_not] += 1
                passed()

    def _selects(self, item: Described) -> bool:
        if self.error not in (None, item.error):
            return False
        return self.state is None or self.executions.failed_state(item.listed.arn) == self.state

    def _listed(self) -> Iterator[Listed]:
        for status in ENDED_BADLY:
            for item in self.executions.changed_since(self.since, status):
                if item.changed <= self._until:
                    yield item

    def _filed_since(self, items: Iterable[Described]) -> set[str]:
        """The executions whose object was filed after they had failed, in that version or a later one."""
        sources = {it.listed.arn: it.request.source.source_id for it in items if it.request}
        stopped = {it.listed.arn: it.listed.stopped for it in items}
        entries = self.entries.get_many(list(sources.values()))
        return {
            arn
            for arn, source in sources.items()
            if (entry := entries.get(source))
            and (ended := stopped[arn])
            and datetime.fromisoformat(entry.cataloged_at) > ended
        }


def _why_not(item: Described, *, filed: bool) -> str | None:
    return "filed since" if filed else _HOPELESS.get(advice_for(item.error or item.listed.status).then)


def can_be_redriven(item: Described, why_not: str | None = None) -> str:
    if item.listed.status not in ENDED_BADLY:
        return f"no: it is {item.listed.status}"
    if why_not:
        return f"no: {why_not}"
    afresh = advice_for(item.error).then is Then.RESUBMIT
    if afresh or item.redrive_status == "NOT_REDRIVABLE" or _too_old(item.listed):
        return "no: --resubmit"
    return "yes"


def _too_old(listed: Listed) -> bool:
    return listed.stopped is not None and datetime.now(UTC) - listed.stopped > _REDRIVABLE
