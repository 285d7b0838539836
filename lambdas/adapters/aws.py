"""The boto3 clients, built once per environment with the timeouts and retries that a function needs.

A function is retried by the machine, so a client gives up soon: three tries, and a read timeout that is long enough
for the server-side copy of a 5 GB object. Its user agent is a fixed text: building botocore's takes a quarter of the
processor time of each request.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient

USER_AGENT = f"Boto3/{boto3.__version__} Carefile"


def _client(service: Any, read_timeout: int) -> Any:
    """Built without collecting garbage: a service's model is tens of thousands of objects that stay, and looking
    through them again and again takes a good part of a function's start."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return boto3.client(service, config=_config(read_timeout))
    finally:
        if collecting:
            gc.enable()


def _config(read_timeout: int) -> Config:
    return Config(
        user_agent=USER_AGENT,
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        inject_host_prefix=not os.environ.get("AWS_ENDPOINT_URL"),
        s3={"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL") else {},
    )


@cache
def s3() -> S3Client:
    client: S3Client = _client("s3", 600)
    return client


@cache
def dynamodb() -> DynamoDBClient:
    client: DynamoDBClient = _client("dynamodb", 10)
    return client


@cache
def events() -> EventBridgeClient:
    client: EventBridgeClient = _client("events", 10)
    return client


@cache
def step_functions() -> SFNClient:
    client: SFNClient = _client("stepfunctions", 10)
    return client


@cache
def sqs() -> Any:
    return _client("sqs", 10)


@cache
def secrets() -> SecretsManagerClient:
    client: SecretsManagerClient = _client("secretsmanager", 10)
    return client


@cache
def pseudonym_key() -> bytes:
    """The secret key of the patients' pseudonyms; it never changes while the layout exists."""
    return secrets().get_secret_value(SecretId=os.environ["PSEUDONYM_SECRET_ARN"])["SecretString"].encode()
