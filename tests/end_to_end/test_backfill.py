"""A backfill of many, as `make backfill N=5000` runs it, in small."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from rich.progress import Progress

from benchmarks.backfill import measure
from tests.end_to_end.conftest import Pipeline

SIZES = [
    10,
    pytest.param(30, marks=pytest.mark.submission),
    pytest.param(100, marks=pytest.mark.prove),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("objects", SIZES)
def test_objects_that_are_there_are_filed_once_and_a_second_run_copies_nothing(
    pipeline: Pipeline, objects: int, say: Callable[[str], None]
) -> None:
    with Progress(disable=True) as progress:
        result = measure(pipeline.aws, (objects // 5, objects), progress, warm=0)
    # How it grows is measured where nothing else runs, and on functions that have started.
    assert [fault for fault in result.faults() if not fault.startswith("NOT LINEAR")] == []
    assert result.again.dispositions == {"duplicate": objects}
    assert result.again.copies == 0
    filed = result.runs[-1]
    assert filed.copies > objects  # and the documents' other artifacts
    assert filed.exit_code == result.again.exit_code == 0
    say(
        f"{filed.rate:.1f} objects a second, the command in {filed.command_mb} MB; {json.dumps(filed.dispositions)}"
    )
