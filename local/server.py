"""The embedded AWS's own process: ministack with Carefile's mends, run by .venv-local's Python.

    .venv-local/bin/python -m local.server HOME

It is configured by its environment (see `local/processes.py`). SIGTERM saves the state and ends it;
SIGUSR1 saves the state and goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core.persistence import save_all


def main() -> None:
    if "CAREFILE_UNMENDED" not in os.environ:
        from local import mends

        mends.apply()
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 3
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: threading.Thread(target=_save).start())
    await serve(ministack.app, config, shutdown_trigger=stop.wait)


def _save() -> None:
    save_all(ministack._build_persistence_save_dict())


if __name__ == "__main__":
    main()
