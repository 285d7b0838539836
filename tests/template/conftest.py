"""Templates for the tests, each synthesised once a session, with a stub in place of the function package."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from infrastructure.functions.package import FunctionPackage
from infrastructure.settings.config import PROJECT_ROOT, StageConfig, load_context, stage_config
from tests.template.synthesis import Synthesised

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

Synthesise = Callable[..., Synthesised]
NO_TRACES = {"aws:cdk:disable-stack-trace": True}  # of each construct, which take a fifth of a synthesis
PROTECTED = {
    "vpc": True,
    "backup": True,
    "replica_bucket_prefix": "clinic-replica",
    "replica_key_arn": "arn:aws:kms:eu-central-1:111122223333:key/replica",
    "reserved_concurrency": 20,
    "organization_id": "o-a1b2c3d4e5",
    "intake_publishers": ["arn:aws:iam::111122223333:role/clinic"],
    "write_once_prefixes": ["uploads/portal-a/"],
    "malware_scan": True,
    "ocr": "on",
    "quarantine_readers": ["arn:aws:iam::111122223333:role/forensics"],
}


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Synthesise a stage with these settings and read its template; the same settings are synthesised once."""
    from aws_cdk import App

    from infrastructure.stack import CarefileStack
    from tests.template import audit

    stub = tmp_path_factory.mktemp("package")
    (stub / "stub.txt").write_text("stands for the function package")

    known: dict[str, Synthesised] = {}

    def synthesised(*, watched: bool = False, stage: str = "test", **settings: Any) -> Synthesised:
        named = json.dumps([watched, stage, settings], sort_keys=True)
        if named not in known:
            known[named] = made(watched, stage, settings)
        return known[named]

    def made(watched: bool, stage: str, settings: dict[str, Any]) -> Synthesised:
        context = load_context() | {"stage": stage, "stages": {stage: settings}} | NO_TRACES
        config: StageConfig = stage_config(context)
        package = FunctionPackage(
            directory=stub, fingerprint="0" * 32, python_version="3.14", architecture="arm64"
        )
        output = tmp_path_factory.mktemp("assembly")
        app = App(outdir=str(output), context=context, analytics_reporting=False)
        if watched:
            audit.watch(app)
        scans_package = package if config.reads_scans else None
        CarefileStack(app, config=config, package=package, scans_package=scans_package)
        # The canary of a watched app makes its synthesis fail after everything was written.
        with pytest.raises(RuntimeError, match="ValidationFailed") if watched else nullcontext():
            app.synth()
        (template,) = output.glob("Carefile-*.template.json")
        return Synthesised(json.loads(template.read_text()), output)

    return synthesised


@pytest.fixture(scope="session")
def stage(synthesise: Synthesise) -> Synthesised:
    """The default settings, as the rule packs see them."""
    return synthesise(watched=True)


@pytest.fixture(scope="session")
def protected(synthesise: Synthesise) -> Synthesised:
    """Everything that protects and is off by default, as the rule packs see it."""
    return synthesise(watched=True, **PROTECTED)


@pytest.fixture(scope="session")
def existing_landing(synthesise: Synthesise) -> Synthesised:
    """Uploads arrive in a bucket of somebody else's, encrypted with a key of theirs."""
    return synthesise(
        landing_bucket="clinic-uploads",
        landing_bucket_key_arn="arn:aws:kms:eu-west-1:111122223333:key/clinic",
    )


@pytest.fixture(scope="session")
def one_bucket(synthesise: Synthesise) -> Synthesised:
    """Landing and processed bucket are one and the same; the layout begins at a prefix of its own."""
    return synthesise(processed_in_landing_bucket=True, session_prefix="filed/processed/")


@pytest.fixture(scope="session")
def express_first(synthesise: Synthesise) -> Synthesised:
    """The high-volume lane, as the rule packs see it, in a bucket and with sources of somebody else's."""
    return synthesise(
        watched=True,
        lane="express-first",
        landing_bucket="clinic-uploads",
        landing_bucket_key_arn="arn:aws:kms:eu-west-1:111122223333:key/clinic",
        source_buckets={
            "clinic-archive": "arn:aws:kms:eu-west-1:111122223333:key/archive",
            "clinic-old": None,
        },
    )


@pytest.fixture(scope="session")
def locked(synthesise: Synthesise) -> Synthesised:
    """One bucket for uploads and layout, whose versions are locked, as the rule packs see it."""
    return synthesise(
        watched=True,
        processed_in_landing_bucket=True,
        session_prefix="filed/processed/",
        object_lock=True,
        locked_days=30,
    )


@pytest.fixture(scope="session")
def throwaway(synthesise: Synthesise) -> Synthesised:
    """Nothing is kept, nothing expires, somebody is told of alarms, and everything is logged."""
    return synthesise(
        removal_policy="destroy",
        filed_expiry_days=None,
        alarm_email="ops@clinic.example",
        log_level="DEBUG",
    )


@pytest.fixture(scope="session")
def watchful(synthesise: Synthesise) -> Synthesised:
    """Uploads are expected round the clock, none may wait for long, and only errors are logged."""
    return synthesise(
        unfiled_alarm_minutes=15, silence_alarm_hours=6, event_archive_days=None, log_level="ERROR"
    )


@pytest.fixture(scope="session")
def embedded(synthesise: Synthesise) -> Synthesised:
    """The embedded AWS of one machine."""
    return synthesise(function_platform="host", removal_policy="destroy")
