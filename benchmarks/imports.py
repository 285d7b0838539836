"""Measures import times of the functions against the floor: boto3 with one client."""

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
# Top-level modules that define a handler.
FUNCTIONS = sorted(
    path.stem for path in (PROJECT_ROOT / "lambdas").glob("*.py") if "\ndef handler(" in path.read_text()
)
MOST = 1.2  # times the floor: the target


@dataclass(frozen=True)
class Imported:
    name: str
    ms: float
    ratio: float


def times(rounds: int, progress: Progress) -> list[Imported]:
    """Import in fresh processes, interleaved so that other load affects all alike; return medians."""
    programs = {"floor": FLOOR} | {name: f"import lambdas.{name}" for name in FUNCTIONS}
    programs["normalise_document, and reads its first text"] = (
        "import lambdas.normalise_document; from lambdas.readers import Content, read; "
        "from carefile.page import render; "
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
    """Processor time of the import, which other load disturbs less than elapsed time."""
    measured = f"import time; t = time.process_time(); {program}; print((time.process_time() - t) * 1000)"
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "measured",  # the functions start as they do on Lambda
        **FUNCTION_ENVIRONMENT,
    }
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
    """Zipped and unpacked size of the package for this machine, as `make up` deploys it."""
    from local.deployment import zipped  # the same archive that goes to the embedded AWS

    package = build_package(stage_config(load_context() | {"stage": "local"})).directory
    unpacked = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    return {"zipped": len(zipped(package)), "unpacked": unpacked}
