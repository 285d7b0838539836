"""Ways to break the deployed pipeline as an operator's mistake would, each undone at its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from tests.end_to_end.conftest import Pipeline


@contextmanager
def wrong_setting(pipeline: Pipeline, module: str, name: str, value: str = "not-there") -> Iterator[None]:
    """A function whose environment names what is not there, as after a botched change."""
    settings = function_of(pipeline, module)["Environment"]["Variables"]
    with _changed(pipeline, module, Environment={"Variables": {**settings, name: value}}):
        yield


@contextmanager
def not_in_its_package(pipeline: Pipeline, module: str) -> Iterator[None]:
    """A function that Lambda cannot start."""
    with _changed(pipeline, module, Handler="lambdas.nowhere.handler"):
        yield


@contextmanager
def answering(status: int, code: str, message: str) -> Iterator[str]:
    """A service that refuses every request in these words; its address. Like S3, it repeats what it was asked for."""

    class Refusal(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            words = f"<Message>{escape(message)}</Message><Key>{escape(self.path)}</Key>"
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code>{words}</Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)

        def log_message(self, *_: Any) -> None:
            """Nobody is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def function_of(pipeline: Pipeline, module: str) -> dict[str, Any]:
    """The configuration of the function that a module is."""
    known = {pipeline.landing, pipeline.machine}
    pages = pipeline.aws.client("lambda").get_paginator("list_functions").paginate()
    (function,) = [
        found
        for page in pages
        for found in page["Functions"]
        if found["Handler"] == f"lambdas.{module}.handler"
        and known & {*found["Environment"]["Variables"].values()}
    ]
    return function


@contextmanager
def _changed(pipeline: Pipeline, module: str, **configuration: Any) -> Iterator[None]:
    function, update = (
        function_of(pipeline, module),
        pipeline.aws.client("lambda").update_function_configuration,
    )
    update(FunctionName=function["FunctionName"], **configuration)
    try:
        yield
    finally:
        before = {name: function[name] for name in configuration}
        if "Environment" in before:
            before["Environment"] = {"Variables": function["Environment"]["Variables"]}
        update(FunctionName=function["FunctionName"], **before)


@contextmanager
def promoting_nowhere(pipeline: Pipeline) -> Iterator[None]:
    """An Express machine whose promotions Step Functions refuses, each of them and for as long as this is entered."""
    steps = pipeline.aws.client("stepfunctions")
    machine = pipeline.machine.replace("ObjectPipeline", "ExpressLane")
    definition = steps.describe_state_machine(stateMachineArn=machine)["definition"]
    assert pipeline.machine in definition
    refusing = definition.replace(pipeline.machine, f"{pipeline.machine}-full")
    steps.update_state_machine(stateMachineArn=machine, definition=refusing)
    try:
        yield
    finally:
        steps.update_state_machine(stateMachineArn=machine, definition=definition)


@contextmanager
def promotions(pipeline: Pipeline) -> Iterator[Callable[[], int]]:
    """How many promotions wait, hidden ones included; what is refused is tried again after two seconds, not minutes."""
    sqs = pipeline.aws.client("sqs")
    (url,) = [
        it for it in sqs.list_queues()["QueueUrls"] if f"{pipeline.aws.settings.stack_name}-Promotions" in it
    ]
    counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    try:
        yield lambda: sum(
            int(number)
            for number in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counted)[
                "Attributes"
            ].values()
        )
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def logged(pipeline: Pipeline, words: str) -> bool:
    """Whether a function has logged these words."""
    logs = pipeline.aws.client("logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    return any(
        logs.filter_log_events(logGroupName=group, filterPattern=f'"{words}"')["events"] for group in groups
    )


@contextmanager
def refused_events(pipeline: Pipeline) -> Iterator[None]:
    """A machine that may not put events on the catalog bus."""
    mark = pipeline.aws.settings.home / "refuse-events"
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()
