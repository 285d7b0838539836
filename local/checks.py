"""What must be there before anything is started; each failing check says one thing and what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from local import processes
from local.problem import Problem


def python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever Python a person has
        found = ".".join(map(str, sys.version_info[:2]))
        raise Problem(
            f"this is Python {found}, and 3.11 or newer is needed",
            "install it, then: make setup PYTHON=python3.11",
        )


def node() -> None:
    """The CDK library runs on Node."""
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
            f"this is Node.js {version.strip()}, and 20 or newer is needed", "install a newer Node.js"
        )


def environments() -> None:
    if not processes.PYTHON.exists():
        raise Problem("the embedded AWS is not installed", "run `make setup`")
