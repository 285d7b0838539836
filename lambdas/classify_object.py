"""ClassifyObject: decide whether the input may enter, and what kind of object it is."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.intake_request import Shape, shape_of
from carefile.core.model import Disposition
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.contracts import conform
from lambdas.adapters.measures import Metric, measure
from lambdas.intake import wiring

admission = wiring.admission()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {input, execution, started?}. Returns {upload, classification}, or, of a leftover of a tool,
    {upload, disposition}: the intake ends there. The upload is {bucket, key, version?, version_id?, submitted?}, the
    last where another event than its own brought it in."""
    admitted = admission.admit(event["input"], event.get("started"))
    source, observed = admitted.request.source, admitted.observed
    upload: dict[str, Any] = {"bucket": source.bucket, "key": source.key}
    version_id = admitted.request.version_id or (observed and observed.version_id)
    version = admitted.request.version_id or (observed and observed.version)
    upload |= {name: value for name, value in (("version", version), ("version_id", version_id)) if value}
    if admitted.classification is None:
        measure({Metric.INTAKES: 1}, disposition=Disposition.IGNORED.value, kind="none")
        return {"upload": upload, "disposition": Disposition.IGNORED.value}
    if shape_of(event["input"]) in (Shape.OBJECT_SUBMITTED, Shape.REQUEST):
        upload["submitted"] = True
    logger.debug("classified", kind=admitted.classification.kind.value)
    return {"upload": upload, "classification": conform("classification", admitted.classification.to_json())}
