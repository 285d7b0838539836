"""Reconstruct the entry of an adopted object from S3 alone: its place, its metadata and its adoption tag."""

from __future__ import annotations

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import head, tags
from carefile.core.deciding.adoption import classify_standing
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.tagging import adopted_revision
from carefile.core.messages.events import iso_8601
from carefile.core.messages.head import observed
from carefile.core.model import Source
from carefile.core.records.catalog import Entry
from carefile.core.records.recovery import entry_of_adopted


def entry_in_place(connection: Connection, rules: RuleTable, source: Source) -> Entry | None:
    """Return the entry that the adoption of the current version announced; None if it is not marked as adopted."""
    standing = connection.layout.standing(source.key)
    found = head(connection, source.bucket, source.key)
    if standing is None or found is None:
        return None
    seen = observed(source, found)
    revision = adopted_revision(tags(connection, source.bucket, source.key) or {}, seen.version)
    if revision is None:
        return None
    what = classify_standing(standing, seen.metadata, rules)
    return entry_of_adopted(seen, standing.folder, what, revision, iso_8601(found["LastModified"]))
