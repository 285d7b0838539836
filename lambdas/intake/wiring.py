"""Where the use cases meet their services. Each handler builds the one it needs as its module is loaded, so that
clients and settings are made in the function's init phase and once.

A use case is imported where it is built: a function that starts loads its own and no other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carefile.core.messages.events import iso_8601
from lambdas.adapters import aws, contracts, settings
from lambdas.adapters.landing import Landing

if TYPE_CHECKING:
    from lambdas.adapters.ledger import Ledger
    from lambdas.adapters.people.decisions import Decisions
    from lambdas.adapters.people.directory import Directory
    from lambdas.adapters.processed import Processed
    from lambdas.intake.admission import Admission
    from lambdas.intake.adoption import Adoption
    from lambdas.intake.assigning import Assigning
    from lambdas.intake.backlog import Backlog
    from lambdas.intake.convergence import Intake
    from lambdas.intake.failures import Failures
    from lambdas.intake.filing import Filing
    from lambdas.intake.marks import Marks
    from lambdas.intake.merging import Merging
    from lambdas.intake.promoting import Promoting
    from lambdas.intake.registering import Registering
    from lambdas.intake.scans import Scans
    from lambdas.intake.uploads import Uploads


def moment() -> datetime:
    return datetime.now(UTC)


def utc_now() -> str:
    return iso_8601(moment())


def landing() -> Landing:
    return Landing(aws.s3())


def ledger() -> Ledger:
    from lambdas.adapters.ledger import Ledger

    return Ledger(aws.dynamodb(), settings.named("LEDGER_TABLE"))


def directory() -> Directory | None:
    """The patient directory where it is in use; without it nothing of it is loaded or asked."""
    if not settings.patients_are_listed():
        return None
    from lambdas.adapters.people.directory import Directory

    return Directory(aws.dynamodb(), settings.named("PATIENTS_TABLE"))


def suggesting_directory() -> Directory | None:
    """The patient directory where it is not in use, and may be filled all the same."""
    if settings.patients_are_listed() or not (table := settings.patients_table()):
        return None
    from lambdas.adapters.people.directory import Directory

    return Directory(aws.dynamodb(), table)


def counted_directory() -> Directory:
    """The patient directory, in use or not, in the function that counts it."""
    from lambdas.adapters.people.directory import Directory

    return Directory(aws.dynamodb(), settings.named("PATIENTS_TABLE"))


def processed() -> Processed:
    from lambdas.adapters.processed import Processed

    return Processed(aws.s3(), settings.named("PROCESSED_BUCKET"), shared=settings.layout_is_shared())


def uploads() -> Uploads:
    from lambdas.intake.uploads import ScannedUploads, Uploads

    return ScannedUploads(landing(), ledger()) if settings.malware_scan() else Uploads(landing())


def admission() -> Admission:
    from lambdas.intake.admission import Admission

    return Admission(
        landing(),
        ledger(),
        uploads(),
        settings.layout(),
        contracts.rules(),
        settings.landing_buckets(),
        marks(),
        moment,
        directory(),
    )


def filing() -> Filing:
    from lambdas.intake.documents import Documents
    from lambdas.intake.filing import Filing

    aws.secrets()  # its client, as all others, before the first event
    arrivals = landing()
    return Filing(
        landing=arrivals,
        processed=processed(),
        layout=settings.layout(),
        rules=contracts.rules(),
        pseudonym_key=aws.pseudonym_key,
        documents=Documents(arrivals, contracts.rules().patient_fields, settings.reads_scans()),
        directory=directory(),
        corroborated_decides=settings.corroborated_decides(),
        suggests_from=suggesting_directory(),
    )


def intake() -> Intake:
    from lambdas.intake.convergence import Intake

    return Intake(landing(), ledger(), uploads(), filing(), utc_now)


def scans() -> Scans:
    from lambdas.adapters.readings import Readings
    from lambdas.intake.scans import Scans
    from lambdas.scans.reading import Recogniser

    return Scans(
        landing(),
        Readings(aws.s3(), settings.named("REPORTS_BUCKET")),
        Recogniser(settings.trained_data(), settings.ocr_languages()),
        intake(),
    )


def adoption() -> Adoption:
    from lambdas.intake.adoption import Adoption

    aws.secrets()
    return Adoption(
        landing(),
        ledger(),
        processed(),
        settings.layout(),
        contracts.rules(),
        aws.pseudonym_key,
        utc_now,
        directory(),
    )


def marks() -> Marks:
    from lambdas.intake.marks import Marks

    return Marks(landing(), ledger(), uploads())


def assigning() -> Assigning:
    from lambdas.adapters.folders import Folders
    from lambdas.intake.assigning import Assigning
    from lambdas.intake.recording import Recording
    from lambdas.intake.whereabouts import Whereabouts

    known, folders = ledger(), Folders(aws.s3(), settings.named("PROCESSED_BUCKET"))
    return Assigning(
        landing(),
        known,
        folders,
        Whereabouts(known, folders, settings.layout()),
        settings.layout(),
        contracts.rules(),
        settings.landing_buckets(),
        moment,
        Recording(decisions(), known, moment),
        directory(),
    )


def merging() -> Merging:
    from lambdas.adapters.people.patients import Patients
    from lambdas.intake.merging import Merging

    patients = Patients(aws.dynamodb(), settings.named("PATIENTS_TABLE"))
    return Merging(directory(), patients, assigning(), settings.layout(), moment)


def registering() -> Registering:
    from lambdas.adapters.people.patients import Patients
    from lambdas.adapters.refused import Refused
    from lambdas.intake.registering import Registering

    return Registering(
        Patients(aws.dynamodb(), settings.named("PATIENTS_TABLE")),
        Refused(aws.sqs(), settings.named("DEAD_LETTERS_URL")),
    )


def decisions() -> Decisions | None:
    """The record of decisions, in the function that may add to it."""
    from lambdas.adapters.people.decisions import Decisions

    table = settings.decisions_table()
    return Decisions(aws.dynamodb(), table, moment) if table else None


def failures() -> Failures:
    from lambdas.adapters.executions import Executions
    from lambdas.adapters.publisher import Publisher
    from lambdas.intake.failures import Failures

    return Failures(
        landing(),
        marks(),
        settings.layout(),
        Executions(aws.step_functions()),
        Publisher(aws.events(), settings.named("CATALOG_BUS")),
        settings.landing_buckets(),
    )


def promoting() -> Promoting:
    from lambdas.adapters.executions import Executions
    from lambdas.intake.promoting import Promoting

    return Promoting(Executions(aws.step_functions()), settings.named("PIPELINE_ARN"))


def backlog() -> Backlog:
    from lambdas.adapters.executions import Executions
    from lambdas.intake.backlog import Backlog

    return Backlog(Executions(aws.step_functions()), landing(), settings.named("PIPELINE_ARN"), moment)
