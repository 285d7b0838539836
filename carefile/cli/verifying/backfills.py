"""Claims about Distributed Maps: what a backfill accepts, reads, writes and may do."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from carefile.cli.aws.map_runs import LISTS, RESULTS, Run, backfill_runs
from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, expect

_COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate"


def _expressions(site: Site) -> str:
    machine = site.connection.output("BackfillStateMachineArn")
    text = site.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"]
    maps = [state for state in json.loads(text)["States"].values() if state["Type"] == "Map"]
    names = ("MaxConcurrency", "ToleratedFailurePercentage")
    found = [name for name in names if any(str(state.get(name)).startswith("{%") for state in maps)]
    if not found:
        raise NotHere("the deployed definition has no expression there")
    return f"the deployed definition has expressions for {' and '.join(found)}"


def _nothing_there(site: Site) -> str:
    run = _run(site, f"documents/{site.token}/nothing/")
    expect(run.error == "NothingToTakeIn", f"a run over nothing ended {run.status}, {run.error}")
    return "a run over a prefix that holds nothing ended with NothingToTakeIn"


def _children(site: Site) -> str:
    run = _filed_again(site, "children")
    return f"{run.counts.get('succeeded')} of {run.counts.get('total')} children succeeded"


def _counted(site: Site) -> str:
    run = _filed_again(site, "counted")
    found = site.client("stepfunctions").describe_execution(executionArn=run.arn)
    counts = json.loads(found["output"]).get("objects", {})
    expect(counts.get("total") == 2, f"the execution's output counts {counts}")
    return f"the execution's output counts {counts['total']} objects"


def _filed_again(site: Site, name: str) -> Run:
    """A run over two objects that are filed already."""
    prefix = f"documents/{site.token}/{name}/"
    for number in range(2):
        site.filed(site.upload(f"{prefix}{site.token} {number}.txt", f"{name} {number}".encode()))
    run = _run(site, prefix)
    expect(run.status == "SUCCEEDED", f"the run ended {run.status}, {run.error}")
    return run


def _failed(site: Site, name: str) -> tuple[Run, str]:
    """A run that fails, as its only object is empty."""
    key = f"documents/{site.token}/{name}/{site.token}.txt"
    site.failed(site.upload(key, b""))
    run = _run(site, key)
    expect(run.status == "FAILED", f"a run over an empty file ended {run.status}")
    return run, key


def _results(site: Site) -> str:
    run, _ = _failed(site, "results")
    files = _files_of(site, run)
    expect(
        any("FAILED_" in key for key in files),
        f"the results of the failed run are {len(files)} files, none FAILED",
    )
    backfill_runs(site.connection).redrive(run.arn)
    site.until(lambda: _ended(site, run.arn), "the redriven run has not ended")
    again = _files_of(site, run)
    expect(len(again) > len(files), "the redrive wrote no further results")
    return f"{len(files)} files below the id of the Map Run, and {len(again)} after the redrive"


def _may_redrive(site: Site) -> str:
    run, key = _failed(site, "redriven")
    site.filed(site.upload(key, b"no longer empty"))
    backfill_runs(site.connection).redrive(run.arn)
    ended = site.until(lambda: _ended(site, run.arn), "the redriven run has not ended")
    expect(ended.status == "SUCCEEDED", f"the redriven run ended {ended.status}, {ended.error}")
    return "a failed run succeeded after its redrive"


def _inventory(site: Site) -> str:
    keys = [
        f"documents/{site.token}/inventory/{site.token} {name}" for name in ("a+b 50%25.txt", "100% ü.txt")
    ]
    for key in keys:
        site.filed(site.upload(key, key.encode()))
    rows = [
        [
            site.connection.landing,
            quote_plus(key, safe="/"),
            "v",
            "true",
            "false",
            "5",
            "2026-01-01T00:00:00.000Z",
        ]
        for key in keys
    ]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    bucket, folder = site.connection.output("ReportsBucketName"), f"{RESULTS}{LISTS}{site.token}/"
    site.journal.will_fill(bucket, folder)
    put = site.client("s3").put_object
    put(Bucket=bucket, Key=f"{folder}data.csv.gz", Body=gzip.compress(text.getvalue().encode()))
    manifest = {
        "sourceBucket": site.connection.landing,
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "version": "2016-11-30",
        "creationTimestamp": "1764032400000",
        "fileFormat": "CSV",
        "fileSchema": _COLUMNS,
        "files": [{"key": f"{folder}data.csv.gz", "size": 1, "MD5checksum": ""}],
    }
    put(Bucket=bucket, Key=f"{folder}manifest.json", Body=json.dumps(manifest).encode())
    run = _run(
        site,
        f"documents/{site.token}/inventory/",
        inventory={"bucket": bucket, "key": f"{folder}manifest.json"},
    )
    expect(run.status == "SUCCEEDED", f"the run over an inventory ended {run.status}, {run.error}")
    dispositions = backfill_runs(site.connection).dispositions(run)
    expect(dispositions["duplicate"] == len(keys), f"the run ended with {dict(dispositions)}")
    return f"{len(keys)} rows with encoded keys led to the uploads of these names"


def _run(site: Site, prefix: str, **more: Any) -> Run:
    runs = backfill_runs(site.connection)
    site.journal.will_run(runs.machine)
    request = {"bucket": site.connection.landing, "prefix": prefix, "tolerated_failure_percentage": 0, **more}
    arn = runs.start(request)
    return site.until(lambda: _ended(site, arn), "the run has not ended")


def _ended(site: Site, arn: str) -> Run | None:
    run = backfill_runs(site.connection).describe(arn)
    return None if run.status == "RUNNING" else run


def _files_of(site: Site, run: Run) -> set[str]:
    bucket, name = site.connection.output("ReportsBucketName"), (run.map_run or "").rpartition(":")[2]
    pages = (
        site.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{RESULTS}{name}/")
    )
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def _claim(text: str, by_hand: str, look: Callable[[Site], str], uploads: int = 0, **more: Any) -> Claim:
    runs = 0 if look is _expressions else 1
    return Claim(text, by_hand, look, seconds=300 if runs else 60, uploads=uploads, runs=runs, **more)


CLAIMS = (
    _claim(
        "`MaxConcurrency` and `ToleratedFailurePercentage` of a Distributed Map accept a JSONata expression",
        "deploy; `create-state-machine` rejects the definition otherwise",
        _expressions,
    ),
    _claim(
        "A Map Run that failed, or was redriven, has its FAILED and PENDING results below `backfill/<id of the Map "
        "Run>/`",
        "a backfill over empty files beyond the tolerance; list the reports bucket; redrive it, list again",
        _results,
        uploads=1,
    ),
    _claim(
        "The children of the backfill may use the records' key, in whose encryption context the state machine's name "
        "is followed by the map's label",
        "any backfill",
        _children,
        uploads=2,
        embedded="does not check key policies",
    ),
    _claim(
        "A Distributed Map over an empty listing, inventory or list succeeds, and its Map Run counts 0 items",
        "start the machine Backfill with a prefix that holds nothing: `NothingToTakeIn`",
        _nothing_there,
    ),
    _claim(
        "The rows of an inventory reach the items with keys URL-encoded as in the CSV, under the column names of "
        "`fileSchema`, and `$decodeUrlComponent` is available",
        "an inventory over keys like `a+b 50%25.pdf`; `carefile backfill --inventory` files them under their names",
        _inventory,
        uploads=2,
    ),
    _claim(
        "The state machine may describe its own Map Run once it has ended, and `ItemCounts` is in the result",
        "any backfill: the execution's output has the counts",
        _counted,
        uploads=2,
    ),
    _claim(
        "The backfill's role may start, describe, stop and redrive its children",
        "a backfill; a redrive of a failed one",
        _may_redrive,
        uploads=2,
    ),
)
