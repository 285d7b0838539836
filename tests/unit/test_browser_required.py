"""Tests in a real browser are skipped where there is none, and fail where the environment requires one, as CI does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOW = "from tests.readers.browser import needs_chromium; print(needs_chromium.mark.args)"


@pytest.mark.parametrize(("required", "skipped"), [("", "(True,)"), ("required", "(False,)")])
def test_where_there_is_no_chromium(required: str, skipped: str) -> None:
    environment = {**os.environ, "PATH": "/nowhere", "CAREFILE_BROWSER": required}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == skipped


def test_ci_requires_one() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "export CAREFILE_BROWSER=required" in script
    assert script.index("chromium") < script.index("make test")
    assert '-m prove tests/browser"\n$hour || $hour || result=1' in script
