"""What is left of a patient, told by every store itself: it asks nothing of the code that is to delete it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from carefile.core.filing.layout import MANIFEST
from carefile.core.filing.tagging import pseudonym
from carefile.core.model import Patient, Source
from lambdas.adapters import aws
from tests.unit.histories import BROUGHT, KEYS, NOBODYS, PATIENTS, SESSIONS_COPIED, History
from tests.unit.world import LANDING, PROCESSED, REPORTS


def left_of(patient: str, told: History) -> list[str]:
    """Everything that any store still holds of a patient.

    What is another patient's by the catalog is that patient's as a whole: its landing key, its bytes and what its
    manifest repeats of these are no trace, whomever else they name.
    """
    return [*_in_landing(patient, told), *_in_layout(patient, told), *_in_tables(patient, told)]


def _others(patient: str, told: History) -> set[tuple[str, str]]:
    """Bucket and key of what is filed as another patient's now."""
    return {
        (item["landing_bucket"]["S"], item["landing_key"]["S"])
        for item in told.world.catalog()
        if "landing_key" in item
        and item["patient_ref_key"]["S"] in {f"PATIENT#{one}" for one in PATIENTS if one != patient}
    }


def _in_landing(patient: str, told: History) -> Iterator[str]:
    s3, others = told.world.s3, _others(patient, told)
    listed = s3.list_object_versions(Bucket=LANDING)
    for item in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        if (LANDING, item["Key"]) not in others and patient in item["Key"]:
            yield f"landing key {item['Key']}"
    filed = told.filed()
    for item in listed.get("Versions", ()):
        if item["Key"] == KEYS[0] and (item["Key"], item["VersionId"]) not in filed:
            found = s3.head_object(Bucket=LANDING, Key=item["Key"], VersionId=item["VersionId"])
            if found["Metadata"].get("patient-id") == patient:
                yield f"never filed: {item['Key']}"
    whose = told.whose()
    nobodys = {source.key for source, now in told.whose_now().items() if now is None}
    for original, copy in told.copied:
        if whose.get(original) == patient and copy in nobodys and copy not in SESSIONS_COPIED:
            yield f"copy {copy}"
    ref = pseudonym(Patient(patient), aws.pseudonym_key())
    for bucket in (LANDING, PROCESSED):
        for item in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
            which = {"Bucket": bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
            tags = {tag["Value"] for tag in s3.get_object_tagging(**which)["TagSet"]}
            if ref in tags:
                yield f"tag of {item['Key']}"


def _in_layout(patient: str, told: History) -> Iterator[str]:
    s3 = told.world.s3
    theirs = tuple(f"processed/{one}_" for one in PATIENTS if one != patient)
    gone = {
        (Source(LANDING, key).source_id, version)
        for (key, version), whose in told.whose().items()
        if whose == patient
    }
    listed = s3.list_object_versions(Bucket=PROCESSED)
    for item in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        if patient in item["Key"] and not item["Key"].startswith(theirs):
            yield f"key {item['Key']}"
    brought = patient in {whose for (key, _), whose in told.whose().items() if key == BROUGHT}
    for item in listed.get("Versions", ()):
        if item["Key"] == NOBODYS and (LANDING, BROUGHT) in _others(patient, told):
            continue
        if item["Key"] == NOBODYS and brought:
            yield f"bytes of what was brought in {NOBODYS}"
        found = s3.get_object(Bucket=PROCESSED, Key=item["Key"], VersionId=item["VersionId"])
        body, stamp = found["Body"].read().decode("utf-8", "replace"), dict(found["Metadata"])
        key = base64.b64decode(stamp.pop("carefile-key", "")).decode()
        if item["Key"].startswith(theirs):
            body = _claims(body) if item["Key"].endswith(MANIFEST) else ""
            key = ""
            stamp.pop("patient-id", None)
        if (found["Metadata"].get("carefile-source"), found["Metadata"].get("carefile-version")) in gone:
            yield f"bytes in {item['Key']}"
        if patient in body or patient in key or patient in repr(stamp):
            yield f"in {item['Key']}"


def _claims(manifest: str) -> str:
    """What a manifest says, but for its landing key and the evidence, which repeat what key, bytes and metadata say."""
    told = json.loads(manifest)
    told.get("classification", {}).pop("evidence", None)
    for part, names in (("source", ("key",)), ("owner", ("tree", "key"))):
        for name in names:
            told.get(part, {}).pop(name, None)
    return json.dumps(told)


def _in_tables(patient: str, told: History) -> Iterator[str]:
    others = {f"PATIENT#{one}" for one in PATIENTS if one != patient}
    for item in told.world.catalog():
        if item.get("patient_ref_key", {}).get("S") in others:
            item = {name: value for name, value in item.items() if name != "landing_key"}
        if patient in repr(item):
            yield f"catalog {item}"
    for table in ("ledger", "patients"):
        for item in told.world.dynamodb.scan(TableName=table)["Items"]:
            if patient in repr(item):
                yield f"{table} {item}"
    gone = {Source(LANDING, key).source_id for (key, _), whose in told.whose().items() if whose == patient}
    anothers = {Source(*one).source_id for one in _others(patient, told)}
    for it in told.world.s3.list_object_versions(Bucket=REPORTS).get("Versions", ()):
        which = {"Bucket": REPORTS, "Key": it["Key"], "VersionId": it["VersionId"]}
        source_id = it["Key"].split("/")[1]
        text = told.world.s3.get_object(**which)["Body"].read().decode()
        if source_id in gone or (patient in text and source_id not in anothers):
            yield f"reading {it['Key']}"
