"""How many executions X-Ray follows: a rule of the stage's own, for its machines.

Whoever begins a trace decides for all who come after it, and nearly always that is a machine. By AWS's default rule one
execution in each second is traced and 5% of the others, and at less than one upload a second that is every one.
"""

from __future__ import annotations

from aws_cdk import aws_xray as xray
from constructs import Construct

from infrastructure.settings.config import StageConfig


def sample_executions(scope: Construct, *, config: StageConfig) -> None:
    """Trace this share of the executions of the stage's machines, and none for certain."""
    xray.CfnSamplingRule(
        scope,
        "TracedExecutions",
        sampling_rule=xray.CfnSamplingRule.SamplingRuleProperty(
            rule_name=f"carefile-{config.stage}",
            version=1,
            priority=9000,  # before the default rule, and after what an account has of its own
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
