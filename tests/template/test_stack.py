"""The stack as a whole: what it promises to others, and what must not be in it."""

from __future__ import annotations

from tests.template.synthesis import Synthesised

ALARM = "AWS::CloudWatch::Alarm"


def test_the_outputs_are_there_by_name(stage: Synthesised) -> None:
    assert set(stage.outputs()) == {
        "LandingBucketName",
        "ProcessedBucketName",
        "PipelineStateMachineArn",
        "BackfillStateMachineArn",
        "ReassignPatientStateMachineArn",
        "MergePatientsStateMachineArn",
        "AdoptionStateMachineArn",
        "ReportsBucketName",
        "CatalogBusName",
        "CatalogTableName",
        "IntakeBusName",
        "LedgerTableName",
        "PatientsTableName",
        "DecisionsTableName",
        "ClaimsTableName",
        "InboxPolicyArn",
    }


def test_there_is_no_custom_resource_and_no_function_of_the_cdk_s_own(stage: Synthesised) -> None:
    types = {resource["Type"] for resource in stage.template["Resources"].values()}
    assert not [name for name in types if name.startswith("Custom::") or "CustomResource" in name]
    assert "AWS::CDK::Metadata" not in types
    assert len(stage.properties("AWS::Lambda::Function")) == 16


def test_the_template_asks_for_no_parameters(stage: Synthesised) -> None:
    assert "Parameters" not in stage.template
    assert "Rules" not in stage.template


def test_alarms_reach_the_topic_and_the_address(throwaway: Synthesised, stage: Synthesised) -> None:
    topic, properties = throwaway.only("AWS::SNS::Topic")
    assert "KmsMasterKeyId" in properties
    for alarm in throwaway.properties(ALARM).values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
    subscription = throwaway.only("AWS::SNS::Subscription")[1]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@clinic.example")
    assert not stage.properties("AWS::SNS::Subscription")


def test_alarms_may_publish_to_the_topic(stage: Synthesised) -> None:
    statements = stage.only("AWS::SNS::TopicPolicy")[1]["PolicyDocument"]["Statement"]
    (allowed,) = (statement for statement in statements if statement["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"


def test_a_flood_of_uploads_is_bounded_where_the_stage_says_so(
    stage: Synthesised, protected: Synthesised
) -> None:
    bounds = {
        it["ReservedConcurrentExecutions"] for it in protected.properties("AWS::Lambda::Function").values()
    }
    assert bounds == {20}
    for name, function in stage.properties("AWS::Lambda::Function").items():
        assert "ReservedConcurrentExecutions" not in function, name
        assert function["Timeout"] <= 900


def test_what_comes_over_the_account_s_own_bus_goes_to_nobody_outside_of_the_stack(
    stage: Synthesised, protected: Synthesised, express_first: Synthesised
) -> None:
    """Events of S3 and Step Functions name keys and executions; a rule must not hand them on."""
    for synthesised in (stage, protected, express_first):
        rules = [
            it for it in synthesised.properties("AWS::Events::Rule").values() if "EventBusName" not in it
        ]
        assert rules
        for target in (target for rule in rules for target in rule["Targets"]):
            arn = target["Arn"]
            named = arn["Ref"] if "Ref" in arn else arn["Fn::GetAtt"][0]
            assert named in synthesised.template["Resources"]
