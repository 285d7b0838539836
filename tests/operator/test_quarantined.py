"""What malware protection closed to readers is shown all the same: a listing tells what HEAD may not."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import landing_object

AT = datetime(2026, 11, 20, tzinfo=UTC)


class Closed:
    """An S3 that shows nothing of its one object, by this error, but lists it."""

    def __init__(self, code: str) -> None:
        self._code = code

    def head_object(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code}}, "HeadObject")

    def list_object_versions(self, **_: Any) -> Any:
        return {
            "Versions": [{"Key": "documents/x.txt", "VersionId": "v7", "Size": 68, "LastModified": AT}],
            "IsTruncated": True,
        }


def connection(code: str) -> Connection:
    return cast(Connection, SimpleNamespace(landing="landing", client=lambda _: Closed(code)))


def test_an_object_that_may_not_be_read_is_found_by_its_listing() -> None:
    found = landing_object(connection("403"), "documents/x.txt")
    assert found
    assert (found.version_id, found.size, found.modified) == ("v7", 68, AT)


def test_a_key_that_only_begins_so_is_another_object() -> None:
    assert landing_object(connection("403"), "documents/x") is None


def test_any_other_refusal_is_told() -> None:
    assert landing_object(connection("404"), "documents/x.txt") is None
    with pytest.raises(ClientError):
        landing_object(connection("400"), "documents/x.txt")
