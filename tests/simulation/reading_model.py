"""The reading of a scan alone, and every order of its steps: an exhaustive search, as `model.py` makes of the rest.

One key with one place, at which two artifacts show the version, the decision that it is shown under, and whether it is
read: the record, and the manifest that is written last. Each upload has an intake, whose event may come again; so has a
decision, which leaves the scan where it is. Each announcement of a scan that waits starts a reading, which is an intake
that knows what it read; one that has not begun stands for all that were asked for since. A function may be `left`: it
goes on alone and says nothing, and its execution begins again.

At rest both artifacts show the newest version under the decision, read, and so does the last that was announced of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

WAITS = -1


class Artifact(NamedTuple):
    revision: int
    version: int
    decided: bool
    read: int  # the version that the text is of


class Known(NamedTuple):
    """The ledger: the revision, and what was decided."""

    revision: int = 0
    decided: bool = False


class Round(NamedTuple):
    """An intake, or the reading of a version; `alone` where nobody waits for it."""

    reads: int = WAITS
    at: str = "ledger"
    known: Known = Known()
    version: int = -1
    record: Artifact | None = None  # as it was seen
    manifest: Artifact | None = None
    revision: int = 0
    alone: bool = False


class State(NamedTuple):
    uploads: int
    ledger: Known
    record: Artifact | None
    manifest: Artifact | None
    rounds: tuple[Round, ...]
    announced: Artifact | None  # with the highest revision
    left: int


class Rules(NamedTuple):
    """The rules of `docs/convergence.md`, "Scans", each of which can be left out."""

    blindly: bool = False  # record and manifest are written whatever is there
    newest: bool = False  # what is being filed is announced under the highest revision that an artifact shows
    content: bool = False  # a reading is content with what waits
    anyones: bool = False  # what was read is taken for the text of whatever version is current
    unlike: bool = False  # a manifest that says that it is read is believed, whatever the record says


class Story(NamedTuple):
    uploads: int
    again: bool
    decided: bool
    rules: Rules


AS_IT_IS = Rules()


def search(
    uploads: int, *, again: bool = False, decided: bool = False, left: int = 0, rules: Rules = AS_IT_IS
) -> tuple[bool, int]:
    """Whether every order ends well, and how many states were seen until that was known."""
    story = Story(uploads, again, decided, rules)
    start = State(0, Known(), None, None, (), None, left)
    seen, stack, rested = {start}, [start], False
    while stack:
        state = stack.pop()
        following = list(_following(state, story))
        if not following and not _well(state):
            return False, len(seen)
        rested |= not following
        for after in following:
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return rested, len(seen)


def _following(state: State, story: Story) -> Iterator[State]:
    if state.uploads < story.uploads:
        rounds = (Round(), Round()) if story.again and not state.uploads else (Round(),)
        yield state._replace(uploads=state.uploads + 1, rounds=_with(state.rounds, *rounds))
    if story.decided and state.uploads and not state.ledger.decided:
        decided = state.ledger._replace(decided=True)
        yield state._replace(ledger=decided, rounds=_with(state.rounds, Round()))
    for this in set(state.rounds):
        others = list(state.rounds)
        others.remove(this)
        rest = state._replace(rounds=tuple(others))
        for after, changed in _step(rest, this, story):
            yield changed._replace(rounds=_with(changed.rounds, *([after] if after else [])))
        if state.left and not this.alone and this.at != "ledger":
            both = (this._replace(alone=True), Round(this.reads))
            yield rest._replace(rounds=_with(rest.rounds, *both), left=state.left - 1)


def _step(state: State, this: Round, story: Story) -> Iterator[tuple[Round | None, State]]:
    rules, again = story.rules, Round(this.reads, alone=this.alone)
    mine = this.reads == this.version or (rules.anyones and this.reads != WAITS)
    match this.at:
        case "ledger":
            yield this._replace(at="key", known=state.ledger), state
        case "key":
            yield this._replace(at="record", version=state.uploads - 1), state
        case "record":
            yield this._replace(at="manifest", record=state.record), state
        case "manifest":
            seen = this._replace(manifest=state.manifest)
            yield seen._replace(at="emit" if _is_done(seen, mine, rules) else "ahead"), state
        case "ahead":
            if state.ledger.revision != this.known.revision:
                yield again, state
            else:
                taken = state.ledger._replace(revision=state.ledger.revision + 1)
                yield this._replace(at="write record", revision=taken.revision), state._replace(ledger=taken)
        case "write record":
            if state.record != this.record and not rules.blindly:
                yield again, state
            else:
                yield this._replace(at="write manifest"), state._replace(record=_written(this, mine))
        case "write manifest":
            if state.manifest != this.manifest and not rules.blindly:
                yield again, state
            else:
                written = _written(this, mine)
                yield this._replace(at="check", manifest=written), state._replace(manifest=written)
        case "check":
            holds = this.version == state.uploads - 1 and this.known.decided == state.ledger.decided
            yield (this._replace(at="emit") if holds else again), state
        case "emit":
            yield None, state if this.alone else _emitted(state, this, rules)


def _is_done(this: Round, mine: bool, rules: Rules) -> bool:
    """Whether all is there: an intake is content with what waits."""
    wanted = (this.version, this.known.decided)
    there = [one for one in (this.record, this.manifest) if one and one[1:3] == wanted]
    if len(there) < 2:
        return False
    if mine and not rules.content:
        return all(one.read != WAITS for one in there)
    record, manifest = there
    # The manifest is written last: where it waits and the record does not, a reading is just being filed.
    return record.read == manifest.read or manifest.read == WAITS or rules.unlike


def _written(this: Round, mine: bool) -> Artifact:
    return Artifact(this.revision, this.version, this.known.decided, this.reads if mine else WAITS)


def _emitted(state: State, this: Round, rules: Rules) -> State:
    """What the manifest says, which is written last; a scan that waits is read."""
    assert this.manifest is not None
    told = this.manifest
    if rules.newest and this.record:
        told = told._replace(revision=max(told.revision, this.record.revision))
    latest = state.announced is None or told.revision > state.announced.revision
    reading = Round(told.version)
    asked = told.read == WAITS and reading not in state.rounds
    rounds = _with(state.rounds, reading) if asked else state.rounds
    return state._replace(announced=told if latest else state.announced, rounds=rounds)


def _well(state: State) -> bool:
    newest = state.uploads - 1
    shown = (newest, state.ledger.decided, newest)
    return all(
        one is not None and one[1:] == shown for one in (state.record, state.manifest, state.announced)
    )


def _with(rounds: tuple[Round, ...], *further: Round) -> tuple[Round, ...]:
    """Their order says nothing."""
    return tuple(sorted((*rounds, *further), key=repr))
