"""The sampling rule for X-Ray traces of the stage's machines.

The service that starts a trace decides for all that follow, and that is nearly always a machine. AWS's default rule
traces one execution a second and 5% of the others: below one upload a second, all of them.
"""

from __future__ import annotations

from aws_cdk import aws_xray as xray
from constructs import Construct

from infrastructure.settings.config import StageConfig


def sample_executions(scope: Construct, *, config: StageConfig) -> None:
    """Trace the configured share of the machines' executions, with no guaranteed minimum."""
    xray.CfnSamplingRule(
        scope,
        "TracedExecutions",
        sampling_rule=xray.CfnSamplingRule.SamplingRuleProperty(
            rule_name=f"carefile-{config.stage}",
            version=1,
            priority=9000,  # before the default rule, after the account's own rules
            service_name=f"{config.stack_name}-*",
            service_type="*",
            resource_arn="*",
            host="*",
            http_method="*",
            url_path="*",
            reservoir_size=0,
            fixed_rate=config.traced_percent / 100,
        ),
    )
