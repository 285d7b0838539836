"""The protocol of the mark `pipeline-status` alone, and every order of its calls, as lambdas/intake/marks.py has them:
of an intake that files the upload (`filed`) or finds it overtaken (`overtaken`), of an intake's admission, which takes
off what the upload brought along (`admitted`), and of whoever records a failure (`fail`). Tags are read and replaced as
a whole, without conditions; the note in the ledger is beside them. Each actor may be broken off once, and begins anew.

At rest the mark shows a good end exactly where an intake ended well, and no better one than the best of them.

Where an embedded AWS is killed, its ledger may be what it was before (`taken_back`): then all begin anew, and what was
under way goes on beside them, for a function that runs is not killed along, or is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

_RANKS = ("", "failed", "superseded", "cataloged")
_ENDS = {"filed": "cataloged", "overtaken": "superseded"}
DONE = -1


class Actor(NamedTuple):
    kind: str
    at: int = 0
    known: str = ""  # the note, as it was read or written last
    seen: str = ""  # the tag, as it was read
    broken_off: bool = False


class Marks(NamedTuple):
    tag: str
    note: str
    actors: tuple[Actor, ...]
    to_crash: bool = False


class Rules(NamedTuple):
    """Each can be left out."""

    shown_first: bool = False  # the tag is written before the note
    blind: bool = False  # nobody looks at the note after a write
    put_back: bool = False  # a failure's mark leaves the good end that the tags claim, and writes it back
    trusting: bool = False  # a better end than one's own is believed as it stands


WHOLE = Rules()


def search(
    inherited: str, kinds: tuple[str, ...], rules: Rules = WHOLE, *, taken_back: bool = False
) -> tuple[bool, int]:
    """Whether every order ends well, and how many states were seen until that was known."""
    start = Marks(inherited, "", tuple(Actor(kind, broken_off=taken_back) for kind in kinds), taken_back)
    seen, stack = {start}, [start]
    ends = {_ENDS[kind] for kind in kinds if kind in _ENDS}
    while stack:
        state = stack.pop()
        following = [
            changed._replace(actors=(*state.actors[:number], after, *state.actors[number + 1 :]))
            for number, actor in enumerate(state.actors)
            if actor.at != DONE
            for after, changed in _next(state, actor, rules)
        ]
        if state.to_crash:
            following += _crashed(state, kinds)
        if not following and state.tag not in (ends or {"", "failed"}):
            return False, len(seen)
        stack += set(following) - seen
        seen |= set(following)
    return True, len(seen)


def _crashed(state: Marks, kinds: tuple[str, ...]) -> Iterator[Marks]:
    anew = tuple(Actor(kind, broken_off=True) for kind in kinds)
    for going_on in product(*([(), (actor,)] for actor in state.actors if actor.at not in (0, DONE))):
        for note in {"", state.note}:
            yield Marks(state.tag, note, (*anew, *(actor for left in going_on for actor in left)))


Step = tuple[Actor, Marks]


def _next(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    yield from (_ended if this.kind in _ENDS else _unless_noted)(state, this, rules)
    if this.at and not this.broken_off:
        yield Actor(this.kind, broken_off=True), state


def _ended(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    order = (1, 2, 3, 0) if rules.shown_first else (0, 1, 2, 3)
    match order[this.at]:
        case 0:
            note = max(state.note, _ENDS[this.kind], key=_RANKS.index)
            after = DONE if rules.shown_first else this.at + 1
            yield this._replace(at=after, known=note), state._replace(note=note)
        case 1:
            known = this.known or _ENDS[this.kind]
            higher = _RANKS.index(state.tag) > _RANKS.index(known) and not rules.trusting
            yield this._replace(at=this.at + (1 if higher else 2), known=known, seen=state.tag), state
        case 2:
            yield this._replace(at=this.at + 1, known=state.note or this.known), state
        case 3:
            keeps = rules.trusting and _RANKS.index(this.seen) > _RANKS.index(this.known)
            after = this.at + 1 if rules.shown_first else DONE
            yield this._replace(at=after), state._replace(tag=this.seen if keeps else this.known)


def _unless_noted(state: Marks, this: Actor, rules: Rules) -> Iterator[Step]:
    """Look at the note; where there is none, read the tag, look again if that claims a good end, write the tag, and
    look once more; show what is noted."""
    claims = _RANKS.index(this.seen) > _RANKS.index("failed")
    match this.at:
        case 0:
            yield this._replace(at=4 if state.note else 1, known=state.note), state
        case 1:
            higher = _RANKS.index(state.tag) > _RANKS.index("failed")
            yield this._replace(at=6 if higher else 2, seen=state.tag), state
        case 6:
            yield this._replace(at=DONE if state.note else 2), state
        case 2:
            wanted = "failed" if this.kind == "fail" else "" if claims else this.seen
            tag = this.seen if this.kind == "fail" and claims and rules.put_back else wanted
            changes = tag != this.seen or rules.put_back
            yield this._replace(at=3 if changes else DONE), state._replace(tag=tag) if changes else state
        case 3:
            yield this._replace(at=4 if state.note and not rules.blind else DONE, known=state.note), state
        case 4:
            yield this._replace(at=5, seen=state.tag), state
        case 5:
            changed = state if this.seen == this.known else state._replace(tag=this.known)
            yield this._replace(at=DONE), changed
