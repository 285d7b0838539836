"""What a run did to millions of items is told in bounded memory."""

from __future__ import annotations

import tracemalloc

from carefile.cli.aws.digests import Digests


def test_a_text_is_held_once_and_let_go_once() -> None:
    held = Digests()
    assert held.add('{"key": "a"}')
    assert not held.add('{"key": "a"}')
    assert held.add('{"key": "\ud800"}')  # as JSON may hold it
    assert held.take('{"key": "a"}')
    assert not held.take('{"key": "a"}')
    assert held.add('{"key": "a"}')


def test_a_hundred_thousand_texts_take_no_memory_to_speak_of() -> None:
    tracemalloc.start()
    held = Digests()
    for number in range(100_000):
        held.add(f'{{"bucket": "landing", "key": "documents/P_{number}/a-long-name-of-a-file.pdf"}}')
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
