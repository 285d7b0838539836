"""The local console's own process: stackport, run by .venv-local's Python.

Its own command listens on every network interface, so the application is served from here instead.
"""

from __future__ import annotations

import os

import uvicorn

from local.settings import HOST

if __name__ == "__main__":
    uvicorn.run("backend.main:app", host=HOST, port=int(os.environ["STACKPORT_PORT"]), log_level="warning")
