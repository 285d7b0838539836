"""What the longer expressions of the machine's file come to, in Python: for speed alone.

A twin is known by the whole text of its expression. When the text in the file changes, jsonata evaluates it and the
twin does nothing any more, which a test tells; another holds each twin against jsonata with the data of real runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Twin = Callable[[dict[str, Any]], Any]


def _classified(member: str, otherwise: Any) -> Twin:
    return lambda states: (states["input"].get("classification") or {}).get(member, otherwise)


def _uploaded_at(states: dict[str, Any]) -> Any:
    data, source = states["input"], states["context"]["Execution"]["Input"].get("source")
    if source not in ("aws.s3", "aws.guardduty") or data["disposition"] != "cataloged":
        return ""
    filed = [event for event in data["events"] if event["detail_type"] == "Object Cataloged"]
    return filed[0]["detail"]["source"].get("last_modified") if filed else None


def _tagged(states: dict[str, Any]) -> Any:
    return states["input"] | {"tag": states["result"]["Payload"]}


def _entries(states: dict[str, Any]) -> Any:
    if not states["input"].get("events"):
        return NotImplemented
    return [
        {
            "EventBusName": "catalog-bus",
            "Source": "carefile.catalog",
            "DetailType": event["detail_type"],
            "Detail": event["detail"],
        }
        for event in states["input"]["events"]
    ]


def _announced(states: dict[str, Any]) -> Any:
    data = states["input"]
    announced = [
        {"detail_type": event["detail_type"], "event_id": event["detail"]["event_id"]}
        for event in data["events"]
    ]
    output = {name: value for name, value in data.items() if name != "events"} | {"announced": announced}
    filed = [event for event in data["events"] if event["detail_type"] == "Object Cataloged"]
    return output | ({"location": filed[0]["detail"]["location"]} if filed else {})


def _named(states: dict[str, Any]) -> Any:
    data = states["input"]
    source = data.get("detail", {}).get("source") or data
    version_id = source.get("version_id")
    if version_id is None:
        return NotImplemented
    upload = {
        "bucket": source["bucket"],
        "key": source["key"],
        "version_id": version_id,
        "version": version_id,
    }
    return {"upload": upload, "pages": [], "next": 1}


def _pages_read(states: dict[str, Any]) -> Any:
    data, batch = states["input"], states["result"]["Payload"]
    pages = [*data["pages"], *batch["pages"]]
    # Of one page, JSONata makes it alone and an array again.
    return {"upload": data["upload"], "pages": pages, "next": batch["next"]}


def _pages(states: dict[str, Any]) -> Any:
    return states["input"]["pages"] or NotImplemented


TWINS: dict[str, Twin] = {
    "{% ($source := $exists($states.input.detail.source) ? $states.input.detail.source : $states.input; {'upload': "
    "$sift({'bucket': $source.bucket, 'key': $source.key, 'version_id': $source.version_id, 'version': "
    "$exists($source.version_id) ? $source.version_id : $source.etag & '@' & $source.last_modified}, "
    "function($value) { $exists($value) }), 'pages': [], 'next': 1}) %}": _named,
    "{% {'upload': $states.input.upload, 'pages': [$append($states.input.pages, $states.result.Payload.pages)], "
    "'next': $states.result.Payload.next} %}": _pages_read,
    "{% $states.input.pages %}": _pages,
    "{% $type($states.input.next) = 'number' and $states.input.next != 0 %}": lambda states: (
        states["input"]["next"] != 0
    ),
    "{% $states.input.next = 0 %}": lambda states: states["input"]["next"] == 0,
    "{% $exists($states.input.classification.kind) ? $states.input.classification.kind : 'none' %}": _classified(
        "kind", "none"
    ),
    "{% $exists($states.input.classification.patient) ? $states.input.classification.patient : {} %}": _classified(
        "patient", {}
    ),
    "{% $states.context.Execution.Input.source in ['aws.s3', 'aws.guardduty'] and $states.input.disposition = "
    "'cataloged' ? $states.input.events[detail_type = 'Object Cataloged'][0].detail.source.last_modified : '' "
    "%}": _uploaded_at,
    "{% $merge([$states.input, {'tag': $states.result.Payload}]) %}": _tagged,
    "{% ($assert($count($states.input.events.detail_type) > 0, 'nothing-to-announce: there is no event'); "
    "[$map($states.input.events, function($event) { {'EventBusName': 'catalog-bus', 'Source': 'carefile.catalog', "
    "'DetailType': $event.detail_type, 'Detail': $event.detail} })]) %}": _entries,
    "{% $merge([$sift($states.input, function($value, $name) { $name != 'events' }), {'announced': "
    "[$states.input.events.{'detail_type': detail_type, 'event_id': detail.event_id}], 'location': "
    "$states.input.events[detail_type = 'Object Cataloged'][0].detail.location}]) %}": _announced,
}
