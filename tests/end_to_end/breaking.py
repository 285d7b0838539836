"""Ways to break the deployed pipeline as an operator's mistake would, each undone at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.end_to_end.conftest import Pipeline


@contextmanager
def wrong_setting(pipeline: Pipeline, module: str, name: str, value: str = "not-there") -> Iterator[None]:
    """A function whose environment names what is not there, as after a botched change."""
    client = pipeline.aws.client("lambda")
    (function,) = [
        found
        for page in client.get_paginator("list_functions").paginate()
        for found in page["Functions"]
        if found["Handler"] == f"lambdas.{module}.handler"
        and found["Environment"]["Variables"]["LANDING_BUCKETS"] == pipeline.landing
    ]
    settings = function["Environment"]["Variables"]

    def update(variables: dict[str, str]) -> None:
        client.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": variables}
        )

    update({**settings, name: value})
    try:
        yield
    finally:
        update(settings)


@contextmanager
def refused_events(pipeline: Pipeline) -> Iterator[None]:
    """A machine that may not put events on the catalog bus."""
    mark = pipeline.aws.settings.home / "refuse-events"
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()
