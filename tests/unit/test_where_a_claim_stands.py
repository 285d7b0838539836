"""Where the claim of a folder may stand: every order of the steps of all who claim one, exhaustively.

Two intakes of two sources want one folder, an adoption finds what others wrote there, one of them may die at any step,
and the ledger's table may be restored from a backup to before. What is looked for is a folder in which two write.
Evidence for decision 21: the manifest in S3 holds against all of it, an item in the table against intakes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import pytest


class Where(StrEnum):
    MANIFEST = "a manifest in S3"
    ITEM = "an item in the table"
    ITEM_THEN_MANIFEST = "an item, and by an adoption both"


@dataclass(frozen=True)
class Actor:
    name: str
    at: str = "claim"


@dataclass(frozen=True)
class State:
    actors: tuple[Actor, ...]
    manifest: str | None = None  # the owner by S3
    item: str | None = None  # the owner by the table
    written: frozenset[str] = frozenset()  # whose artifacts are, or may yet be, in the folder
    restores: int = 0


def after(state: State, number: int, actor: Actor, **changes: object) -> State:
    actors = tuple(actor if at == number else one for at, one in enumerate(state.actors))
    return replace(state, actors=actors, **changes)  # type: ignore[arg-type]


def steps(state: State, where: Where) -> Iterator[State]:
    if state.restores and state.item is not None:
        yield replace(state, item=None, restores=state.restores - 1)
    for number, actor in enumerate(state.actors):
        if actor.at in ("written", "left"):
            continue
        yield after(state, number, replace(actor, at="left"))  # it died, or lost interest
        in_s3 = where is Where.MANIFEST or (actor.name == "adoption" and where is Where.ITEM)
        if actor.at == "claim" and in_s3:
            mine = state.manifest in (None, actor.name)
            then = replace(actor, at="write" if mine else "left")
            yield after(state, number, then, **({"manifest": actor.name} if mine else {}))
        elif actor.at == "claim":
            mine = state.item in (None, actor.name)
            both = where is Where.ITEM_THEN_MANIFEST and actor.name == "adoption"
            then = replace(actor, at=("claim too" if both else "write") if mine else "left")
            yield after(state, number, then, **({"item": actor.name} if mine else {}))
        elif actor.at == "claim too":
            mine = state.manifest in (None, actor.name)
            then = replace(actor, at="write" if mine else "left")
            yield after(state, number, then, **({"manifest": actor.name} if mine else {}))
        elif actor.at == "write":
            # An intake's manifest comes last, and replaces what is there.
            owner = {"manifest": actor.name} if where is not Where.MANIFEST else {}
            written = state.written | {actor.name}
            yield after(state, number, replace(actor, at="written"), written=written, **owner)


def two_in_one_folder(where: Where, *names: str, restores: int = 0) -> bool:
    """Whether some order of the steps leads two to write into one folder."""
    begin = State(tuple(map(Actor, names)), restores=restores)
    known, waiting = {begin}, [begin]
    while waiting:
        for state in steps(waiting.pop(), where):
            if len(state.written) > 1:
                return True
            if state not in known:
                known.add(state)
                waiting.append(state)
    return False


INTAKES, ADOPTION = ("one", "another"), ("one", "adoption")


@pytest.mark.parametrize("names", [INTAKES, ADOPTION, (*INTAKES, "adoption")])
@pytest.mark.parametrize("restores", [0, 1])
def test_a_manifest_in_s3_keeps_all_apart_and_needs_no_table(names: tuple[str, ...], restores: int) -> None:
    assert not two_in_one_folder(Where.MANIFEST, *names, restores=restores)


def test_an_item_in_the_table_keeps_intakes_apart() -> None:
    assert not two_in_one_folder(Where.ITEM, *INTAKES)
    assert not two_in_one_folder(Where.ITEM_THEN_MANIFEST, *INTAKES, "adoption")


def test_it_does_not_where_others_claim_in_s3() -> None:
    assert two_in_one_folder(Where.ITEM, *ADOPTION)


@pytest.mark.parametrize("where", [Where.ITEM, Where.ITEM_THEN_MANIFEST])
def test_nor_after_the_table_was_restored(where: Where) -> None:
    assert two_in_one_folder(where, *INTAKES, restores=1)
