"""The object pipeline: its four functions and the state machine that runs them.

The machine is `statemachines/object_pipeline.asl.json`, taken as it stands: only its `${…}` are filled in.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration, Fn, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure import permissions
from infrastructure.catalog import Catalog
from infrastructure.config import PROJECT_ROOT
from infrastructure.encryption import Keys, as_it_is
from infrastructure.functions import CarefileFunction, FunctionSettings
from infrastructure.operations import ServiceRole, log_group
from infrastructure.storage import Storage

DEFINITION = PROJECT_ROOT / "statemachines" / "object_pipeline.asl.json"


def intake_environment(settings: FunctionSettings, storage: Storage) -> dict[str, str]:
    """What every function of an intake is told of the buckets."""
    return {
        "LANDING_BUCKETS": storage.landing.bucket_name,
        "PROCESSED_BUCKET": storage.processed.bucket_name,
        "SESSION_PREFIX": settings.config.session_prefix,
    }


class TaskFunctions(Construct):
    """One function for each Task state of the machine, named after it."""

    def __init__(
        self, scope: Construct, id: str, *, settings: FunctionSettings, storage: Storage, catalog: Catalog
    ) -> None:
        super().__init__(scope, id)
        environment = intake_environment(settings, storage)
        with_ledger = {**environment, "LEDGER_TABLE": catalog.ledger.table_name}
        to_normalise = {**with_ledger, "PSEUDONYM_SECRET_ARN": catalog.pseudonym_secret.secret_arn}

        self.classify_object = CarefileFunction(
            self,
            "ClassifyObject",
            settings=settings,
            module="classify_object",
            description="Decides kind and patient of a landing object, with the evidence",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment=with_ledger,
            statements=[
                *permissions.read_objects(storage.landing),
                *permissions.write_object_tags(storage.landing),
                *permissions.update_items(catalog.ledger),
            ],
        ).function
        # Both may do the same: a later round of an intake may find that the object changed its kind.
        self.normalise_document, self.normalise_session = (
            CarefileFunction(
                self,
                id,
                settings=settings,
                module=module,
                description=description,
                memory_mb=memory_mb,
                timeout=Duration.minutes(15),
                environment=to_normalise,
                statements=[
                    *permissions.read_objects(storage.landing),
                    *permissions.read_object_tags(storage.landing),
                    *permissions.write_layout(storage.processed, settings.config.session_prefix),
                    *permissions.update_items(catalog.ledger),
                    *permissions.read_secret(catalog.pseudonym_secret),
                ],
            ).function
            for id, module, memory_mb, description in (
                ("NormaliseDocument", "normalise_document", 512, "Files a document in the processed layout"),
                ("NormaliseSession", "normalise_session", 256, "Files a session in the processed layout"),
            )
        )
        self.tag_object = CarefileFunction(
            self,
            "TagObject",
            settings=settings,
            module="tag_object",
            description="Tags the landing version with how its intake ended",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment=with_ledger,
            statements=[
                *permissions.write_object_tags(storage.landing),
                *permissions.tell_absent(storage.landing),
                *permissions.update_items(catalog.ledger),
            ],
        ).function

    @property
    def all(self) -> Sequence[lambda_.IFunction]:
        return (self.classify_object, self.normalise_document, self.normalise_session, self.tag_object)


class ObjectPipeline(Construct):
    """The state machine. Its log says which states ran, never on what."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        tasks: TaskFunctions,
        catalog_bus: events.IEventBus,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        config = settings.config
        # Named, because its own key and role have to name it before it exists.
        self.name = f"{config.stack_name}-ObjectPipeline"
        functions = {
            "ClassifyObjectArn": tasks.classify_object,
            "NormaliseDocumentArn": tasks.normalise_document,
            "NormaliseSessionArn": tasks.normalise_session,
            "TagObjectArn": tasks.tag_object,
        }
        role = ServiceRole(
            self,
            "Role",
            principal=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            statements=[
                *permissions.invoke(list(functions.values())),
                *permissions.put_events(catalog_bus),
                *permissions.encrypt_executions(stack, self.name, keys.records),
                *permissions.deliver_logs(),
                *permissions.trace(),
            ],
        )
        self.machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=self.name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_string(DEFINITION.read_text(encoding="utf-8")),
            definition_substitutions={
                **{name: function.function_arn for name, function in functions.items()},
                "CatalogBusName": catalog_bus.event_bus_name,
            },
            role=role.fixed,
            encryption_configuration=sfn.CustomerManagedEncryptionConfiguration(as_it_is(self, keys.records)),
            logs=sfn.LogOptions(
                destination=log_group(
                    self,
                    "Logs",
                    config=config,
                    key=keys.operations,
                    # Under this prefix the account's one log resource policy does not grow with every
                    # machine. The stack's own id keeps a retained group out of a later stack's way.
                    name=f"/aws/vendedlogs/states/{self.name}-{_stack_guid()}",
                ),
                level=sfn.LogLevel(config.execution_log_level.value),
                include_execution_data=False,
            ),
            tracing_enabled=True,
        )
        self.machine.node.add_dependency(role.policy)


def _stack_guid() -> str:
    return Fn.select(2, Fn.split("/", Aws.STACK_ID))
