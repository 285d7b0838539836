"""A clinic with a directory of patients and thirty things that wait for a decision, of every reason there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportlab.pdfgen import canvas

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries, Entry, SessionSummary
from carefile.core.model import Source
from carefile.core.patients.entries import PersonName, Statement
from carefile.core.records.ledger import assignment_in, entry_in
from tests.embedded import EmbeddedAws, eventually
from tests.end_to_end.conftest import listen

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "files"
JUAN, MARIA, ANA, PEDRO, LUCIA = (
    "Juan_Perez_123",
    "Maria_Lopez_456",
    "Ana_Ruiz_789",
    "Pedro_Gomez_321",
    "Lucia_Nunez_654",
)
PATIENTS = {
    JUAN: ("Juan", "Pérez García", "1961-04-03", "male"),
    MARIA: ("María", "López Ortega", "1978-11-21", "female"),
    ANA: ("Ana", "Ruiz Molina", "1990-02-14", "female"),
    PEDRO: ("Pedro", "Gómez Sanz", "1955-08-30", "male"),
    LUCIA: ("Lucía", "Núñez Vidal", "2004-06-09", "female"),
}
MARKUP = "<img src=x onerror=alert(1)>.txt"
RESULTS = 10


@dataclass(frozen=True)
class Upload:
    key: str
    body: bytes
    metadata: tuple[tuple[str, str], ...] = ()


def pdf(path: Path, *lines: str) -> bytes:
    page = canvas.Canvas(str(path), invariant=1)
    page.setFont("Helvetica-Bold", 16)
    page.drawString(60, 780, lines[0])
    page.setFont("Helvetica", 11)
    for number, line in enumerate(lines[1:]):
        page.drawString(60, 746 - 18 * number, line)
    page.save()
    return path.read_bytes()


def letter(path: Path, id_: str, title: str, *lines: str) -> bytes:
    given, family, born, _ = PATIENTS[id_]
    year, month, day = born.split("-")
    return pdf(path, title, f"Patient: {given} {family}", f"Date of birth: {day}/{month}/{year}", "", *lines)


def waiting(folder: Path) -> Iterator[Upload]:
    """What will wait: documents of every reason, and sessions."""
    scratch = folder / "page.pdf"
    yield Upload(
        "documents/scan_0412.pdf",
        letter(
            scratch,
            JUAN,
            "Radiology report",
            "Chest X-ray, two views.",
            "The heart is of normal size. No effusion, no infiltrate.",
            "Impression: no acute finding.",
        ),
    )
    yield Upload(
        "documents/fax_2026-11-28.pdf",
        letter(
            scratch,
            MARIA,
            "Referral letter",
            "Dear colleague,",
            "thank you for a second opinion on her thyroid ultrasound.",
            "Kind regards, Dr. Rey",
        ),
    )
    yield Upload(
        "documents/discharge.pdf", letter(scratch, ANA, "Discharge summary", "Appendectomy, uneventful.")
    )
    yield Upload(
        "documents/vaccination.pdf", letter(scratch, LUCIA, "Vaccination record", "Tetanus, 2026-05-02.")
    )
    for number in range(1, 4):
        yield Upload(
            f"documents/{JUAN}/referral_{number}.txt",
            f"Referral {number} for Pedro Gomez Sanz, born 30/08/1955.\nKnee pain since October.\n".encode(),
            (("patient-id", PEDRO),),
        )
    for number, id_ in enumerate(("Juan_Perez_132", "Maria_Lopez_465", "Ana_Ruis_789"), 1):
        yield Upload(f"documents/{id_}/note_{number}.txt", f"Telephone note {number}.\n".encode())
    yield Upload("documents/ultrasound_copy.pdf", pdf(scratch, *ULTRASOUND))
    yield Upload("documents/ultrasound_again.pdf", pdf(scratch, *ULTRASOUND))
    for number in range(1, RESULTS + 1):
        yield Upload(
            f"inbound/lab-north/result_{number:02}.pdf",
            pdf(
                scratch,
                f"Laboratory North, sample {number}",
                "Quality control, no patient.",
                "Glucose 5.1 mmol/L",
            ),
        )
    yield Upload(f"documents/{MARKUP}", b"<script>document.title = 'run'</script> A note.\n")
    yield Upload("documents/page.html", (Path(__file__).parent / "hostile.html").read_bytes())
    yield Upload("scan.png", (SAMPLES / "scan.png").read_bytes())
    yield Upload("documents/leaflet.txt", b"Our new opening hours.\n")
    yield Upload("documents/question.txt", b"Who is this for?\n")
    yield Upload("documents/later.txt", b"To be decided later.\n")
    for session in ("visit_1", "visit_2"):
        for number, (role, text) in enumerate(
            (("user", "My knee hurts since Monday."), ("assistant", "Does it hurt at night?"))
        ):
            body = {
                "message": {"role": role, "content": [{"text": text}]},
                "message_id": number,
                "created_at": f"2026-11-28T10:0{number}:00+00:00",
            }
            yield Upload(
                f"sessions/session_{session}/agents/agent_intake/messages/message_{number}.json",
                json.dumps(body).encode(),
            )


ULTRASOUND = ("Thyroid ultrasound", "Two nodules in the left lobe, 6 and 9 mm.")
WAIT = 30


class Clinic:
    def __init__(self, aws: EmbeddedAws, connection: Connection, folder: Path) -> None:
        self.aws, self.connection = aws, connection
        self.entries = Entries(connection)
        self._queue, self._heard = listen(aws), list[dict[str, Any]]()
        patients = Patients(connection)
        for id_, (given, family, born, sex) in PATIENTS.items():
            statement = Statement((PersonName(given=(given,), family=family),), born, sex)
            patients.state(id_, "clinic", statement, None)
        self.put(Upload(f"documents/{MARIA}/ultrasound.pdf", pdf(folder / "page.pdf", *ULTRASOUND)))
        self.put(Upload(f"documents/{JUAN}/lab_2025.txt", b"Sodium 141\n"))
        eventually(lambda: self.entry(f"documents/{MARIA}/ultrasound.pdf"), 90)
        for upload in waiting(folder):
            self.put(upload)
        self.put(Upload("documents/empty.pdf", b""))
        eventually(lambda: len(self.waiting()) == WAIT, 180)

    def put(self, upload: Upload) -> None:
        self.connection.client("s3").put_object(
            Bucket=self.connection.landing,
            Key=upload.key,
            Body=upload.body,
            Metadata=dict(upload.metadata),
        )

    def entry(self, key: str) -> Entry | None:
        return self.entries.get(Source(self.connection.landing, key).source_id)

    def waiting(self) -> list[Entry | SessionSummary]:
        return list(self.entries.waiting())

    def patient_of(self, key: str) -> str | None:
        entry = self.entry(key)
        assert entry is not None
        return entry.patient

    def manifest(self, key: str) -> dict[str, Any]:
        entry = self.entry(key)
        assert entry is not None
        body = self.connection.client("s3").get_object(
            Bucket=entry.bucket, Key=f"{entry.prefix}_manifest.json"
        )["Body"]
        found: dict[str, Any] = json.loads(body.read())
        return found

    def announced(self) -> list[dict[str, Any]]:
        """Every event on the catalog bus so far, once each, in the order of the revisions of what it is about."""
        queue = self.aws.client("sqs")
        while messages := queue.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._heard.append(json.loads(message["Body"]))
                queue.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        each = {json.dumps([it["detail-type"], it["detail"]]): it for it in self._heard}
        return sorted(each.values(), key=lambda it: it["detail"].get("revision", 0))

    def decided(self) -> dict[str, set[tuple[str, str, str | None, str | None]]]:
        """All that the ledger has of decisions: (type, who, whose, why), by landing key or tree of a session."""
        table = self.aws.outputs["LedgerTableName"]
        pages = (
            self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        )
        found: dict[str, set[tuple[str, str, str | None, str | None]]] = {}
        for item in (item for page in pages for item in page["Items"]):
            assigned = assignment_in(item)
            each = [*entry_in(item).hints.values(), *([assigned] if assigned else [])]
            for one in each:
                assert one.decision is not None
                told = one.decision
                found.setdefault(item["source_id"]["S"], set()).add(
                    (told.type.value, told.decided_by, one.patient_id, told.reason)
                )
        return found

    def folders(self) -> set[str]:
        """The folders of the layout that hold something."""
        pages = (
            self.connection.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.connection.processed, Prefix="processed/")
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key.split("/")[1] for key in keys if not key.endswith("_manifest.json")}
