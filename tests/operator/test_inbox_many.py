"""The inbox with fifty thousand documents that wait: how soon the first page is there, and what paging costs."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection, connect
from carefile.cli.inbox.queue import ROWS, Queue, Shelf, View
from carefile.cli.inbox.records import Records
from carefile.core.model import Kind, Source
from carefile.core.records.catalog import Entry
from tests.embedded import EmbeddedAws, bring_up, running

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]
COUNT = 50_000
PAGES = 100
_BATCH = 25


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("crowded")) as aws:
        bring_up(aws)
        table = aws.outputs["CatalogTableName"]
        client = aws.client("dynamodb")

        def write(start: int) -> None:
            items = [entry(number).to_item() for number in range(start, min(start + _BATCH, COUNT))]
            client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(0, COUNT, _BATCH)))
        yield aws


def entry(number: int) -> Entry:
    key = f"inbound/fax/{number:06}.pdf"
    at = (
        f"2026-{1 + number // 5000:02}-{1 + number // 200 % 25:02}T{number % 24:02}:00:00.{number % 1000:03}Z"
    )
    return Entry(
        source_id=Source("landing", key).source_id,
        event_id="e",
        revision=1,
        patient=None,
        reason="no-evidence",
        kind=Kind.DOCUMENT,
        session_id=None,
        landing_bucket="landing",
        landing_key=key,
        landing_version="v",
        modified=at,
        size=1000,
        bucket="processed",
        prefix=f"processed/unknown_{number:06}/",
        key=f"processed/unknown_{number:06}/original.pdf",
        execution="arn:aws:states:us-east-1:123456789012:execution:p:e",
        cataloged_at=at,
    )


@pytest.fixture
def connection(crowded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("CAREFILE_HOME", str(crowded.settings.home))
    return connect()


@contextmanager
def served(aws: EmbeddedAws) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a person starts it, and the address that it prints."""
    command = [sys.executable, "-m", "carefile", "inbox", "--by", "Ana Ruiz", "--no-browser"]
    environment = {"CAREFILE_HOME": str(aws.settings.home), "COLUMNS": "200", "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://(127\.0\.0\.1:\d+)(/enter/\S+)", line):
                break
        else:
            raise AssertionError("no address was printed")
        yield process, found[0]
    finally:
        process.terminate()
        process.wait(30)


def get(address: str, path: str, cookie: str = "") -> tuple[http.client.HTTPResponse, str]:
    client = http.client.HTTPConnection(address, timeout=60)
    client.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = client.getresponse()
    return answer, answer.read().decode()


def memory(process: subprocess.Popen[str]) -> int:
    """What a process holds, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]


def test_the_first_page_is_there_within_a_second_and_a_hundred_more_take_no_more_memory(
    crowded: EmbeddedAws, say: Callable[[str], None]
) -> None:
    with served(crowded) as (process, address):
        host, _, token = address.removeprefix("http://").partition("/")
        answer, _ = get(host, f"/{token}")
        cookie = str(answer.getheader("set-cookie")).partition(";")[0]
        path = str(answer.getheader("location"))
        took: list[float] = []
        for _ in range(5):  # of which the quickest says what the page costs, whatever else the machine does
            began = time.monotonic()
            _, page = get(host, path, cookie)
            took.append(time.monotonic() - began)
        first = min(took)
        assert page.count('class="row"') == ROWS
        held: list[int] = []
        for _ in range(PAGES):
            following = re.search(r'id="next" href="([^"]+)"', page)
            assert following, "the queue ended too soon"
            _, page = get(host, following[1].replace("&amp;", "&"), cookie)
            held.append(memory(process))
        say(f"first page {first:.2f} s; memory after {PAGES} pages {held[-1] // 1024} MiB")
        assert first < 1
        assert max(held[PAGES // 2 :]) < max(held[: PAGES // 2]) * 1.05


def test_a_page_costs_one_query_whatever_waits(connection: Connection) -> None:
    calls: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    connection.client("dynamodb").meta.events.register("before-call.dynamodb", count)
    queue = Queue(connection, Records(connection))
    page = queue.page(View())
    assert len(page.rows) == ROWS
    assert calls == {"Query": 1}
    calls.clear()
    sought = queue.page(View(text="no such file"))
    assert not sought.rows
    assert sought.after is not None
    assert calls == {"Query": 3}
    assert sought.looked_at == 600


def test_all_that_wait_are_counted_in_steps(connection: Connection, say: Callable[[str], None]) -> None:
    queue = Queue(connection, Records(connection))
    began = time.monotonic()
    while queue.count_on():
        pass
    say(f"counted {COUNT:,} in {time.monotonic() - began:.0f} s")
    assert queue.counts()[Shelf.ALL.value] == COUNT
