"""What a rate of uploads meets in an account: each quota and key, with the account's own value where it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.capacity.load import PUBLISHED, Meeting, Mix, Quota, meetings, published
from carefile.cli.checks.check import State

_NEAR = 0.8


def met_by(connection: Connection, mix: Mix) -> Iterator[dict[str, Any]]:
    """Yield what the mix meets in the account, what is hit first first."""
    mix = replace(mix, express=_is_express(connection), followers=_followers(connection))
    for meeting in meetings(mix, quotas_of(connection)):
        yield _record(meeting)


def quotas_of(connection: Connection) -> dict[str, Quota]:
    """Return the quotas, as the account has them where Service Quotas says so."""
    known = published()
    values = {
        service: _values(connection, service)
        for service in {one.service for one in known.values() if one.service}
    }
    for id, quota in known.items():
        named = [value for name, value in values.get(quota.service or "", {}).items() if quota.is_named(name)]
        if quota.words and named:
            known[id] = quota.of_account(min(named))
    return known


def _values(connection: Connection, service: str) -> dict[str, float]:
    try:
        pages = (
            connection.client("service-quotas")
            .get_paginator("list_service_quotas")
            .paginate(ServiceCode=service)
        )
        return {item["QuotaName"]: item["Value"] for page in pages for item in page["Quotas"]}
    except (
        ClientError,
        BotoCoreError,
    ):  # the embedded AWS has none, and a person may not be allowed to read them
        return {}


def _is_express(connection: Connection) -> bool:
    return any("ExpressLane" in name for name, _ in connection.resources("AWS::StepFunctions::StateMachine"))


def _followers(connection: Connection) -> int:
    ids = [id for name, id in connection.resources("AWS::Lambda::EventSourceMapping") if "Sessions" in name]
    if not ids:
        return 1
    found = connection.client("lambda").get_event_source_mapping(UUID=ids[0])
    return int(found.get("ParallelizationFactor", 1))


def _record(meeting: Meeting) -> dict[str, Any]:
    quota = meeting.quota
    exceeded, near = meeting.is_exceeded, meeting.share > _NEAR
    return {
        "quota": quota.name,
        "asked": round(meeting.asked, 1),
        "allowed": round(quota.rate, 1),
        "unit": quota.unit,
        "share": round(meeting.share, 3),
        "value_of": "account"
        if quota.is_accounts and quota.most is None
        else f"published {PUBLISHED['as_of']}",
        "splits": quota.splits,
        "state": (State.FAILED if exceeded else State.WARNING if near else State.OK).value,
        "to_do": quota.to_do if near else None,
        "source": quota.source,
    }
