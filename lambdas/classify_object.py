"""ClassifyObject: decide whether the input may enter, and what kind of object it is."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.upload import NamedUpload
from carefile.core.model import Disposition
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.contracts import conform
from lambdas.adapters.measures import Metric, measure
from lambdas.intake import wiring

admission = wiring.admission()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {input, execution, started?}. Returns {upload, classification}, or, of a leftover of a tool,
    {upload, disposition}: the intake ends there. The upload is {bucket, key, version?, version_id?}."""
    admitted = admission.admit(event["input"], event.get("started"))
    asked, observed = admitted.request, admitted.observed
    upload = NamedUpload(
        asked.source,
        asked.version_id or (observed.version if observed else None),
        asked.version_id or (observed.version_id if observed else None),
    ).to_json()
    if admitted.classification is None:
        measure({Metric.INTAKES: 1}, disposition=Disposition.IGNORED.value, kind="none")
        return {"upload": upload, "disposition": Disposition.IGNORED.value}
    logger.debug("classified", kind=admitted.classification.kind.value)
    return {"upload": upload, "classification": conform("classification", admitted.classification.to_json())}
