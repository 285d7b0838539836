"""The objects of a session in one item, in an order that does not depend on when each was heard of."""

from __future__ import annotations

from carefile.core.records.session_objects import Facts, Seen, oldest_first, packed, unpacked


def facts(modified: int) -> Facts:
    return Facts(5, modified, 0)


SEEN = {
    "c" * 32: Seen(1, facts(300)),
    "b" * 32: Seen(2, facts(200)),
    "a" * 32: Seen(3, facts(200)),
    "f" * 32: Seen(9, None),
    "e" * 32: Seen(2, facts(200)),
}


def test_who_left_comes_first_and_then_the_oldest_by_revision_and_digest() -> None:
    assert [key[0] for key, _ in oldest_first(SEEN)] == ["f", "b", "e", "a", "c"]


def test_the_same_objects_are_packed_as_the_same_bytes() -> None:
    assert packed(SEEN) == packed(dict(reversed(SEEN.items())))
    assert unpacked(packed(SEEN)) == SEEN
