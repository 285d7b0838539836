"""Where the use cases meet their services. Each handler builds the one it needs as its module is loaded, so that
clients and settings are made in the function's init phase and once."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.adapters import aws, contracts, settings
from lambdas.adapters.executions import Executions
from lambdas.adapters.folders import Folders
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.processed import Processed
from lambdas.adapters.publisher import Publisher
from lambdas.core.events import iso_8601
from lambdas.intake.admission import Admission
from lambdas.intake.adoption import Adoption
from lambdas.intake.assigning import Assigning
from lambdas.intake.backlog import Backlog
from lambdas.intake.convergence import Intake
from lambdas.intake.documents import Documents
from lambdas.intake.failures import Failures
from lambdas.intake.filing import Filing
from lambdas.intake.marks import Marks
from lambdas.intake.uploads import ScannedUploads, Uploads
from lambdas.intake.whereabouts import Whereabouts


def moment() -> datetime:
    return datetime.now(UTC)


def utc_now() -> str:
    return iso_8601(moment())


def landing() -> Landing:
    return Landing(aws.s3())


def ledger() -> Ledger:
    return Ledger(aws.dynamodb(), settings.named("LEDGER_TABLE"))


def processed() -> Processed:
    return Processed(aws.s3(), settings.named("PROCESSED_BUCKET"))


def uploads() -> Uploads:
    return ScannedUploads(landing(), ledger()) if settings.malware_scan() else Uploads()


def admission() -> Admission:
    return Admission(
        landing(),
        ledger(),
        uploads(),
        settings.layout(),
        contracts.rules(),
        settings.landing_buckets(),
        marks(),
        moment,
    )


def filing() -> Filing:
    arrivals = landing()
    return Filing(
        landing=arrivals,
        processed=processed(),
        layout=settings.layout(),
        rules=contracts.rules(),
        pseudonym_key=aws.pseudonym_key,
        documents=Documents(arrivals),
    )


def intake() -> Intake:
    return Intake(landing(), ledger(), uploads(), filing(), utc_now)


def adoption() -> Adoption:
    return Adoption(
        landing(), ledger(), processed(), settings.layout(), contracts.rules(), aws.pseudonym_key, utc_now
    )


def marks() -> Marks:
    return Marks(landing(), ledger(), uploads())


def assigning() -> Assigning:
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
    )


def failures() -> Failures:
    return Failures(
        landing(),
        marks(),
        settings.layout(),
        Executions(aws.step_functions()),
        Publisher(aws.events(), settings.named("CATALOG_BUS")),
        settings.landing_buckets(),
    )


def backlog() -> Backlog:
    return Backlog(Executions(aws.step_functions()), landing(), settings.named("PIPELINE_ARN"), moment)
