"""A pipeline of its own for what breaks things, and a proxy in front of AWS that answers as AWS does on a bad day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.embedded import EmbeddedAws, free_port, running
from tests.end_to_end.conftest import Pipeline, deployed, lane, pytest_generate_tests

__all__ = ["lane", "pytest_generate_tests"]

REPOSITORY = Path(__file__).parents[2]
Rule = dict[str, Any]
ON_AN_UPLOADS_WAY = {
    f"carefile-{name}"
    for name in (
        *("classify-object", "normalise-document", "normalise-session", "tag-object"),
        *("index-catalog", "index-sessions", "record-failure"),
    )
}


class FaultProxy:
    """microburst between the deployed functions and the embedded AWS."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def inject(self, rules: list[Rule]) -> None:
        """From now on just these faults; none with an empty list."""
        self._ask("POST", "rules", rules)

    def requests(self) -> int:
        return self._ask("GET", "stats")["requests"]["total"]

    def fired(self) -> Counter[str]:
        """How often each kind of fault came, by service and what was done."""
        found: Counter[str] = Counter()
        for line in self._text("metrics").splitlines():
            if line.startswith("microburst_faults_total{"):
                labels, _, count = line.partition("{")[2].rpartition(" ")
                said = dict(part.split("=", 1) for part in labels.rstrip("}").split(","))
                found[f"{said['service']} {said['action']}".replace('"', "")] += int(float(count))
        return found

    def _ask(self, method: str, path: str, data: object = None) -> Any:
        return json.loads(self._text(path, method, data))

    def _text(self, path: str, method: str = "GET", data: object = None) -> str:
        request = urllib.request.Request(
            f"{self.endpoint}/_microburst/{path}",
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()


@contextmanager
def proxy_before(aws: EmbeddedAws, log: Path, **environment: str) -> Iterator[FaultProxy]:
    """A proxy of the embedded AWS on a free port of this machine, stopped by its own pid."""
    port = free_port()
    program = [sys.executable, "-m", "tests.faults.proxy", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, "--upstream", aws.settings.endpoint],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        proxy = FaultProxy(port)
        for _ in range(300):
            try:
                proxy.requests()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield proxy
    finally:
        process.kill()  # asked politely, it waits a minute for idle connections
        process.wait()


@pytest.fixture(scope="session")
def fragile_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("fragile")) as aws:
        yield aws


@pytest.fixture(scope="session")
def fragile(fragile_aws: EmbeddedAws, lane: str) -> Pipeline:
    """A deployed pipeline that these tests alone disturb."""
    return deployed(fragile_aws, lane)


@pytest.fixture
def proxy(fragile: Pipeline, tmp_path: Path) -> Iterator[FaultProxy]:
    """The proxy, with the calls that the functions make of AWS going through it."""
    with proxy_before(fragile.aws, tmp_path / "proxy.log") as proxy, routed(fragile, proxy):
        yield proxy


@contextmanager
def routed(pipeline: Pipeline, proxy: FaultProxy) -> Iterator[None]:
    client, catalog = pipeline.aws.client("lambda"), pipeline.aws.outputs["CatalogTableName"]
    functions = {
        item["FunctionName"]: item["Environment"]["Variables"]
        for page in client.get_paginator("list_functions").paginate()
        for item in page["Functions"]
        for named in [item.get("Environment", {}).get("Variables", {})]
        if named.get("LANDING_BUCKETS") == pipeline.landing or named.get("CATALOG_TABLE") == catalog
    }
    services = {variables["POWERTOOLS_SERVICE_NAME"] for variables in functions.values()}
    assert services >= ON_AN_UPLOADS_WAY, services
    for name, variables in functions.items():
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, "AWS_ENDPOINT_URL": proxy.endpoint}}
        )
    try:
        yield
    finally:
        for name, variables in functions.items():
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
