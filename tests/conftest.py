"""What all tests share: an environment in which the functions can be imported, no credentials of anybody's, the order
in which several workers take them, and a way to say what was measured."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import botocore.session
import pytest

from tests.shared import shared

FUNCTION_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "carefile-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Carefile",
    "LANDING_BUCKETS": "landing",
    "PROCESSED_BUCKET": "processed-bucket",
    "REPORTS_BUCKET": "reports",
    "SESSION_PREFIX": "processed/",
    "LEDGER_TABLE": "ledger",
    "CATALOG_TABLE": "catalog",
    "PATIENTS_TABLE": "patients",
    "DEAD_LETTERS_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/refused",
    "CATALOG_BUS": "catalog-bus",
    "PSEUDONYM_SECRET_ARN": "pseudonym-key",
    "LOG_LEVEL": "INFO",
    "STAGE": "test",
    "PIPELINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:object-pipeline",
}

os.environ.update(FUNCTION_ENVIRONMENT)
# Every world of the unit tests has a session of its own: all read what AWS's services are like from one loader.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

# Of every property test: hundreds of examples, the same ones each time; or as many as this says, never the same twice,
# with those that failed kept in .hypothesis and tried first the next time.
EXAMPLES = os.environ.get("CAREFILE_EXAMPLES")


def pytest_configure() -> None:
    shared()  # before there are workers, which share it

    from hypothesis import HealthCheck, settings
    from hypothesis.database import DirectoryBasedExampleDatabase

    settings.register_profile("fixed", max_examples=150, deadline=None, derandomize=True, database=None)
    settings.register_profile(
        "fresh",
        max_examples=int(EXAMPLES or 1),
        deadline=None,
        derandomize=False,
        database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("fresh" if EXAMPLES else "fixed")


# The longest first, so that no worker ends long after the others.
LONGEST = ("operator", "end_to_end", "simulation", "faults", "local", "template")
# They share an embedded AWS or a synthesised template, which is made once for all of a folder's tests on a lane.
SHARING = ("end_to_end", "faults", "local", "operator", "template")
# They take seconds to load, and each worker collects every test: what needs one imports it where it is needed.
HEAVY = {"aws_cdk", "strands"}
# Fixtures that bring an embedded AWS of their own: what uses one may run beside the rest of its folder.
APART = ("spoilt", "breakable_aws", "same_bucket")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A whole file is no name of a test; made anew by each worker, it is not even the same one."""
    return argname if isinstance(val, bytes | str) and len(val) > 120 else None


# First, as xdist looks at the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    assert not HEAVY & sys.modules.keys(), "a test module loads what only some tests need"

    @functools.cache
    def place(path: Path) -> tuple[str, str]:
        return path.relative_to(Path(__file__).parent).parts[0], path.as_posix()

    def folder(item: pytest.Item) -> str:
        return place(item.path)[0]

    def group(item: pytest.Item) -> str:
        shared = folder(item) if folder(item) in SHARING else place(item.path)[1]
        name = next((name for name in APART if name in getattr(item, "fixturenames", ())), shared)
        lane = getattr(item, "callspec", None) and item.callspec.params.get("lane")  # type: ignore[attr-defined]
        return f"{name}-{lane}" if lane else name

    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(folder(item), len(ranks)))
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
        groups.setdefault(group(item), []).append(item)
    items[:] = [item for name in by_turns(groups, folder) for item in groups[name]]


def by_turns(groups: dict[str, list[pytest.Item]], folder: Callable[[pytest.Item], str]) -> list[str]:
    """What waits for an embedded AWS beside what keeps a processor busy; both in their order, the small ones last."""
    waiting = [name for name, items in groups.items() if folder(items[0]) in SHARING]
    busy = [name for name in groups if name not in waiting]
    rows = [busy[at : at + 3] for at in range(0, len(busy), 3)]
    return [name for one, row in zip_longest(waiting, rows) for name in ([one] if one else []) + (row or [])]


def pytest_collection_finish() -> None:
    """What all tests share stays: looking through it for garbage again and again took a tenth of a test's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in a line what a measurement came to. It is printed after the tests, whichever worker ran this one."""
    return lambda line: record_property("said", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    said = [
        line
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, line in report.user_properties
        if name == "said"
    ]
    if said:
        terminalreporter.section("measured")
        for line in said:
            terminalreporter.line(str(line))
