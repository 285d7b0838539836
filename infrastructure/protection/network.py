"""The functions' optional network: private subnets without internet access, and endpoints for the services they call.

Every endpoint serves this account's principals only.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.functions.operations import ServiceRole, log_group
from infrastructure.protection.accepted import accept, security_rules
from infrastructure.protection.permissions import deliver_flow_logs
from infrastructure.settings.config import StageConfig

_GATEWAYS = {
    "S3": ec2.GatewayVpcEndpointAwsService.S3,
    "DynamoDB": ec2.GatewayVpcEndpointAwsService.DYNAMODB,
}
_INTERFACES = {
    "EventBridge": ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
    "StepFunctions": ec2.InterfaceVpcEndpointAwsService.STEP_FUNCTIONS,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}


class Network(Construct):
    """`placement` holds the arguments that put a function into the network."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Functions", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        accept(
            self._vpc,
            security_rules("VPCDefaultSecurityGroupClosed"),
            "Nothing uses the network's default security group: functions and endpoints have their own. CloudFormation "
            "cannot empty it without a function that may change security groups, which would be the greater risk.",
        )
        self._flow_logs(config, key)
        self._functions = self._group(
            "Functions", "Functions of Carefile: to the endpoints, and nothing comes in"
        )
        self._functions.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "To AWS services by way of the endpoints"
        )
        endpoints = self._group("Endpoints", "Endpoints of AWS services: from the functions of Carefile")
        endpoints.add_ingress_rule(self._functions, ec2.Port.tcp(443), "From the functions")
        for name, gateway in _GATEWAYS.items():
            self._for_this_account(self._vpc.add_gateway_endpoint(name, service=gateway))
        for name, interface in _INTERFACES.items():
            self._for_this_account(
                self._vpc.add_interface_endpoint(
                    name, service=interface, security_groups=[endpoints], open=False
                )
            )

    @property
    def placement(self) -> dict[str, Any]:
        return {
            "vpc": self._vpc,
            "vpc_subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            "security_groups": [self._functions],
        }

    def _group(self, id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id, vpc=self._vpc, description=description, allow_all_outbound=False)

    def _flow_logs(self, config: StageConfig, key: kms.IKey) -> None:
        group = log_group(self, "FlowLogs", config=config, key=key)
        role = ServiceRole(
            self,
            "FlowLogsRole",
            principal=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            statements=deliver_flow_logs(group),
        )
        self._vpc.add_flow_log(
            "FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role.fixed)
        )

    def _for_this_account(self, endpoint: ec2.GatewayVpcEndpoint | ec2.InterfaceVpcEndpoint) -> None:
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid="ThisAccount",
                principals=[iam.AnyPrincipal()],
                actions=["*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
            )
        )
