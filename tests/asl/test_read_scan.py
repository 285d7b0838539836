"""The machine that reads scans: page by page in batches, and then one filing of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asl.test_whole_machines import INPUTS, KEY, Answers, ended
from tests.asl.whole import Call, called, execute

EVENT = INPUTS["read_scan"]


class Pages(Answers):
    """A document of some pages, read so many a call."""

    def __init__(self, pages: int, batch: int, **changed: Any) -> None:
        super().__init__(**changed)
        self.count, self.batch = pages, batch

    def __call__(self, call: Call) -> Any:
        if call.state == "ReadPages":
            super().__call__(call)
            first = call.arguments["Payload"]["first"]
            last = min(first + self.batch - 1, self.count)
            pages = [{"page": page, "digest": f"{page:064}"} for page in range(first, last + 1)]
            return {"Payload": {"pages": pages, "next": last + 1 if last < self.count else 0}}
        return super().__call__(call)


@pytest.mark.parametrize(("pages", "batch"), [(0, 20), (1, 20), (20, 20), (21, 20), (200, 20), (3, 1)])
def test_every_page_is_read_once_and_all_are_filed_at_once(pages: int, batch: int) -> None:
    done = execute("read_scan", EVENT, Pages(pages, batch))

    assert ended(done) == "SUCCEEDED"
    (filing,) = called(done, "FileReading")
    assert [page["page"] for page in filing["Payload"]["pages"]] == list(range(1, pages + 1))
    assert len(called(done, "ReadPages")) == max(-(-pages // batch), 1)
    assert len(called(done, "EmitCatalogEvent")) == 1


def test_the_version_of_the_event_is_read() -> None:
    done = execute("read_scan", EVENT, Pages(1, 1))

    upload = {"bucket": "landing", "key": KEY, "version_id": "v1", "version": "v1"}
    assert called(done, "ReadPages")[0]["Payload"]["upload"] == upload
    assert called(done, "FileReading")[0]["Payload"]["upload"] == upload


def test_without_versioning_a_version_is_its_etag_and_moment() -> None:
    source = {"bucket": "landing", "key": KEY, "etag": "0cc1", "last_modified": "2026-11-20T10:00:00Z"}
    done = execute("read_scan", {"detail": {"source": source}}, Pages(1, 1))

    version = "0cc1@2026-11-20T10:00:00Z"
    assert called(done, "ReadPages")[0]["Payload"]["upload"] == {
        "bucket": "landing",
        "key": KEY,
        "version": version,
    }


def test_a_version_that_is_typed_in_the_console_is_read() -> None:
    done = execute("read_scan", EVENT["detail"]["source"], Pages(1, 1))

    assert called(done, "ReadPages")[0]["Payload"]["upload"]["version_id"] == "v1"
