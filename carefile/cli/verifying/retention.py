"""Claims about what time removes, and what forgetting a patient removes."""

from __future__ import annotations

from datetime import timedelta

from botocore.exceptions import ClientError

from carefile.cli.patients.person import Person
from carefile.cli.rule_table import rules_of
from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.journal import Undo
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, answered, expect

_ONCE_A_DAY = "S3 applies lifecycle rules once a day"


def _forgotten(site: Site) -> str:
    s3, landing = site.client("s3"), site.connection.landing
    try:
        lock = s3.get_object_lock_configuration(Bucket=landing).get("ObjectLockConfiguration", {})
    except ClientError:
        raise NotHere("the stage has no object_lock") from None
    held, free = site.upload(site.key("held.txt"), b"held"), site.upload(site.key("free.txt"), b"free")
    for sent in (held, free):
        site.filed(sent)
    version = {"Bucket": landing, "Key": held.source.key, "VersionId": held.version_id}
    off = Undo("s3", "put_object_legal_hold", {**version, "LegalHold": {"Status": "OFF"}})
    site.journal.will_register(site.token)
    with site.changed(off):
        s3.put_object_legal_hold(**version, LegalHold={"Status": "ON"})
        person = Person(
            site.connection,
            site.token,
            rules_of(site.connection),
            rest=timedelta(0),
            bypass="Rule" in lock,  # the stage retains every version for some days
            settled=timedelta(0),
        )
        person.look()
        tally = person.forget()
        expect(not tally.left, f"{len(tally.left)} versions could not be deleted")
        expect(
            [source.key for source in tally.held] == [held.source.key],
            "the upload under legal hold is not kept",
        )
        gone = answered(
            lambda: s3.head_object(Bucket=landing, Key=free.source.key, VersionId=free.version_id)
        )
        expect(gone, "a version of the forgotten patient is still there")
    return "forgetting a patient deleted one upload for good and kept the other, which is under legal hold"


CLAIMS = (
    Claim(
        "Lifecycle rules of `retention` leave manifests alone and remove lone delete markers",
        'a stage with `"retention": [{"kind": "document", "expire_days": 1, "older_versions_days": 1}]`',
        never=_ONCE_A_DAY,
    ),
    Claim(
        "Lifecycle rules by tag expire filed landing versions, current and not, and no others",
        "a stage with `filed_expiry_days: 1`",
        never=_ONCE_A_DAY,
    ),
    Claim(
        "`carefile forget` deletes versions under the records' key, and keeps one under legal hold",
        "a stage with `object_lock`; place a hold on one of two uploads, forget the patient",
        _forgotten,
        seconds=600,
        uploads=2,
    ),
)
