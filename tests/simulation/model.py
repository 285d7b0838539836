"""The protocol alone, as small as it gets, and every order of its steps: an exhaustive search, where the simulation
samples the real code.

A few uploads to one key, each to a destination that its metadata names, some of them empty and so refused; perhaps a
decision at some time that all of it belongs elsewhere, or that one upload is taken out, and a deletion at the end. One
execution an upload, and one of the decision; crashes, before or after a call took effect, after which the execution
starts again with nothing remembered. Of a `lost` one nobody hears any more, as of an Express execution whose promotion
failed; a reconciliation looks for it at rest. A later scan may find a `threat` in an upload, at any time after it.
Every read and every write is a step of its own.

At rest the destination shows the newest version with anything in it, complete, where it was decided to be, and nothing
is anywhere else; the catalog says so. After a deletion that is the newest version that was ever begun. What is filed of
a threat may stay, whole and announced; only where an execution failed because of it, it may be broken off. Where it is
looked at (`told`), every upload is marked with how it ended, as it was announced, and announced in one way only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ARTIFACTS = 2
EMPTY = "-"  # the destination of an upload that is refused
OUT = "!"  # and the number of the upload: the decision that it is taken out
NOTHING = -2  # the version that the catalog has of what was taken out
Artifacts = tuple[int | None, ...]  # the version that each artifact of a destination shows
_RANKS = ("", "failed", "withdrawn", "superseded", "cataloged")


class Known(NamedTuple):
    """The ledger: every destination, the revision, the version that took it, and where it was decided to belong."""

    destinations: frozenset[str] = frozenset()
    revision: int = 0
    version: int = -1
    decided: str = ""


class Execution(NamedTuple):
    at: str = "ledger"
    known: Known = Known()
    version: int = -1
    revision: int = 0
    artifact: int = 0
    gone: bool = False  # the check found the key deleted
    ended: str = ""


class State(NamedTuple):
    uploads: int
    deleted: bool
    executions: tuple[Execution, ...]
    store: tuple[tuple[str, Artifacts], ...]
    ledger: Known
    crashes: int
    catalog: tuple[int, int] | None  # revision, version
    lost: int
    marks: tuple[str, ...]
    announced: frozenset[tuple[str, int]]
    refused: int = -1  # the upload in which a threat was found


class Protocol(NamedTuple):
    """The rules, each of which can be left out."""

    blind: bool = False  # a revision is taken also where another one was taken since the ledger was read
    key_first: bool = False  # the key is read before the ledger
    unrecorded: bool = False  # after a deletion nobody looks for the version that the last round recorded
    hiding: bool = False  # what is refused hides what was before it
    undecided: bool = False  # the check does not look at the decision again
    by_seconds: bool = False  # what is overtaken and deleted may be called withdrawn
    marked_first: bool = False  # an upload is marked before it is announced
    unreconciled: bool = False  # a reconciliation does not look at what is hidden
    unlooked: bool = (
        False  # after a deletion, who took an upload out does not look whether another one was begun
    )
    unnoted: bool = False  # who takes an upload out does not record it as the last that was begun
    unasked: bool = False  # the check does not ask whether another version was begun that is refused by now


class Story(NamedTuple):
    destinations: str
    deletion: bool
    decision: str
    told: bool
    protocol: Protocol
    threat: int = -1


AS_IT_IS = Protocol()


def search(
    destinations: str,
    *,
    deletion: bool,
    crashes: int,
    decision: str = "",
    lost: int = 0,
    told: bool = False,
    protocol: Protocol = AS_IT_IS,
    threat: int = -1,
) -> tuple[bool, int]:
    """Whether every order ends well, and how many states were seen until that was known."""
    story = Story(destinations, deletion, decision, told, protocol, threat)
    executions = tuple(_begun(story, number) for number in range(len(destinations) + bool(decision)))
    marks = ("",) * len(destinations)
    start = State(0, False, executions, (), Known(), crashes, None, lost, marks, frozenset())
    seen, stack = {start}, [start]
    while stack:
        state = stack.pop()
        following = list(_following(state, story)) or list(_reconciled(state, story))
        if not following and not _well(state, story):
            return False, len(seen)
        for after in following:
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return True, len(seen)


def _begun(story: Story, number: int) -> Execution:
    """An empty upload, and whoever names none, are looked at first."""
    looked_at = number == len(story.destinations) or story.destinations[number] == EMPTY
    return Execution("admit" if looked_at else "ledger")


def _following(state: State, story: Story) -> Iterator[State]:
    if state.uploads < len(story.destinations):
        yield state._replace(uploads=state.uploads + 1)
    elif story.deletion and not state.deleted:
        yield state._replace(deleted=True)
    if story.decision and state.uploads > _taken_out(story.decision) and not state.ledger.decided:
        yield state._replace(ledger=state.ledger._replace(decided=story.decision))
    if 0 <= story.threat < state.uploads and state.refused < 0:
        yield state._replace(refused=story.threat)
    for number, execution in enumerate(state.executions):
        begun = number < state.uploads if number < len(story.destinations) else bool(state.ledger.decided)
        if not begun or execution.at in ("done", "lost"):
            continue
        for after, changed in _step(state, execution, number, story):
            yield _with(changed, number, after)
            if changed is not state and state.crashes:  # the call took effect, the function died
                yield _with(changed._replace(crashes=state.crashes - 1), number, Execution())
        if state.crashes and execution != Execution() and execution.at != "admit":
            yield _with(state._replace(crashes=state.crashes - 1), number, Execution())
        if state.lost and number < len(story.destinations):
            yield _with(state._replace(lost=state.lost - 1), number, Execution("lost"))


def _step(state: State, this: Execution, number: int, story: Story) -> Iterator[tuple[Execution, State]]:
    protocol = story.protocol
    place = _place(this.known.decided, this.version, story) if this.version >= 0 else ""
    match this.at:
        case "admit":
            yield _admitted(state, number, story)
        case "ledger":
            yield this._replace(at="key" if this.version < 0 else "peek", known=state.ledger), state
            if protocol.key_first and this.version < 0:
                yield _read_key(state, this, story, "ledger"), state
        case "key":
            if not protocol.key_first:
                yield _read_key(state, this, story, "peek"), state
        case "stop":
            if state.ledger.revision != this.known.revision:
                yield Execution(), state
                return
            stopped = state._replace(ledger=state.ledger._replace(revision=state.ledger.revision + 1))
            yield _told(this, "withdrawn", number, story), stopped
        case "peek":
            done = _at(state, place) == (this.version,) * ARTIFACTS and this.known.destinations == {place}
            done = done and (this.known.version == this.version or protocol.unasked)
            after = _ending(story) if done else "ahead"
            yield this._replace(at=after, revision=this.known.revision), state
        case "out":
            if state.ledger.revision != this.known.revision:
                yield Execution(), state
                return
            begun = state.ledger.version if protocol.unnoted else this.version
            ledger = state.ledger._replace(revision=state.ledger.revision + 1, version=begun)
            yield (
                this._replace(at="empty", known=ledger, revision=ledger.revision),
                state._replace(ledger=ledger),
            )
        case "empty":
            full = next((d for d in sorted(this.known.destinations) if any_of(_at(state, d))), None)
            if full is None:
                yield this._replace(at="check out"), state
            else:
                index = next(i for i, shown in enumerate(_at(state, full)) if shown is not None)
                yield this, _put(state, full, index, None)
        case "check out":
            if state.deleted and not protocol.unlooked:
                yield this._replace(at="check out ledger"), state
            else:
                overtaken = not state.deleted and this.version != _newest(state, story)
                yield Execution() if overtaken else this._replace(at="emit"), state
        case "check out ledger":
            overtaken = state.ledger.version != this.known.version
            yield Execution() if overtaken else this._replace(at="emit"), state
        case "ahead":
            if state.ledger.revision != this.known.revision and not protocol.blind:
                yield Execution(), state
                return
            ledger = Known(
                state.ledger.destinations | {place},
                state.ledger.revision + 1,
                this.version,
                state.ledger.decided,
            )
            # What the write answers of the decision is not what the round was made by.
            known = ledger._replace(decided=this.known.decided)
            yield (
                this._replace(at="write", known=known, revision=ledger.revision),
                state._replace(ledger=ledger),
            )
        case "write":
            last = this.artifact + 1 == ARTIFACTS
            after_it = this._replace(
                at="retire" if last else "write", artifact=0 if last else this.artifact + 1
            )
            yield after_it, _put(state, place, this.artifact, this.version)
        case "retire":
            alive = next(
                (d for d in sorted(this.known.destinations - {place}) if any_of(_at(state, d))), None
            )
            if alive is None:
                yield this._replace(at="check"), state
            else:
                index = next(i for i, shown in enumerate(_at(state, alive)) if shown is not None)
                yield this, _put(state, alive, index, None)
        case "check":
            none = _newest(state, story) < 0
            if state.deleted or none or (protocol.hiding and _is_emptied(state, story)):
                yield this._replace(at="check ledger", gone=True), state
            elif this.version != _newest(state, story):
                yield Execution(), state
            else:
                looks = (story.decision and not protocol.undecided) or story.threat >= 0
                yield this._replace(at="check ledger" if looks else _ending(story)), state
        case "check ledger":
            about = (_place(it.decided, this.version, story) for it in (state.ledger, this.known))
            same = len(set(about)) == 1 or protocol.undecided
            # Without a threat, nobody begins with another version while this one is current.
            looks = this.gone or (state.refused >= 0 and not protocol.unasked)
            ours = same and (state.ledger.version == this.version or not looks)
            yield (this._replace(at=_ending(story)) if ours else Execution()), state
        case "end":
            yield _ended(state, this, number, story), state
        case "emit":
            yield _emitted(state, this, number, story)
        case "mark":
            marked = state
            if number < len(story.destinations):
                ranks = max(_RANKS.index(this.ended), _RANKS.index(state.marks[number]))
                marks = (*state.marks[:number], _RANKS[ranks], *state.marks[number + 1 :])
                marked = state._replace(marks=marks)
            yield this._replace(at="emit") if protocol.marked_first else Execution("done"), marked


def _admitted(state: State, number: int, story: Story) -> tuple[Execution, State]:
    """What is empty is refused when it is still the newest; whoever names no version where the newest one is empty
    means what is there before that."""
    is_upload = number < len(story.destinations)
    newest = not state.deleted and _is_emptied(state, story)
    refused = newest and (number == state.uploads - 1 if is_upload else story.protocol.hiding)
    if not refused:
        return Execution(), state
    if not (is_upload and story.told):
        return Execution("done"), state
    marks = (*state.marks[:number], "failed", *state.marks[number + 1 :])
    return Execution("done"), state._replace(marks=marks)


def _read_key(state: State, this: Execution, story: Story, then: str) -> Execution:
    """The current version; after a deletion the recorded one, or nothing."""
    known = this.known if not story.protocol.key_first else state.ledger
    gone = state.deleted or (story.protocol.hiding and _is_emptied(state, story))
    version = _newest(state, story) if not gone else -1 if story.protocol.unrecorded else known.version
    if version < 0 and not state.deleted:
        return Execution("done", ended="failed")  # all that was uploaded is empty, or a threat
    if version >= 0 and version == state.refused:
        return Execution("done", ended="failed")
    if version >= 0 and version == _taken_out(known.decided):
        then = "out"
    return this._replace(at=then if version >= 0 else "stop", version=version, known=known)


def _taken_out(decision: str) -> int:
    """The upload that a decision takes out; -1 where it takes out none."""
    return int(decision[1:]) if decision.startswith(OUT) else -1


def _place(decision: str, version: int, story: Story) -> str:
    """Where a version belongs; "" where it is taken out."""
    if decision.startswith(OUT):
        return "" if version == _taken_out(decision) else story.destinations[version]
    return decision or story.destinations[version]


def _ending(story: Story) -> str:
    return "end" if story.told else "emit"


def _ended(state: State, this: Execution, number: int, story: Story) -> Execution:
    """How it ended for the upload: what is deleted, and newer than what is filed, was never filed."""
    if number in (this.version, len(story.destinations)):
        return _told(this, "cataloged", number, story)
    if state.deleted and (number > this.version or story.protocol.by_seconds):
        return this._replace(at="stop")
    return _told(this, "superseded", number, story)


def _told(this: Execution, ended: str, number: int, story: Story) -> Execution:
    if not story.told:
        return Execution("done")
    return this._replace(at="mark" if story.protocol.marked_first else "emit", ended=ended)


def _emitted(state: State, this: Execution, number: int, story: Story) -> tuple[Execution, State]:
    catalog, announced = state.catalog, set(state.announced)
    if this.version >= 0 and (catalog is None or this.revision > catalog[0]):
        taken_out = this.version == _taken_out(this.known.decided)
        catalog = (this.revision, NOTHING if taken_out else this.version)
    if story.told:
        announced |= {("cataloged", this.version)} if this.version >= 0 else set()
        announced |= {("withdrawn", number)} if this.ended == "withdrawn" else set()
    after = this._replace(at="mark") if story.told and not story.protocol.marked_first else Execution("done")
    return after, state._replace(catalog=catalog, announced=frozenset(announced))


def _reconciled(state: State, story: Story) -> Iterator[State]:
    """At rest: the newest upload with anything in it is taken in again where catalog, mark or what is filed do not say
    that it ended, and so is an empty one over it that nobody refused."""
    if not any(execution.at == "lost" for execution in state.executions):
        return
    executions = [one._replace(at="done") if one.at == "lost" else one for one in state.executions]
    full, last = _newest(state, story), state.uploads - 1
    shown = state.catalog is not None and state.catalog[1] == full
    if full >= 0 and (state.deleted or full != last):
        amiss = not state.marks[full] or (state.marks[full] == "cataloged" and not shown)
        if amiss and not story.protocol.unreconciled:
            executions[full] = Execution()
    elif full >= 0 and not (shown and state.marks[full] == "cataloged"):
        executions[full] = Execution()
    # What is filed is held against the catalog, too: a lost one may have been writing.
    filed = [(d, a) for d, a in state.store if any_of(a)]
    if state.catalog and (len(filed) > 1 or any(a != (state.catalog[1],) * ARTIFACTS for _, a in filed)):
        executions[full] = Execution()
    if not state.deleted and full != last and not state.marks[last]:
        executions[last] = _begun(story, last)
    yield state._replace(executions=tuple(executions))


def _with(state: State, number: int, execution: Execution) -> State:
    executions = (*state.executions[:number], execution, *state.executions[number + 1 :])
    return state._replace(executions=executions)


def _newest(state: State, story: Story) -> int:
    """The newest upload with anything in it that is no threat; -1 without one."""
    full = (v for v in range(state.uploads) if story.destinations[v] != EMPTY and v != state.refused)
    return max(full, default=-1)


def _is_emptied(state: State, story: Story) -> bool:
    return story.destinations[state.uploads - 1] == EMPTY


def _at(state: State, destination: str) -> Artifacts:
    return dict(state.store).get(destination, (None,) * ARTIFACTS)


def _put(state: State, destination: str, index: int, version: int | None) -> State:
    shown = list(_at(state, destination))
    shown[index] = version
    store = dict(state.store) | {destination: tuple(shown)}
    return state._replace(store=tuple(sorted((d, a) for d, a in store.items() if any_of(a))))


def any_of(artifacts: Artifacts) -> bool:
    return any(shown is not None for shown in artifacts)


def _well(state: State, story: Story) -> bool:
    if state.refused < 0:
        return _shows(state, story, state.ledger.version if state.deleted else _newest(state, story))
    if any(_shows(state, story, one) for one in (_newest(state, story), state.refused, state.ledger.version)):
        return True
    return any(execution.ended == "failed" for execution in state.executions)


def _shows(state: State, story: Story, newest: int) -> bool:
    if newest < 0:
        return not state.store and state.catalog is None and _all_told(state, story)
    if newest == _taken_out(state.ledger.decided):
        return not state.store and state.catalog is not None and state.catalog[1] == NOTHING
    wanted = ((_place(state.ledger.decided, newest, story), (newest,) * ARTIFACTS),)
    announced = state.catalog is not None and state.catalog[1] == newest
    return state.store == wanted and announced and _all_told(state, story)


def _all_told(state: State, story: Story) -> bool:
    """Every upload is marked as it was announced, if it was not overtaken by another one that was filed."""
    if not story.told:
        return True
    both = {v for said, v in state.announced if said == "cataloged"} & {
        v for said, v in state.announced if said == "withdrawn"
    }
    full = _newest(state, story)
    true = all(
        mark in ("", "failed", "superseded") or (mark, version) in state.announced
        for version, mark in enumerate(state.marks)
    )
    ended = full < 0 or state.marks[full] in (("cataloged", "withdrawn") if state.deleted else ("cataloged",))
    return true and ended and not both
