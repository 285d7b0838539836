"""microburst, the fault proxy, as these tests run it: `python -m tests.faults.proxy --upstream … --port …`.

microburst 0.10.0 takes the Content-Length out of the answers it passes on, and a HEAD without one is no answer of
S3's; here it stays. `test_canary_…` in test_services.py fails when that is no longer needed.
"""

from __future__ import annotations

import os
import sys

from microburst import forward
from microburst.cli import main

if __name__ == "__main__":
    if "CAREFILE_UNMENDED" not in os.environ:
        forward.HOP_BY_HOP = forward.HOP_BY_HOP - {"content-length"}
    sys.exit(main())
