"""The embedded AWS without its guard, for the proof that what the guard refuses would otherwise be done.

Run in the place of local/embedded/server.py, which it starts.
"""

from __future__ import annotations

from typing import Any

from local.embedded import server


def pass_on(app: Any, **_: bool) -> Any:
    return app


if __name__ == "__main__":
    server.Guard = pass_on  # type: ignore[misc, assignment]
    server.main()
