"""What a landing bucket tells of all its keys at once."""

from __future__ import annotations

from lambdas.intake import wiring
from tests.unit.world import LANDING, World


def test_every_key_with_something_to_be_filed_is_listed_whatever_is_on_top_of_it(world: World) -> None:
    world.upload("x/a", b"1")
    world.upload("x/a", b"2")
    world.upload("x/emptied", b"full")
    world.upload("x/emptied", b"")
    world.upload("x/empty", b"")
    world.upload("x/gone", b"full")
    world.delete("x/gone")
    world.upload("x/refilled", b"")
    world.upload("x/refilled", b"full")
    world.upload("y/elsewhere", b"full")

    found = [{"bucket": LANDING, "key": key} for key in ("x/a", "x/emptied", "x/gone", "x/refilled")]
    assert list(wiring.landing().uploads(LANDING, "x/")) == found
    assert list(wiring.landing().uploads(LANDING, "x/", after="x/a")) == found[1:]
