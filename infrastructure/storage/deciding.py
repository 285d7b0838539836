"""What people who decide need: the record of every decision, claims on what somebody looks at, and a policy.

The records are append-only: the table's own policy refuses every change to everybody but the functions that decide,
which add, and whoever deletes a forgotten patient's payloads. Nobody may delete a record.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.settings.config import StageConfig
from infrastructure.storage.tables import new_table

# What may be taken out of a record, with the names by which that is done.
_PAYLOAD = ["day", "number", "payload", "salt", "forgotten_at"]


class Deciding(Construct):
    """`decisions` has one item a decision and one a day's chain; `claims` one for each thing that somebody looks at."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._policy = iam.PolicyDocument()
        self.decisions: dynamodb.Table = new_table(
            self, "DecisionsTable", config, key, names=("day", "number"), policy=self._policy
        )
        self.claims: dynamodb.Table = new_table(
            self, "ClaimsTable", config, key, names=("place",), expires="until"
        )

    def reserve_records_for(self, writers: Sequence[iam.IRole]) -> None:
        """Refuse to everybody else to add a record, and to everybody to delete one or to change what it says."""
        others = {"ArnNotEquals": {"aws:PrincipalArn": [it.role_arn for it in writers]}}
        self._policy.add_statements(
            iam.PolicyStatement(
                sid="NobodyDeletes",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                # A batch needs an action of its own, whatever is in it.
                actions=["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete"],
                resources=["*"],
            ),
            iam.PolicyStatement(
                sid="OnlyTheFunctionsAdd",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PutItem"],
                resources=["*"],
                conditions=others,
            ),
            iam.PolicyStatement(
                sid="OthersTakeOutPayloadsAtMost",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["dynamodb:UpdateItem"],
                resources=["*"],
                conditions={**others, "ForAnyValue:StringNotEquals": {"dynamodb:Attributes": _PAYLOAD}},
            ),
        )
