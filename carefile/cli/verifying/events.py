"""Claims about rules and buses: what starts an intake, what keys encrypt, what is archived."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carefile.cli.again.dead_letters import DeadLetters, Queue
from carefile.cli.aws.executions import Executions
from carefile.cli.rule_table import rules_of
from carefile.cli.verifying.claim import Claim, Group
from carefile.cli.verifying.outcome import Inconclusive, NotHere
from carefile.cli.verifying.site import Site, expect

# Kept out by every rule table that the project ships.
_LEFTOVERS = ("folder/.DS_Store", "__MACOSX/a.txt", "folder/Thumbs.db", "a.filepart", "folder/a.crdownload")


def _pattern(site: Site) -> str:
    pattern = json.loads(upload_rule(site)["EventPattern"])
    if "aws.s3" not in pattern.get("source", ()):
        raise NotHere("the stage's rule waits for the verdicts of malware protection")
    wanted = (f"documents/{site.token}/a+b 50%25.pdf", f"{site.token}/plain.txt")
    rules = rules_of(site.connection)
    leftovers = [key for key in _LEFTOVERS if rules.ignores(key)]
    unwanted = (f"{site.connection.layout.prefix}{site.token}/a.txt", f"{site.token}/", *leftovers)
    for key, expected in (*((key, True) for key in wanted), *((key, False) for key in unwanted)):
        matches = _matches(site, pattern, key)
        if matches != expected:
            expect(
                False,
                f"the pattern {'matches' if matches else 'does not match'} a key like {_shape(site, key)}",
            )
    return f"the pattern matches {len(wanted)} uploads and none of {len(unwanted)} keys that it keeps out"


def _matches(site: Site, pattern: Mapping[str, Any], key: str) -> bool:
    detail = {"bucket": {"name": site.connection.landing}, "object": {"key": key}}
    event = {
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "account": "123456789012",
        "source": "aws.s3",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail-type": "Object Created",
        "detail": detail,
    }
    done = site.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
    return bool(done["Result"])


def _shape(site: Site, key: str) -> str:
    return key.replace(site.token, "…")


def upload_rule(site: Site) -> dict[str, Any]:
    """The rule that starts intakes of uploads."""
    for logical, physical in site.connection.resources("AWS::Events::Rule"):
        if "UploadRule" in logical:
            found: dict[str, Any] = site.client("events").describe_rule(Name=physical)
            return found
    raise NotHere("the stack has no rule UploadRule")


def _keys_of_buses(site: Site) -> str:
    """Deny the rule's role the start of an execution: EventBridge then hands the event to the dead-letter queue."""
    sent = site.upload(site.key("submitted.txt"))
    site.filed(sent)
    site.send("Object Submitted", {"bucket": sent.source.bucket, "key": sent.source.key})
    executions = Executions(site.connection)
    site.until(
        lambda: any(
            "Object Submitted" in found.input
            for found in executions.about(sent.source.bucket, sent.source.key, sent.at)
        ),
        "no execution was started by an event on the intake bus",
    )
    rule = upload_rule(site)
    targets = site.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    role = str(targets[0]["RoleArn"]).rpartition("/")[2]
    site.journal.will_send_to(Queue.INTAKES.value)
    letters = DeadLetters(site.connection)
    with site.denied(role, "states:StartExecution"):
        undelivered = site.upload(site.key("undelivered.txt"))
        source = undelivered.source

        def arrived() -> bool:
            if any(executions.about(source.bucket, source.key, undelivered.at)):
                raise Inconclusive(
                    "the event was delivered: the change of the rule's role came too late, repeat the check"
                )
            return any(one.about == source.key for one in letters.look(Queue.INTAKES, 100))

        site.until(arrived, "an event that could not be delivered is not in the dead-letter queue", every=5)
    machine = site.client("stepfunctions").describe_state_machine(stateMachineArn=site.connection.machine)
    (log,) = machine["loggingConfiguration"]["destinations"]
    group = log["cloudWatchLogsLogGroup"]["logGroupArn"].removesuffix(":*").partition(":log-group:")[2]
    streams = site.client("logs").describe_log_streams(logGroupName=group, limit=1)["logStreams"]
    expect(streams, "the state machine's log group has no stream")
    return "the intake bus, a dead-letter queue and the delivery of logs work with their keys"


def _archives(site: Site) -> str:
    stage = site.connection.setting("STAGE")
    events, states = site.client("events"), {}
    names = [physical for _, physical in site.connection.resources("AWS::Events::Archive")]
    for name in names:
        found = events.describe_archive(ArchiveName=name.rpartition("|")[2] or name)
        states[found["ArchiveName"]] = found["State"]
    if not names:
        raise NotHere("the stage archives no events")
    wrong = sorted({state for state in states.values() if state != "ENABLED"})
    expect(not wrong, f"an archive is {', '.join(wrong)}")
    found = site.client("schemas").list_schemas(RegistryName=f"carefile-{stage}")["Schemas"]
    expect(found, "the schema registry is empty")
    return f"{len(states)} archives are enabled, and the registry has {len(found)} schemas"


CLAIMS = (
    Claim(
        "`anything-but` with `wildcard` keeps `processed/…`, `…/` and leftovers of tools from the state machine, and "
        "its seventeen other wildcards are not too complex",
        "`aws events test-event-pattern` with the rule's pattern and an event of each kind; deploy",
        _pattern,
    ),
    Claim(
        "The buses, the dead-letter queues and the log delivery may use their keys",
        "disable and enable a rule's target; the event arrives, or is in the queue",
        _keys_of_buses,
        seconds=400,
        uploads=3,
        group=Group.INTRUSIVE,
        embedded="puts nothing into the dead-letter queue of a rule",
    ),
    Claim(
        "The archives may use the records' key, and the schema registry accepts the converted schemas",
        "deploy; `aws events describe-archive`, `aws schemas list-schemas --registry-name carefile-$STAGE`",
        _archives,
        embedded="has neither archives nor a schema registry",
    ),
)
