"""Records what one intake asks of each bucket, table and bus, by running the real handlers in an in-process AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from lambdas.adapters import aws
from tests.unit.conftest import connection_to
from tests.unit.world import World, created_event

_BODY = b'{"text": "' + b"x" * 2000 + b'"}'
_STORES = {"Bucket": ("landing", "processed"), "TableName": ("ledger", "catalog", "patients")}
_WRITES = ("Put", "Copy", "Create", "Delete", "Update")


class _Recorder:
    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def __call__(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        requests = params.get("RequestItems")
        tables = {name: len(asked["Keys"]) for name, asked in requests.items()} if requests else {}
        where = params.get("Bucket") or params.get("TableName")
        for store, times in (tables or {where: 1}).items():
            name = next((one for names in _STORES.values() for one in names if one in str(store)), str(store))
            kind = "writes" if model.name.startswith(_WRITES) else "reads"
            self.found[f"{name}.{kind}"] += times
        if model.name == "CopyObject":  # S3 reads the source too
            self.found["landing.reads"] += 1


def recorded(kind: str, known: bool) -> dict[str, float]:
    """What one object asks for: of a session a further message, without the claim of its folder and its entry."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYOUT_SHARED", "false")
        world = World(patch)
        connection_to(world)
        keys = list(_keys(kind, known))
        for number, key in enumerate(keys[:-1]):
            world.file(key, _BODY, name=f"e{number}")
        recorder = _Recorder()
        for client in (aws.s3(), aws.dynamodb()):
            client.meta.events.register("before-parameter-build", recorder, unique_id="capacity")
        try:
            version = world.upload(keys[-1], _BODY)
            recorder.found.clear()  # the upload is the uploader's; it is counted apart
            world.run(created_event(keys[-1], version), "last")
        finally:
            for client in (aws.s3(), aws.dynamodb()):
                client.meta.events.unregister("before-parameter-build", unique_id="capacity")
    return dict(sorted(recorder.found.items()))


def _keys(kind: str, known: bool) -> Iterator[str]:
    for number in range(2):
        if kind == "session":
            whose = "sessions/Ana_7/session_1" if known else "sessions/session_1"
            yield f"{whose}/agents/agent_a/messages/message_{number}.json"
        else:
            yield f"documents/Ana_7/lab_{number}.json" if known else f"lab_{number}.json"
