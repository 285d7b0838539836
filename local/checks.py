"""Checks of the requirements before anything starts; each failure names one problem and its remedy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from local import processes
from local.problem import Problem


def python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - may run on any Python
        found = ".".join(map(str, sys.version_info[:2]))
        raise Problem(
            f"Python {found} is too old: 3.11 or newer is needed",
            "install it, then: make setup PYTHON=python3.11",
        )


def node() -> None:
    """Check for Node.js, on which the CDK library runs."""
    command = shutil.which("node")
    if command is None:
        raise Problem(
            "Node.js is missing, and the CDK needs it", "install Node.js 20 or newer and have `node` on PATH"
        )
    version = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    major = re.match(r"v(\d+)", version)
    if major is None or int(major[1]) < 20:
        raise Problem(
            f"Node.js {version.strip()} is too old: 20 or newer is needed", "install a newer Node.js"
        )


def environments() -> None:
    if not processes.PYTHON.exists():
        raise Problem("the embedded AWS is not installed", "run `make setup`")
