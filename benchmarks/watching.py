"""Waits for many things at once in one thread that looks for all of them."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

PATIENCE = 600


class Watching(ABC):
    """Something in which names appear, as a subclass looks for them."""

    def __init__(self) -> None:
        self._waiting: dict[str, Future[float]] = {}
        self._changed = threading.Lock()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look, again and again, as long as this is entered."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stopped,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def of(self, name: str) -> Future[float]:
        """The moment at which the name will first be seen."""
        with self._changed:
            return self._waiting.setdefault(name, Future())

    @abstractmethod
    def _look(self, wanted: list[str]) -> Iterable[str]:
        """Yield the names that are there now, wanted or not, each at once; this may take its time."""

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            with self._changed:
                wanted = list(self._waiting)
            for name in self._look(wanted):
                now = time.monotonic()
                with self._changed:
                    seen = self._waiting.pop(name, None)
                if seen:
                    seen.set_result(now)
