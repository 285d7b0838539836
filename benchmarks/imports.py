"""How long a function takes until it can take its first event, beside the floor: boto3 with one client."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

from rich.progress import Progress

from infrastructure.functions.package import build_package
from infrastructure.settings.config import PROJECT_ROOT, load_context, stage_config
from tests.conftest import FUNCTION_ENVIRONMENT

FLOOR = "import boto3; boto3.client('s3')"
# Modules of the package's top that hold a handler.
FUNCTIONS = sorted(
    path.stem for path in (PROJECT_ROOT / "lambdas").glob("*.py") if "\ndef handler(" in path.read_text()
)
MOST = 1.25  # times the floor: what was aimed at


@dataclass(frozen=True)
class Imported:
    name: str
    ms: float
    ratio: float


def times(rounds: int, progress: Progress) -> list[Imported]:
    """Fresh processes in turn, so that what else the machine does hits all alike; medians of the ratios."""
    programs = {"floor": FLOOR} | {name: f"import lambdas.{name}" for name in FUNCTIONS}
    programs["normalise_document, and reads its first text"] = (
        "import lambdas.normalise_document; from lambdas.readers import Content, read; "
        "from lambdas.readers.page import render; "
        "read(Content(b'Dear Ana', 8), name='x.txt', declared_type=None)"
    )
    taken: dict[str, list[float]] = {name: [] for name in programs}
    task = progress.add_task("imports", total=(rounds + 1) * len(programs))
    for turn in range(rounds + 1):
        for name, program in programs.items():
            milliseconds = _milliseconds(program)
            progress.advance(task)
            if turn:  # the first round compiles and fills the disk's cache
                taken[name].append(milliseconds)
    return [
        Imported(
            name,
            statistics.median(own),
            statistics.median(mine / floor for mine, floor in zip(own, taken["floor"], strict=True)),
        )
        for name, own in taken.items()
    ]


def _milliseconds(program: str) -> float:
    """Processor time of the import alone, which other work on the machine disturbs less than the clock."""
    measured = f"import time; t = time.process_time(); {program}; print((time.process_time() - t) * 1000)"
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **FUNCTION_ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-c", measured],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return float(done.stdout)


def package_sizes() -> dict[str, int]:
    """Of the package for this machine as `make up` deploys it: zipped, and as Lambda unpacks it."""
    from local.deployment import _zipped  # the same archive that goes to the embedded AWS

    package = build_package(stage_config(load_context() | {"stage": "local"})).directory
    unpacked = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    return {"zipped": len(_zipped(package)), "unpacked": unpacked}
