"""The protocol alone, as small as it gets, and every order of its steps: an exhaustive search, where the simulation
samples the real code.

A few uploads to one key, each to a destination that its metadata names, perhaps a deletion at the end; one execution
an upload; crashes, before or after a call took effect, after which the execution starts again with nothing remembered.
Every read and every write is a step of its own. At rest the destination shows the newest version, complete, and
nothing is anywhere else; the catalog says so. After a deletion that is the newest version that was ever begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ARTIFACTS = 2
Artifacts = tuple[int | None, ...]  # the version that each artifact of a destination shows


class Known(NamedTuple):
    """The ledger: every destination, the revision, and the version that took it."""

    destinations: frozenset[str] = frozenset()
    revision: int = 0
    version: int = -1


class Execution(NamedTuple):
    at: str = "ledger"
    known: Known = Known()
    version: int = -1
    revision: int = 0
    artifact: int = 0


class State(NamedTuple):
    uploads: int
    deleted: bool
    executions: tuple[Execution, ...]
    store: tuple[tuple[str, Artifacts], ...]
    ledger: Known
    crashes: int
    catalog: tuple[int, int] | None  # revision, version


class Protocol(NamedTuple):
    """The rules that deletions made necessary, each of which can be left out."""

    blind: bool = False  # a revision is taken also where another one was taken since the ledger was read
    key_first: bool = False  # the key is read before the ledger
    unrecorded: bool = False  # after a deletion nobody looks for the version that the last round recorded


AS_IT_IS = Protocol()


def search(
    destinations: str, *, deletion: bool, crashes: int, protocol: Protocol = AS_IT_IS
) -> tuple[bool, int]:
    """Whether every order ends well, and how many states were seen until that was known."""
    start = State(0, False, (Execution(),) * len(destinations), (), Known(), crashes, None)
    seen, stack = {start}, [start]
    while stack:
        state = stack.pop()
        following = list(_following(state, destinations, deletion, protocol))
        if not following and not _well(state, destinations):
            return False, len(seen)
        for after in following:
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return True, len(seen)


def _following(state: State, destinations: str, deletion: bool, protocol: Protocol) -> Iterator[State]:
    if state.uploads < len(destinations):
        yield state._replace(uploads=state.uploads + 1)
    elif deletion and not state.deleted:
        yield state._replace(deleted=True)
    for number, execution in enumerate(state.executions[: state.uploads]):
        if execution.at == "done":
            continue
        for after, changed in _step(state, execution, destinations, protocol):
            yield _with(changed, number, after)
            if changed is not state and state.crashes:  # the call took effect, the function died
                yield _with(changed._replace(crashes=state.crashes - 1), number, Execution())
        if state.crashes and execution != Execution():
            yield _with(state._replace(crashes=state.crashes - 1), number, Execution())


def _step(
    state: State, this: Execution, destinations: str, protocol: Protocol
) -> Iterator[tuple[Execution, State]]:
    place = destinations[this.version] if this.version >= 0 else ""
    match this.at:
        case "ledger":
            yield this._replace(at="key" if this.version < 0 else "peek", known=state.ledger), state
            if protocol.key_first and this.version < 0:
                yield _read_key(state, this, protocol, "ledger"), state
        case "key":
            if not protocol.key_first:
                yield _read_key(state, this, protocol, "peek"), state
        case "stop":
            stopped = state._replace(ledger=state.ledger._replace(revision=state.ledger.revision + 1))
            yield (Execution("done"), stopped) if state.ledger == this.known else (Execution(), state)
        case "peek":
            done = _at(state, place) == (this.version,) * ARTIFACTS and this.known.destinations == {place}
            yield this._replace(at="emit" if done else "ahead", revision=this.known.revision), state
        case "ahead":
            if state.ledger.revision != this.known.revision and not protocol.blind:
                yield Execution(), state
                return
            ledger = Known(state.ledger.destinations | {place}, state.ledger.revision + 1, this.version)
            yield (
                this._replace(at="write", known=ledger, revision=ledger.revision),
                state._replace(ledger=ledger),
            )
        case "write":
            last = this.artifact + 1 == ARTIFACTS
            after = this._replace(at="retire" if last else "write", artifact=0 if last else this.artifact + 1)
            yield after, _put(state, place, this.artifact, this.version)
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
            if state.deleted:
                yield this._replace(at="check ledger"), state
            else:
                yield (this._replace(at="emit") if this.version == state.uploads - 1 else Execution()), state
        case "check ledger":
            ours = state.ledger.version == this.version
            yield (this._replace(at="emit") if ours else Execution()), state
        case "emit":
            newer = state.catalog is None or this.revision > state.catalog[0]
            catalog = (this.revision, this.version) if newer else state.catalog
            yield Execution("done"), state._replace(catalog=catalog)


def _read_key(state: State, this: Execution, protocol: Protocol, then: str) -> Execution:
    """The current version; after a deletion the recorded one, or nothing."""
    known = this.known if not protocol.key_first else state.ledger
    version = state.uploads - 1 if not state.deleted else -1 if protocol.unrecorded else known.version
    return this._replace(at=then if version >= 0 else "stop", version=version, known=known)


def _with(state: State, number: int, execution: Execution) -> State:
    executions = (*state.executions[:number], execution, *state.executions[number + 1 :])
    return state._replace(executions=executions)


def _at(state: State, destination: str) -> Artifacts:
    return dict(state.store).get(destination, (None,) * ARTIFACTS)


def _put(state: State, destination: str, index: int, version: int | None) -> State:
    shown = list(_at(state, destination))
    shown[index] = version
    store = dict(state.store) | {destination: tuple(shown)}
    return state._replace(store=tuple(sorted((d, a) for d, a in store.items() if any_of(a))))


def any_of(artifacts: Artifacts) -> bool:
    return any(shown is not None for shown in artifacts)


def _well(state: State, destinations: str) -> bool:
    newest = state.ledger.version if state.deleted else state.uploads - 1
    if newest < 0:
        return not state.store and state.catalog is None
    wanted = ((destinations[newest], (newest,) * ARTIFACTS),)
    announced = state.catalog is not None and state.catalog[1] == newest
    return state.store == wanted and announced and newest >= (state.catalog or (0, 0))[1]
