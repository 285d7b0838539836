"""Claims about an upload that is filed: its event, the tables, what a document's reader may do."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import Executions
from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, expect
from carefile.core.filing.layout import extracted_key
from carefile.core.records.catalog import CONTENT_INDEX, KEY
from carefile.core.records.session_entries import MAX_RECENT, Place

_NAMED = 1000
_PAYLOAD = 256 * 1024  # Step Functions, an input or output
# One page that says `hello`.
_PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R
/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 35>>stream
BT /F 12 Tf 20 50 Td (hello) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""


def _raw_keys(site: Site) -> str:
    key = site.key("a+b 50%25.txt")
    entry = site.filed(site.upload(key))
    expect(entry.landing_key == key, "the catalog names the upload by another key")
    if site.is_express:
        return "the upload was filed under its very key"
    found = site.execution(entry)
    expect(json.dumps(key) in found.input, "the execution's input names the key in another form")
    return "the execution's input has the key as it was uploaded"


def _deleted_key(site: Site) -> str:
    sent = site.upload(site.key("deleted.txt"))
    site.filed(sent)
    s3, named = site.client("s3"), {"Bucket": sent.source.bucket, "Key": sent.source.key}
    s3.delete_object(**named)
    try:
        s3.head_object(**named)
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
        marker = answer["HTTPHeaders"].get("x-amz-delete-marker")
        said = f"HEAD answered {answer['HTTPStatusCode']}, x-amz-delete-marker: {marker}"
        expect((answer["HTTPStatusCode"], marker) == (404, "true"), said)
        return said
    expect(False, "HEAD found the deleted object")
    return ""


def _tables(site: Site) -> str:
    entry = site.filed(site.upload(site.key("tables.txt")))
    return f"the ledger and the catalog have the upload, at revision {entry.revision}"


def _missing_manifest(site: Site) -> str:
    entry = site.filed(site.upload(site.key("first.txt")))
    return f"the first upload of a document was filed at revision {entry.revision}"


def _sessions(site: Site) -> str:
    entry = site.filed(site.upload(site.session_key("stream", "notes.txt")))
    place = Place(entry.bucket, entry.prefix)
    entries = Entries(site.connection)
    found = site.until(lambda: entries.session(place), "the session has no entry in the catalog")
    expect(found.objects == 1, f"the session's entry counts {found.objects} objects")
    function = site.connection.function("IndexSessions")
    mappings = site.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    # Between batches it may also say that there were no records.
    problems = [last for one in mappings if "PROBLEM" in (last := one.get("LastProcessingResult") or "")]
    expect(mappings and not problems, f"the event source mapping says {', '.join(problems) or 'nothing'}")
    return "the session's entry counts its object"


def _long_session(site: Site) -> str:
    count = MAX_RECENT + 1
    sent = [site.upload(site.session_key("long", f"notes_{number}.txt")) for number in range(count)]
    filed = [site.filed(one) for one in sent]
    place, entries = Place(filed[0].bucket, filed[0].prefix), Entries(site.connection)

    def counted() -> bool:
        found = entries.session(place)
        return found is not None and found.objects == count

    site.until(counted, f"the session's entry does not count its {count} objects")
    part = {KEY: {"S": place.part(0)}}
    found = site.client("dynamodb").get_item(TableName=site.connection.catalog_table, Key=part).get("Item")
    expect(found, f"the entry of a session of {count} objects has no part")
    return f"the entry of a session counts its {count} objects, and has a part"


def _many_candidates(site: Site) -> str:
    body = json.dumps([{"patient_id": f"{site.token}-{number}"} for number in range(_NAMED)])
    entry = site.filed(site.upload(site.key("many.json"), body.encode(), ContentType="application/json"))
    if site.is_express:
        return f"a document that names {_NAMED} patients was filed"
    found = site.execution(entry)
    longest = max(len(json.dumps(event, default=str)) for event in _history(site, found.listed.arn))
    expect(longest < _PAYLOAD, f"an event of the history has {longest} characters")
    return f"a document that names {_NAMED} patients was filed; the longest event has {longest} characters"


def _history(site: Site, arn: str) -> list[dict[str, object]]:
    return list(Executions(site.connection).history(arn))


def _same_bytes(site: Site) -> str:
    found = site.client("dynamodb").describe_table(TableName=site.connection.catalog_table)["Table"]
    # The embedded AWS names no status.
    indexes = {one["IndexName"]: one.get("IndexStatus", "ACTIVE") for one in found["GlobalSecondaryIndexes"]}
    state = indexes.get(CONTENT_INDEX, "missing")
    expect(state == "ACTIVE", f"the index is {state}")
    entries, body = Entries(site.connection), f"the same bytes of {site.token}".encode()
    first = site.filed(site.upload(site.key("same.txt"), body))
    site.filed(site.upload(site.key("same again.txt"), body))
    site.until(lambda: entries.same_bytes(first), "the index does not lead from one upload to the other")
    raise NotHere(
        "only the upgrade of a filled stage can settle it; the index is active and finds two uploads of the same bytes"
    )


def _isolated_reader(site: Site) -> str:
    entry = site.filed(site.upload(site.key("page.pdf"), _PDF, ContentType="application/pdf"))
    stored = site.client("s3").get_object(Bucket=entry.bucket, Key=extracted_key(entry.prefix))["Body"]
    record = json.loads(stored.read())
    said = f"the PDF's record has the status {record.get('status')}"
    expect(record.get("status") == "read", f"{said}, reason {record.get('reason')}")
    return said


CLAIMS = (
    Claim(
        "Object keys in the events are raw",
        "upload `a+b 50%25.pdf`; the execution's input shows that very key",
        _raw_keys,
        uploads=1,
    ),
    Claim(
        "HEAD of a deleted key answers 404 with `x-amz-delete-marker: true` to a role that has `s3:ListBucket`",
        "delete an object, `aws s3api head-object --debug`",
        _deleted_key,
        uploads=1,
    ),
    Claim(
        "Roles with `kms:Decrypt` and `kms:DescribeKey` through DynamoDB may use tables under the customer-managed key",
        "any upload; then `aws dynamodb scan` on the catalog",
        _tables,
        uploads=1,
        embedded="does not check key policies",
    ),
    Claim(
        "`StringLikeIfExists` on `s3:prefix` gives 404, not 403, for a manifest that does not exist",
        "the first upload of a document; NormaliseDocument succeeds",
        _missing_manifest,
        uploads=1,
    ),
    Claim(
        "The catalog's stream reaches IndexSessions under the records' key, in batches of up to ten seconds, with "
        "sessions' objects only",
        "upload a session; `aws lambda get-event-source-mapping` says OK, `carefile catalog --sessions` shows it",
        _sessions,
        uploads=1,
    ),
    Claim(
        f"A session of more than {MAX_RECENT} objects goes into parts: IndexSessions may write item and parts in one "
        "transaction with its permissions for single items",
        "upload a session of 60 messages; `carefile show` its folder: 60 messages, and the catalog has items "
        "`session#…#0`",
        _long_session,
        seconds=300,
        uploads=MAX_RECENT + 1,
    ),
    Claim(
        "No field of history or events exceeds 256 KiB with twenty candidate patient ids in the record",
        "file a JSON with 1,000 different `patient_id`s",
        _many_candidates,
        uploads=1,
    ),
    Claim(
        "The index `by-content` is built when a filled stage is upgraded",
        "upgrade; upload one file for two patients: the alarm BytesOfTwoPatients",
        _same_bytes,
        uploads=2,
    ),
    Claim(
        "A function may filter the system calls of its reader (`prctl`, seccomp); if it may not, no isolated document "
        "is read",
        "upload a PDF: its `extracted_data.json` has `status` `read`, and not the reason `damaged`",
        _isolated_reader,
        uploads=1,
    ),
)
