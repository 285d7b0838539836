"""IAM is enforced in every end-to-end test: the functions do their work under their roles. Here each role is made to
try what it has no business with."""

from __future__ import annotations

import pytest

from tests.end_to_end.attempts import ATTEMPTS, FILED, UPLOAD, Places, Roles, refused
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.timeout(300)

TAKE_IN = {
    "read an upload",
    "read an older version of an upload",
    "read an upload's tags",
    # S3 tells an absent object from a forbidden one only to who may list.
    "list the uploads",
    "read the ledger",
    "write the ledger",
}
FILE = {
    *TAKE_IN,
    "read what is filed",
    "list the layout",
    "write into the layout",
    "delete from the layout",
    "read the key of the pseudonyms",
}
REASSIGN = {"read what is filed", "list the layout", "read the ledger", "write the ledger"}
# What each role is let do of all that is tried.
MAY: dict[str, set[str]] = {
    "TasksClassifyObject": {*TAKE_IN, "tag an upload"},
    "TasksNormaliseDocument": FILE,
    "TasksNormaliseSession": FILE,
    "TasksTagObject": {*TAKE_IN, "tag an upload"} - {"read an upload", "read an older version of an upload"},
    "RecordFailure": {*TAKE_IN, "tag an upload", "describe an execution", "announce on the catalog bus"},
    "IndexCatalog": {"write the catalog"},
    "IndexSessions": {"read the catalog", "write the catalog", "delete from the catalog"},
    "Backfill": {
        *{"call a function", "announce on the catalog bus", "list the uploads", "start a backfill"},
        *{"read a backfill's report", "write a backfill's report"},
    },
    "Adoption": {
        *{"call the function that adopts", "announce on the catalog bus", "list the layout"},
        *{"read an adoption's report", "write an adoption's report", "start an adoption"},
    },
    "AdoptObject": {*FILE} - {*TAKE_IN, "delete from the layout"} | {"read the ledger", "write the ledger"},
    "Pipeline": {"call a function", "announce on the catalog bus"},
    "Intake": {"start an execution"},
    "MeasureBacklog": {*TAKE_IN, "describe an execution"} - {"read the ledger", "write the ledger"},
    "ReassignmentAssignPatient": {*REASSIGN, "read the decisions", "add a decision"},
    "ReassignmentListObjects": REASSIGN,
    "ReassignmentVerifyMove": REASSIGN,
    "Reassignment": {
        *{"call a function", "call the function that decides"},
        *{"announce on the catalog bus", "start a reassignment"},
    },
    "Assignments": {"start a reassignment"},
    # Where patients are open, no merge is decided.
    "MergingMergePatients": {"read what is filed", "list the layout"},
    "MergingListPatient": {"read what is filed", "list the layout"},
    "MergingVerifyMerge": {"read what is filed", "list the layout"},
    "Merging": {
        *{"call a function", "call the function that merges"},
        *{"announce on the catalog bus", "start a merge"},
    },
    "Merges": {"start a merge"},
    "PatientFeedRegisterPatients": {"read a patient", "list a patient"},
}

# What people may who were given the policy for deciding, and nothing else.
MAY_WHO_DECIDES = {
    *{"read what is filed", "list the layout", "read the catalog", "read a patient", "read the decisions"},
    *{"claim what one looks at", "describe an execution"},
    *{"start a reassignment", "call the function that decides"},
}

# The lane express-first has these beside them.
MAY_ON_EXPRESS: dict[str, set[str]] = {
    "ExpressLane": {"call a function", "announce on the catalog bus", "start an execution"},
    "PromotionsPromoteObjects": {"start an execution"},
    # It starts another machine than those that are tried.
    "IntakeExpress": set(),
}


@pytest.fixture(scope="module")
def roles(pipeline: Pipeline) -> Roles:
    return Roles(pipeline.aws)


@pytest.fixture(scope="module")
def places(pipeline: Pipeline) -> Places:
    resources = pipeline.aws.client("cloudformation").get_paginator("list_stack_resources")
    found = {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for page in resources.paginate(StackName=pipeline.aws.settings.stack_name)
        for item in page["StackResourceSummaries"]
    }

    def named(part: str) -> str:
        return next(physical for logical, physical in found.items() if logical.startswith(part))

    # An empty upload fails, so nothing is filed, and its execution is there to be described.
    execution = pipeline.execution_of(UPLOAD, pipeline.upload(UPLOAD, b""))
    version = pipeline.upload(UPLOAD, b"")
    filed = pipeline.s3.put_object(Bucket=pipeline.processed, Key=FILED, Body=b"x")["VersionId"]
    outputs = pipeline.aws.outputs
    return Places(
        landing=pipeline.landing,
        processed=pipeline.processed,
        reports=outputs["ReportsBucketName"],
        machine=pipeline.machine,
        backfill=outputs["BackfillStateMachineArn"],
        adoption=outputs["AdoptionStateMachineArn"],
        reassignment=outputs["ReassignPatientStateMachineArn"],
        execution=execution["executionArn"],
        ledger=outputs["LedgerTableName"],
        catalog=outputs["CatalogTableName"],
        intake_bus=outputs["IntakeBusName"],
        catalog_bus=outputs["CatalogBusName"],
        secret=named("CatalogPseudonymSecret"),
        queue=named("DeadLettersIntakes"),
        function=named("TasksTagObjectFunction"),
        adopting_function=named("AdoptObjectFunction"),
        deciding_function=named("ReassignmentAssignPatientFunction"),
        merging_function=named("MergingMergePatientsFunction"),
        merge=outputs["MergePatientsStateMachineArn"],
        patients=outputs["PatientsTableName"],
        decisions=outputs["DecisionsTableName"],
        claims=outputs["ClaimsTableName"],
        key=named("KeysRecords"),
        log_group=named("TasksTagObjectLogs"),
        version=version,
        filed_version=filed,
    )


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_work_and_is_refused_everything_else(
    roles: Roles, places: Places, role: str
) -> None:
    client = roles.acting_as(roles.all()[role])
    allowed = {what for what, attempt in ATTEMPTS.items() if not refused(attempt, client, places)}
    assert allowed == MAY[role] != set()


@pytest.mark.parametrize("role", MAY_ON_EXPRESS)
def test_the_roles_of_the_express_lane_may_start_and_call_and_nothing_else(
    roles: Roles, places: Places, role: str
) -> None:
    client = roles.acting_as(roles.all()[role])
    allowed = {what for what, attempt in ATTEMPTS.items() if not refused(attempt, client, places)}
    assert allowed == MAY_ON_EXPRESS[role]


def test_who_decides_may_decide_and_not_operate(roles: Roles, places: Places, pipeline: Pipeline) -> None:
    client = roles.given(pipeline.aws.outputs["InboxPolicyArn"])
    allowed = {what for what, attempt in ATTEMPTS.items() if not refused(attempt, client, places)}
    assert allowed == MAY_WHO_DECIDES


def test_every_role_of_the_stack_is_tried(roles: Roles, lane: str) -> None:
    assert set(roles.all()) == {*MAY, *(MAY_ON_EXPRESS if lane == "express-first" else ())}


def test_whoever_has_no_role_may_do_nothing(roles: Roles, places: Places) -> None:
    assert not [what for what, attempt in ATTEMPTS.items() if not refused(attempt, roles.nobody, places)]
