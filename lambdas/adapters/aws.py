"""The boto3 clients, built once an environment with the timeouts and retries that a function needs.

A function is retried by the machine, so a client gives up soon: three tries, and a read timeout that is long enough
for the server-side copy of a 5 GB object.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient


def _config(read_timeout: int) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        inject_host_prefix=not os.environ.get("AWS_ENDPOINT_URL"),
        s3={"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL") else {},
    )


@cache
def s3() -> S3Client:
    return boto3.client("s3", config=_config(600))


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_config(10))


@cache
def events() -> EventBridgeClient:
    return boto3.client("events", config=_config(10))


@cache
def step_functions() -> SFNClient:
    return boto3.client("stepfunctions", config=_config(10))


@cache
def secrets() -> SecretsManagerClient:
    return boto3.client("secretsmanager", config=_config(10))


@cache
def pseudonym_key() -> bytes:
    """The secret key of the patients' pseudonyms; it stays the same for as long as the layout lives."""
    return secrets().get_secret_value(SecretId=os.environ["PSEUDONYM_SECRET_ARN"])["SecretString"].encode()
