"""How the functions' clients are set up: bounded in time, and able to reach an AWS on one machine."""

from __future__ import annotations

import pytest

from lambdas.adapters.aws import USER_AGENT, _config


def test_an_aws_on_one_machine_is_reached_without_host_names_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    config = _config(10)
    assert config.inject_host_prefix is False
    assert config.s3 == {"addressing_style": "path"}


def test_aws_itself_is_reached_as_boto3_does_and_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    config = _config(10)
    assert config.inject_host_prefix is True
    assert not config.s3
    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_no_request_spends_time_on_building_a_user_agent() -> None:
    """In botocore that is a quarter of a request's processor time, unless the client is given one."""
    assert _config(10).user_agent == USER_AGENT
