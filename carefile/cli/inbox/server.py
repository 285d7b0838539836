"""The inbox on this machine: one server on 127.0.0.1, for one person, until they leave or nobody does anything."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from carefile.cli.inbox.guard import Gate, Guard
from carefile.cli.inbox.sitting import Clerk

HOST = "127.0.0.1"
_LOOK = 1.0  # seconds
_AT_ONCE = 64  # requests


class LoopbackServer:
    """Serves an application on a port of this machine that nobody else can reach."""

    def __init__(self, clerk: Clerk, *, port: int = 0, idle_seconds: float) -> None:
        # Bound here, so the address that is printed is the one that is served, and is no wildcard.
        self._socket = socket.create_server((HOST, port))
        self.gate = Gate(f"{HOST}:{self._socket.getsockname()[1]}", clerk, idle_seconds)
        self._server: uvicorn.Server | None = None

    def run(self, app: ASGIApp, *, ready: Callable[[], None], every_second: Callable[[], object]) -> None:
        """Serve until the sitting is over, the process is told to stop, or `stop` is called."""
        config = uvicorn.Config(
            Guard(app, self.gate),
            lifespan="off",
            ws="none",
            access_log=False,  # an address says nothing of a patient, and still nobody has to know who looked when
            log_config=None,
            log_level="critical",
            server_header=False,
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_LOOK):
                every_second()
                if self.gate.is_over:
                    self.stop()

        threading.Thread(target=watch, daemon=True).start()
        try:
            ready()
            with contextlib.suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._socket])
        finally:
            ended.set()
            self._socket.close()

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
