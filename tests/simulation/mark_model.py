"""The protocol of the mark `pipeline-status` alone, and every order of its calls, as lambdas/intake/marks.py has them:
of a submission's intake that ends well (`submitted`), of the intake of an upload that is a copy, which takes off what
the copy brought along (`copy`; it ends well, or else is `dropped`), and of whoever records a failure (`fail`). Tags are
read and replaced as a whole, without conditions; the note in the ledger is beside them.

At rest the mark is `cataloged` exactly where an intake ended well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_RANKS = ("", "failed", "cataloged")
DONE = -1
_DROPPING = 10  # the steps of a copy's intake from here on


class Actor(NamedTuple):
    kind: str
    at: int = 0
    seen: str = ""  # the tag, or for `drop` at first the note, as it was read
    changed: bool = False


class Marks(NamedTuple):
    tag: str
    note: str
    actors: tuple[Actor, ...]


class Rules(NamedTuple):
    """Each can be left out."""

    unnoted: bool = False  # a submission's intake notes its status only where others wrote the mark
    blind: bool = False  # a failure is marked without a note before and a look after


WHOLE = Rules()


def search(inherited: str, kinds: tuple[str, ...], rules: Rules = WHOLE) -> tuple[bool, int]:
    """Whether every order ends well, and how many states were seen until that was known."""
    start = Marks(inherited, "", tuple(Actor(kind, _DROPPING if kind == "copy" else 0) for kind in kinds))
    seen, stack = {start}, [start]
    ended_well = bool({"submitted", "copy"} & set(kinds))
    while stack:
        state = stack.pop()
        following = [
            changed._replace(actors=(*state.actors[:number], after, *state.actors[number + 1 :]))
            for number, actor in enumerate(state.actors)
            if actor.at != DONE
            for after, changed in _STEPS[actor.kind](state, actor, rules)
        ]
        if not following and (state.tag == "cataloged") != ended_well:
            return False, len(seen)
        stack += set(following) - seen
        seen |= set(following)
    return True, len(seen)


Step = tuple[Actor, Marks]


def _ended(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    match this.at:
        case 0 | 4:
            lower = _is_lower(state.tag, "cataloged")
            after = this.at + 1 if lower else 2 if this.at == 0 else DONE
            yield this._replace(at=after, seen=state.tag), state
        case 1 | 5:
            yield this._replace(at=2 if this.at == 1 else DONE, changed=True), state._replace(tag="cataloged")
        case 2:
            quiet = state.note == "" and (this.kind == "copy" or rules.unnoted)
            noted = state.note == "cataloged" and not this.changed
            yield this._replace(at=DONE if quiet or noted else 3), state
        case 3:
            yield this._replace(at=4), state._replace(note="cataloged")


def _fail(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    match this.at:
        case 0:
            noted = state if rules.blind else state._replace(note=state.note or "contended")
            yield this._replace(at=1), noted
        case 1:
            yield this._replace(at=2 if _is_lower(state.tag, "failed") else 3), state
        case 2:
            yield this._replace(at=3), state._replace(tag="failed")
        case _:
            yield from _mended(state, this, 3, blind=rules.blind)


def _copy(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    """First it drops, then it ends."""
    if this.at < _DROPPING:
        yield from _ended(state, this, rules)
        return
    for after, changed in _drop(state, this._replace(at=this.at - _DROPPING), rules):
        yield after._replace(at=0 if after.at == DONE else after.at + _DROPPING), changed


def _drop(state: Marks, this: Actor, _: Rules) -> Iterator[Step]:
    match this.at:
        case 0:
            yield this._replace(at=1), state._replace(note=state.note or "contended")
        case 1:
            yield this._replace(at=2, seen=state.note), state
        case 2:
            keeps = state.tag in ("", this.seen)
            yield this._replace(at=4 if keeps else 3), state
        case 3:
            yield this._replace(at=4), state._replace(tag="")
        case _:
            yield from _mended(state, this, 4, blind=False)


def _mended(state: Marks, this: Actor, first: int, *, blind: bool) -> Iterator[Step]:
    """Put right what is noted: look at the note, read the tag, write it."""
    if this.at == first:
        yield this._replace(at=DONE if blind or state.note != "cataloged" else first + 1), state
    elif this.at == first + 1:
        yield this._replace(at=first + 2 if _is_lower(state.tag, "cataloged") else DONE), state
    else:
        yield this._replace(at=DONE), state._replace(tag="cataloged")


def _is_lower(tag: str, status: str) -> bool:
    return _RANKS.index(tag) < _RANKS.index(status)


_STEPS = {"submitted": _ended, "copy": _copy, "dropped": _drop, "fail": _fail}
