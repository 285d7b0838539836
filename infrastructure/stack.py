"""The stack `Carefile-<stage>`: composes the constructs and names the outputs."""

from __future__ import annotations

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.events.event_schemas import Archives, EventSchemas
from infrastructure.events.followers import IndexCatalog, IndexSessions, RecordFailure
from infrastructure.events.messaging import (
    IDENTIFIED,
    MERGED,
    TO_BE_READ,
    Buses,
    CatalogRules,
    DeadLetters,
    IntakeRules,
    SessionFollower,
    StartingRule,
)
from infrastructure.events.promotions import Promotions
from infrastructure.events.registrations import Registrations
from infrastructure.functions.function import FunctionSettings
from infrastructure.functions.package import FunctionPackage
from infrastructure.machines.backfill import Adoption, Backfill
from infrastructure.machines.express_lane import ExpressLane
from infrastructure.machines.merge import Merge
from infrastructure.machines.pipeline import ObjectPipeline, TaskFunctions
from infrastructure.machines.reassignment import Reassignment
from infrastructure.machines.scans import ReadScan
from infrastructure.protection.encryption import Keys
from infrastructure.protection.inbox import InboxPolicy
from infrastructure.protection.malware import MalwareProtection
from infrastructure.protection.network import Network
from infrastructure.settings.config import Lane, StageConfig
from infrastructure.storage.backup import TableBackups
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog
from infrastructure.storage.deciding import Deciding
from infrastructure.watching.alarms import Watched, Work
from infrastructure.watching.backlog import MeasureBacklog
from infrastructure.watching.observability import Observability
from infrastructure.watching.tracing import sample_executions


class CarefileStack(Stack):
    """All resources of one stage. Users and neighbouring systems rely on its outputs."""

    def __init__(
        self,
        scope: Construct,
        *,
        config: StageConfig,
        package: FunctionPackage,
        scans_package: FunctionPackage | None = None,
    ) -> None:
        super().__init__(
            scope,
            config.stack_name,
            description=f"Carefile ({config.stage}): files uploads from the landing bucket",
            # The rule would make the template read an SSM parameter just to check the bootstrap version.
            synthesizer=DefaultStackSynthesizer(
                generate_bootstrap_version_rule=False, qualifier=config.bootstrap_qualifier
            ),
            termination_protection=config.retains,
        )
        if config.permissions_boundary:
            boundary = iam.ManagedPolicy.from_managed_policy_arn(
                self, "Boundary", config.permissions_boundary
            )
            iam.PermissionsBoundary.of(self).apply(boundary)
        keys = Keys(self, "Keys", config=config)
        storage = Storage(self, "Storage", config=config, key=keys.records)
        protection = (
            MalwareProtection(self, "MalwareProtection", bucket=storage.landing)
            if config.malware_scan and not config.embedded and isinstance(storage.landing, s3.Bucket)
            else None
        )
        catalog = Catalog(self, "Catalog", config=config, key=keys.records)
        deciding = Deciding(self, "Deciding", config=config, key=keys.records)
        buses = Buses(self, "Buses", config=config, key=keys.records)
        if not config.embedded:
            sample_executions(self, config=config)
            EventSchemas(self, "EventSchemas", config=config)
            if config.event_archive_days:
                both = {"intake": buses.intake, "catalog": buses.catalog}
                Archives(self, "Archives", config=config, key=keys.records, buses=both)
        dead_letters = DeadLetters(self, "DeadLetters", config=config, key=keys.records)
        if config.backup:
            TableBackups(
                self,
                "Backups",
                config=config,
                key=keys.records,
                tables=(catalog.table, catalog.ledger, catalog.patients, deciding.decisions),
            )
        settings = FunctionSettings(
            config=config,
            package=package,
            log_key=keys.operations,
            network=Network(self, "Network", config=config, key=keys.operations) if config.vpc else None,
        )

        tasks = TaskFunctions(self, "Tasks", settings=settings, storage=storage, catalog=catalog)
        pipeline = ObjectPipeline(
            self,
            "Pipeline",
            settings=settings,
            tasks=tasks,
            catalog_bus=buses.catalog,
            keys=keys,
        )
        promotions = (
            Promotions(
                self, "Promotions", settings=settings, pipeline=pipeline.machine, key=keys.records
            ).queue
            if config.lane is Lane.EXPRESS_FIRST
            else None
        )
        express = (
            ExpressLane(
                self,
                "ExpressLane",
                config=config,
                tasks=tasks,
                catalog_bus=buses.catalog,
                pipeline=pipeline.machine,
                promotions=promotions,
                keys=keys,
            )
            if promotions
            else None
        )
        IntakeRules(
            self,
            "Intake",
            config=config,
            landing=storage.landing,
            intake_bus=buses.intake,
            machine=pipeline.machine,
            express=express.machine if express else None,
            dead_letters=dead_letters.intakes,
        )

        indexer = IndexCatalog(
            self, "IndexCatalog", settings=settings, catalog=catalog, failures=dead_letters.catalog_events
        ).function
        session_indexer = IndexSessions(
            self, "IndexSessions", settings=settings, catalog=catalog, failures=dead_letters.session_changes
        ).function
        SessionFollower(
            self,
            "Sessions",
            table=catalog.table,
            indexer=session_indexer,
            followers=config.session_followers,
            dead_letters=dead_letters.session_changes,
        )
        failure_recorder = RecordFailure(
            self,
            "RecordFailure",
            settings=settings,
            storage=storage,
            catalog=catalog,
            catalog_bus=buses.catalog,
            pipeline_name=pipeline.name,
            key=keys.records,
            failures=dead_letters.failures,
        ).function
        backfill = Backfill(
            self,
            "Backfill",
            settings=settings,
            keys=keys,
            storage=storage,
            tasks=tasks,
            failure_recorder=failure_recorder,
            catalog_bus=buses.catalog,
        )
        adoption = Adoption(
            self,
            "Adoption",
            settings=settings,
            keys=keys,
            storage=storage,
            catalog=catalog,
            failure_recorder=failure_recorder,
            catalog_bus=buses.catalog,
        )
        registrar = Registrations(
            self,
            "PatientFeed",
            settings=settings,
            catalog=catalog,
            intake_bus=buses.intake,
            key=keys.records,
            dead_letters=dead_letters.registrations,
        ).function
        reading = (
            ReadScan(
                self,
                "ReadScan",
                settings=settings,
                package=scans_package,
                keys=keys,
                storage=storage,
                catalog=catalog,
                catalog_bus=buses.catalog,
            )
            if scans_package
            else None
        )
        if reading and dead_letters.readings:
            StartingRule(
                self,
                "Readings",
                name="ReadingRule",
                description="A document was filed whose pages are pictures: read them",
                bus=buses.catalog,
                pattern=TO_BE_READ,
                machine=reading.machine,
                dead_letters=dead_letters.readings,
            )
        storage.reserve_layout_for(
            [
                tasks.normalise_document,
                tasks.normalise_session,
                adoption.function,
                *(reading.functions if reading else ()),
            ]
        )
        reassignment = Reassignment(
            self,
            "Reassignment",
            settings=settings,
            keys=keys,
            storage=storage,
            catalog=catalog,
            deciding=deciding,
            tasks=tasks,
            catalog_bus=buses.catalog,
        )
        inbox = InboxPolicy(
            self,
            "Inbox",
            config=config,
            keys=keys,
            storage=storage,
            catalog=catalog,
            deciding=deciding,
            settings_of=tasks.classify_object,
            assign=reassignment.assign,
            reassignment=(reassignment.name, reassignment.machine.state_machine_arn),
            pipeline=(pipeline.name, pipeline.machine.state_machine_arn),
        )
        StartingRule(
            self,
            "Assignments",
            name="AssignmentRule",
            description="The patient of a session or a document was identified",
            bus=buses.intake,
            pattern=IDENTIFIED,
            machine=reassignment.machine,
            dead_letters=dead_letters.assignments,
        )
        merge = Merge(
            self,
            "Merging",
            settings=settings,
            keys=keys,
            storage=storage,
            catalog=catalog,
            deciding=deciding,
            tasks=tasks,
            catalog_bus=buses.catalog,
        )
        deciding.reserve_records_for([reassignment.decider, *merge.deciders])
        StartingRule(
            self,
            "Merges",
            name="MergeRule",
            description="A system states that two patients are one, or two again",
            bus=buses.intake,
            pattern=MERGED,
            machine=merge.machine,
            dead_letters=dead_letters.merges,
        )
        CatalogRules(
            self,
            "Followers",
            catalog_bus=buses.catalog,
            machine=pipeline.machine,
            indexer=indexer,
            failure_recorder=failure_recorder,
            dead_letters=dead_letters,
        )
        backlog = MeasureBacklog(
            self,
            "MeasureBacklog",
            settings=settings,
            pipeline=pipeline,
            storage=storage,
            catalog=catalog,
            key=keys.records,
        ).function
        observability = Observability(
            self,
            "Observability",
            config=config,
            key=keys.operations,
            watched=Watched(
                machine=pipeline.machine,
                express=express.machine if express else None,
                promotions=promotions,
                works=(
                    Work(
                        name="Reassignments",
                        machine=reassignment.machine,
                        summary="A session or a document was not fully moved to the patient it was assigned to.",
                        section="reassignments",
                    ),
                    Work(
                        name="Merges",
                        machine=merge.machine,
                        summary="Not all of a merged patient was moved, or a merge was refused.",
                        section="merges",
                    ),
                    Work(
                        name="Backfills",
                        machine=backfill.machine,
                        summary="A backfill exceeded its tolerated failures or found no objects.",
                        section="statesexceedtoleratedfailurethreshold",
                    ),
                    Work(
                        name="Adoptions",
                        machine=adoption.machine,
                        summary="An adoption exceeded its tolerated failures.",
                        section="statesexceedtoleratedfailurethreshold",
                    ),
                    *(
                        [
                            Work(
                                name="Readings",
                                machine=reading.machine,
                                summary="The pages of a scan could not be read; it stays filed without their text.",
                                section="a-scan-is-not-read",
                            )
                        ]
                        if reading
                        else []
                    ),
                ),
                functions=tasks.all,
                event_functions=(indexer, session_indexer, failure_recorder, registrar),
                dead_letters=dead_letters.all,
            ),
            backlog=backlog,
            tables=(catalog.table, catalog.ledger, catalog.patients, deciding.decisions, deciding.claims),
        )
        if protection:
            protection.notify(observability.topic, keys.operations, config.runbook_url)

        for name, value in (
            ("LandingBucketName", storage.landing.bucket_name),
            ("ProcessedBucketName", storage.processed.bucket_name),
            ("PipelineStateMachineArn", pipeline.machine.state_machine_arn),
            ("BackfillStateMachineArn", backfill.machine.state_machine_arn),
            ("ReassignPatientStateMachineArn", reassignment.machine.state_machine_arn),
            ("MergePatientsStateMachineArn", merge.machine.state_machine_arn),
            ("AdoptionStateMachineArn", adoption.machine.state_machine_arn),
            ("ReportsBucketName", storage.reports.bucket_name),
            ("IntakeBusName", buses.intake.event_bus_name),
            ("CatalogBusName", buses.catalog.event_bus_name),
            ("CatalogTableName", catalog.table.table_name),
            ("LedgerTableName", catalog.ledger.table_name),
            ("PatientsTableName", catalog.patients.table_name),
            ("DecisionsTableName", deciding.decisions.table_name),
            ("ClaimsTableName", deciding.claims.table_name),
            ("InboxPolicyArn", inbox.policy.managed_policy_arn),
            *([("ReadScanStateMachineArn", reading.machine.state_machine_arn)] if reading else []),
            *([("ExpressStateMachineArn", express.machine.state_machine_arn)] if express else []),
        ):
            CfnOutput(self, name, value=value)
