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


def provenance_of(id_: str, kind: str, recorded_at: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Convert what is told of a decision; of one whose content was deleted, what is left: that there was one."""
    patient = told.get("patient_id")
    patients = [one for one in (told.get("from"), patient) if one]
    targets = [] if told.get("from") else [_target(told)]
    targets += [{"type": "Patient", "identifier": {"system": _PATIENT, "value": one}} for one in patients]
    agents = [_agent("author", {"display": told.get("decided_by", _FORGOTTEN)})]
    if principal := told.get("principal"):
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
    if at := told.get("decided_at"):
        found["occurredDateTime"] = at
    if why := told.get("reason"):
        found["reason"] = [{"text": why}]
    return found


def _target(told: Mapping[str, Any]) -> dict[str, Any]:
    path = told.get("key") or told.get("tree")
    if path is None:
        return {"type": "DocumentReference", "display": _FORGOTTEN}
    source = Source(told["bucket"], path)
    return {
        "type": "DocumentReference",
        "identifier": {"system": _SOURCE, "value": source.source_id},
        "display": f"s3://{source.bucket}/{source.key}",
    }


def _agent(kind: str, who: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": kind}]}, "who": who}
