"""The process of the local console: stackport, run with the Python of .venv-local.

Stackport's own command listens on every network interface, so the application is served from here instead.
"""

from __future__ import annotations

import os

import uvicorn
from backend.main import app

from local.guard import Guard
from local.settings import HOST

if __name__ == "__main__":
    guarded = Guard(app, has_pages=True)
    uvicorn.run(guarded, host=HOST, port=int(os.environ["STACKPORT_PORT"]), log_level="warning")
