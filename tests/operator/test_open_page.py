"""The page that `carefile open` gives: to the one who asks for its address, once, on the loopback."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from carefile.cli.commands.browser.open_page import serve_once


@pytest.fixture
def served() -> Iterator[tuple[str, list[bool]]]:
    """The address of a page, and how giving it ended."""
    addresses: list[str] = []
    given: list[bool] = []
    announced = threading.Event()

    def announce(address: str) -> None:
        addresses.append(address)
        announced.set()

    thread = threading.Thread(target=lambda: given.append(serve_once("<p>Señora</p>", announce, seconds=20)))
    thread.start()
    assert announced.wait(10)
    yield addresses[0], given
    thread.join(25)
    assert not thread.is_alive()


def test_the_page_is_given_once_to_whoever_knows_its_address(served: tuple[str, list[bool]]) -> None:
    address, given = served
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address[:-1], timeout=5)
    assert refused.value.code == 404
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert answer.read().decode() == "<p>Señora</p>"
        assert answer.headers["Cache-Control"] == "no-store"
    for _ in range(50):
        if given:
            break
        threading.Event().wait(0.1)
    assert given == [True]
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


def test_nobody_is_waited_for_without_end() -> None:
    assert serve_once("x", lambda _: None, seconds=0.1) is False
