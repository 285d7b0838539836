"""The inbox with the credentials of somebody who was given `CarefileInbox` and nothing else: it can do all it does, and
the policy allows nothing that it does not do."""

from __future__ import annotations

from functools import partial

import pytest
from boto3.session import Session

from carefile.cli.aws.connection import Connection, connect
from tests.browser.desk import environment
from tests.embedded import eventually
from tests.end_to_end.attempts import REFUSED, Roles
from tests.end_to_end.conftest import Pipeline
from tests.unit.inbox.tour import BESIDE, COPY, FAILED, FREE, LETTER, MESSAGE, SESSION_KEY, TEXT, Calls, Tour

OF_THE_STACK = {"cloudformation:ListStackResources"}
pytestmark = [pytest.mark.prove, pytest.mark.timeout(300)]


@pytest.fixture
def connection(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """The stack is found by somebody else: the embedded AWS knows no permission for a single stack."""
    for name, value in environment(pipeline.aws).items():
        monkeypatch.setenv(name, value)
    found = connect()
    key, secret = Roles(pipeline.aws).key_given(pipeline.aws.outputs["InboxPolicyArn"])
    theirs = found.acting_as(Session(key, secret, region_name=found.session.region_name))
    theirs.__dict__["_resources"] = found._resources
    return theirs


def test_all_that_the_page_does_is_allowed_and_nothing_else_is(
    pipeline: Pipeline, connection: Connection
) -> None:
    calls = Calls(connection, REFUSED)
    for key, body in ((LETTER, TEXT), (COPY, TEXT), (SESSION_KEY, MESSAGE), (FAILED, b"")):
        pipeline.upload(key, body)
    Tour(connection, partial(eventually, seconds=120, every=1)).go()
    assert calls.refused == []
    allowed = Roles(pipeline.aws).allowed_by(pipeline.aws.outputs["InboxPolicyArn"])
    assert allowed - BESIDE - calls.made == OF_THE_STACK, "more is allowed than the page does"
    assert calls.made - allowed == FREE
