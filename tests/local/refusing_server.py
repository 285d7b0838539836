"""The embedded AWS, whose machines may put no events on a bus while its home has a file `refuse-events`.

It is what a state machine's role without events:PutEvents is on AWS; the embedded one does not look at the role where a
machine puts an event itself. Run in the place of local/embedded/server.py, which it starts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ministack.services import stepfunctions

from local.embedded import server

PUT_EVENTS = "arn:aws:states:::events:putEvents"


def main() -> None:
    refuse = Path(sys.argv[1], "refuse-events")
    put = stepfunctions._SERVICE_DISPATCH[PUT_EVENTS]

    def put_unless_refused(resource: str, data: dict[str, Any]) -> Any:
        if refuse.exists():
            raise stepfunctions._ExecutionError("EventBridge.AccessDeniedException", "not authorized")
        return put(resource, data)

    stepfunctions._SERVICE_DISPATCH[PUT_EVENTS] = put_unless_refused
    server.main()


if __name__ == "__main__":
    main()
