"""The embedded AWS's own process: ministack with Carefile's mends, run by .venv-local's Python.

    .venv-local/bin/python -m local.embedded.server HOME

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

from local.embedded import express, map_runs, mends, redrive, redrive_reports
from local.guard import Guard


def main() -> None:
    if "CAREFILE_UNMENDED" not in os.environ:
        for mend in (mends, map_runs, redrive, redrive_reports, express):
            mend.apply()
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
    announcing = loop.create_task(_announce_interrupted())
    await serve(Guard(ministack.app, has_pages=False), config, shutdown_trigger=stop.wait)
    announcing.cancel()


async def _announce_interrupted() -> None:
    """Executions that a stop interrupted have failed: the rules that listen for failures hear it now."""
    await ministack._wait_for_port(int(os.environ["GATEWAY_PORT"]))
    await asyncio.to_thread(redrive.announce_interrupted)


def _save() -> None:
    save_all(ministack._build_persistence_save_dict())


if __name__ == "__main__":
    main()
