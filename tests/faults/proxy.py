"""microburst, the fault proxy, as these tests run it: `python -m tests.faults.proxy --upstream … --port …`.

microburst 0.10.0 takes the Content-Length out of the answers it passes on, and a HEAD without one is no answer of
S3's; here it stays. It also puts its own upstream for the Host that the caller signed, and AWS refuses every such
request; here that stays too. The canaries in test_services.py fail when one of these is no longer needed.
"""

from __future__ import annotations

import os
import sys

from aiohttp import web
from microburst import forward
from microburst.cli import main


def keep_the_host_that_was_signed() -> None:
    outbound = forward.Upstream._outbound_headers

    def as_signed(self: forward.Upstream, request: web.Request) -> dict[str, str]:
        return {**outbound(self, request), "host": request.headers["Host"]}

    forward.Upstream._outbound_headers = as_signed


if __name__ == "__main__":
    if "CAREFILE_UNMENDED" not in os.environ:
        forward.HOP_BY_HOP = forward.HOP_BY_HOP - {"content-length"}
        keep_the_host_that_was_signed()
    sys.exit(main())
