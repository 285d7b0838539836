"""A folder that all processes of a run of tests share. The first of them makes it, and removes it at its end."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

NAME = "CAREFILE_TESTS_SHARE"


def shared() -> Path:
    if NAME not in os.environ:
        os.environ[NAME] = tempfile.mkdtemp(prefix="carefile-tests-")
        atexit.register(shutil.rmtree, os.environ[NAME], ignore_errors=True)
    return Path(os.environ[NAME])
