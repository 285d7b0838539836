"""A decision as a Provenance of FHIR R4: who decided about which source, or which two patients, when, why, and with
whose credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carefile.core.model import Source

_SYSTEM = "urn:carefile:decision"
_SOURCE, _PATIENT, _PRINCIPAL = "urn:carefile:source", "urn:carefile:patient", "urn:carefile:principal"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_FORGOTTEN = "deleted with the patient's data"


def provenance_of(id_: str, kind: str, recorded_at: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the content of a decision; where that was deleted, say only that there was a decision."""
    patient = content.get("patient_id")
    patients = [one for one in (content.get("from"), patient) if one]
    targets = [] if content.get("from") else [_target(content)]
    targets += [{"type": "Patient", "identifier": {"system": _PATIENT, "value": one}} for one in patients]
    agents = [_agent("author", {"display": content.get("decided_by", _FORGOTTEN)})]
    if principal := content.get("principal"):
        identified = {"identifier": {"system": _PRINCIPAL, "value": principal}}
        agents.append(_agent("transmitter", identified))
    found: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": id_,
        "target": targets,
        "recorded": recorded_at,
        "activity": {"coding": [{"system": _SYSTEM, "code": kind}]},
        "agent": agents,
    }
    if at := content.get("decided_at"):
        found["occurredDateTime"] = at
    if why := content.get("reason"):
        found["reason"] = [{"text": why}]
    return found


def _target(content: Mapping[str, Any]) -> dict[str, Any]:
    path = content.get("key") or content.get("tree")
    if path is None:
        return {"type": "DocumentReference", "display": _FORGOTTEN}
    source = Source(content["bucket"], path)
    return {
        "type": "DocumentReference",
        "identifier": {"system": _SOURCE, "value": source.source_id},
        "display": f"s3://{source.bucket}/{source.key}",
    }


def _agent(kind: str, who: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": kind}]}, "who": who}
