"""How a document's content is read and shown. The readers are loaded with the first document, never for a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carefile.core.deciding.patient_fields import PatientFields
from carefile.core.filing.layout import original_key
from carefile.core.model import Classification, DecisionType, Observation
from lambdas.adapters.landing import Landing

if TYPE_CHECKING:
    from carefile.core.documents.extraction import Extraction


@dataclass(frozen=True)
class Documents:
    landing: Landing
    fields: PatientFields
    reads_scans: bool = False

    def read(self, observed: Observation) -> Extraction | None:
        """What the readers find in the first bytes of this version; None when it is gone."""
        from carefile.core.documents.scans import awaiting, shows_text
        from lambdas.readers import MAX_READ, Content, read

        data = self.landing.read(observed, MAX_READ)
        if data is None:
            return None
        name = observed.source.key.rpartition("/")[2]
        content = Content(data, observed.size, dict(observed.headers).get("ContentEncoding", ""))
        extraction = read(content, name=name, declared_type=observed.content_type, fields=self.fields)
        return awaiting(extraction) if self.reads_scans and shows_text(extraction) else extraction

    def page(self, observed: Observation, classification: Classification, extraction: Extraction) -> bytes:
        from carefile.page.evidence import who_decided, why_unknown
        from carefile.page.render import PageHeader, render

        patient, decision = classification.patient, classification.decision
        nobodys = decision is not None and decision.type is DecisionType.NOBODY
        label = patient.id if patient.id is not None else f"unknown ({patient.reason})"
        header = PageHeader(
            title=classification.document_name,
            kind=classification.kind.value,
            patient="nobody's" if nobodys else label,
            received=observed.last_modified,
            source=f"s3://{observed.source.bucket}/{observed.source.key}",
            version=observed.version,
            original=original_key("", classification.extension),
            statements=() if nobodys else why_unknown(patient, classification.evidence),
            decision=who_decided(decision),
        )
        return render(extraction, header).encode("utf-8")
