"""`make backfill N=5000`: runs a real backfill on the embedded AWS with the deployed template.

    python -m benchmarks.backfill [--most 5000]

Session objects and documents, four to one, are uploaded with notifications off. Then `carefile backfill` takes in
prefixes of 100 up to --most objects, and finally the largest one again, which must yield only duplicates and copy
nothing. Elapsed and processor time must scale linearly: the exit code is 1 if they do not, or if any object ended
unexpectedly. The bill of a million objects comes from counted operations, as in `make cost`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tests.conftest  # noqa: F401 - the environment that the functions are imported in
from benchmarks import bill
from benchmarks.backfill_curve import Curve, curve
from benchmarks.counting import count
from infrastructure.watching import prices
from local import deployment, processes
from tests.embedded import EmbeddedAws, running

RESULTS = Path(__file__).parent / "results"
STEPS = (100, 500, 1000, 2500, 5000)
# Per patient: one conversation and some documents.
OBJECTS_A_PATIENT, OF_THEM_DOCUMENTS = 30, 6
BODY = b'{"text": "' + b"x" * 1987 + b'"}'
WARM = "Warm"
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Run:
    """One backfill.

    `seconds` is the Map Run's duration, `cpu_seconds` that of the embedded AWS and its functions, `copies` the number
    of versions added to the layout.
    """

    objects: int
    seconds: float
    cpu_seconds: float
    aws_mb: int
    command_mb: int
    dispositions: dict[str, int]
    copies: int
    exit_code: int

    @property
    def rate(self) -> float:
        return self.objects / self.seconds


def keys(name: str, count: int) -> Iterator[str]:
    """Yield `count` keys under the prefix `{name}_`: patients with a session and some documents each."""
    for number in range(count):
        patient, place = divmod(number, OBJECTS_A_PATIENT)
        if place < OF_THEM_DOCUMENTS:
            yield f"{name}_{patient}/letters/letter_{place}.json"
        else:
            yield f"{name}_{patient}/session_1/agents/agent_intake/messages/message_{place}.json"


def steps(most: int) -> tuple[int, ...]:
    """The sizes up to and including `most`; at least two, to fit a curve."""
    smaller = tuple(step for step in STEPS if step < most)
    return (*(smaller or (max(1, most // 4),)), most)


class Bench:
    def __init__(self, aws: EmbeddedAws, progress: Progress) -> None:
        self._aws, self._progress = aws, progress
        self._s3, self._steps = aws.client("s3"), aws.client("stepfunctions")
        self._landing = aws.outputs["LandingBucketName"]
        self._processed = aws.outputs["ProcessedBucketName"]

    def put(self, name: str, count: int) -> None:
        """Upload objects that no rule sees, as if they predated the pipeline."""
        task = self._progress.add_task(f"putting {count} objects", total=count)

        def one(key: str) -> None:
            self._s3.put_object(Bucket=self._landing, Key=key, Body=BODY)
            self._progress.advance(task)

        with self._notifications_off(), ThreadPoolExecutor(4) as pool:
            list(pool.map(one, keys(name, count)))
        self._progress.remove_task(task)

    @contextmanager
    def _notifications_off(self) -> Iterator[None]:
        silent: dict[str, Any] = {}
        set_to = self._s3.put_bucket_notification_configuration
        before = self._s3.get_bucket_notification_configuration(Bucket=self._landing)
        set_to(Bucket=self._landing, NotificationConfiguration=silent)
        try:
            yield
        finally:
            kept = {"EventBridgeConfiguration": before.get("EventBridgeConfiguration", {})}
            set_to(Bucket=self._landing, NotificationConfiguration=kept)

    def backfill(self, name: str, count: int, label: str) -> Run:
        """Backfill the prefix with the command, as an operator does."""
        before, cpu = self._versions(), _processes(self._pid).cpu_seconds
        task = self._progress.add_task(label, total=count)
        with tempfile.TemporaryFile() as output:
            command = [sys.executable, "-P", "-m", "carefile", "backfill", f"s3://{self._landing}/{name}_"]
            settings = self._aws.settings
            environment = os.environ | settings.credentials | {"CAREFILE_STACK": settings.stack_name}
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
            aws_mb = command_mb = 0
            while process.poll() is None:
                aws_mb = max(aws_mb, _processes(self._pid).memory_mb)
                command_mb = max(command_mb, _processes(process.pid).memory_mb)
                self._progress.update(task, completed=self._done())
                time.sleep(POLL_SECONDS)
            output.seek(0)
            printed = output.read().decode(errors="replace")
        if process.returncode not in (0, 1) or not self._latest():
            raise RuntimeError(printed)
        cpu = _processes(self._pid).cpu_seconds - cpu
        self._progress.update(task, completed=count)
        run = self._steps.describe_execution(executionArn=self._latest()["executionArn"])
        return Run(
            count,
            (run["stopDate"] - run["startDate"]).total_seconds(),
            cpu,
            aws_mb,
            command_mb,
            self._ended(run["executionArn"]),
            self._versions() - before,
            process.returncode,
        )

    @property
    def _pid(self) -> int:
        found = processes.find(self._aws.settings)
        assert found is not None  # noqa: S101 - it was started here
        return found.aws_pid

    def _latest(self) -> Any:
        arn = self._aws.outputs["BackfillStateMachineArn"]
        listed = self._steps.list_executions(stateMachineArn=arn, maxResults=1)["executions"]
        return listed[0] if listed else None

    def _done(self) -> int:
        latest = self._latest()
        if not latest or latest["status"] != "RUNNING":
            return 0
        runs = self._steps.list_map_runs(executionArn=latest["executionArn"])["mapRuns"]
        if not runs:
            return 0
        counts = self._steps.describe_map_run(mapRunArn=runs[-1]["mapRunArn"])["itemCounts"]
        return int(counts["succeeded"] + counts["failed"])

    def _ended(self, execution: str) -> dict[str, int]:
        """Count the objects by disposition, from the results that the run wrote."""
        (run,) = self._steps.list_map_runs(executionArn=execution)["mapRuns"]
        bucket, counts = self._aws.outputs["ReportsBucketName"], Counter[str]()
        folder = f"backfill/{run['mapRunArn'].rpartition(':')[2]}/"
        for item in self._s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", ()):
            if not item["Key"].endswith(".jsonl"):
                continue
            for line in self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].iter_lines():
                result = json.loads(line)
                counts[json.loads(result.get("Output") or "{}").get("disposition", result["Status"])] += 1
        return dict(counts)

    def _versions(self) -> int:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._processed)
        return sum(len(page.get("Versions", ())) for page in pages)


@dataclass(frozen=True)
class Processes:
    """Resource use of a process and its children: the embedded AWS and its function workers."""

    memory_mb: int
    cpu_seconds: float


def _processes(pid: int) -> Processes:
    """Measure a process; memory excludes the function workers, which on AWS run elsewhere."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss=,time="], capture_output=True, text=True, check=True
    )
    memory, cpu = 0, 0.0
    for line in listed.stdout.splitlines():
        its_pid, parent, resident, used = line.split()
        if int(its_pid) == pid:
            memory = int(resident) // 1024
        if pid in (int(its_pid), int(parent)):
            cpu += _ticks(int(its_pid)) or _seconds(used)
    return Processes(memory, cpu)


def _ticks(pid: int) -> float | None:
    """A process's processor time in hundredths of a second, where the system reports it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _seconds(text: str) -> float:
    """Parse a duration of `ps`: [[days-]hours:]minutes:seconds."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + int(days or 0) * 86_400


@dataclass(frozen=True)
class Result:
    runs: tuple[Run, ...]
    again: Run

    @property
    def by_time(self) -> Curve:
        return curve([run.objects for run in self.runs], [run.seconds for run in self.runs])

    @property
    def by_cpu(self) -> Curve:
        return curve([run.objects for run in self.runs], [run.cpu_seconds for run in self.runs])

    def faults(self) -> Iterator[str]:
        """Describe what went wrong, if anything."""
        for run in self.runs:
            if run.dispositions != {"cataloged": run.objects}:
                yield f"not all of {run.objects} objects were cataloged: {run.dispositions}"
        if self.again.dispositions != {"duplicate": self.again.objects}:
            yield f"not all of {self.again.objects} objects were duplicates: {self.again.dispositions}"
        if self.again.copies:
            yield f"the second run wrote {self.again.copies} objects into the layout"
        for what, found in (("time", self.by_time), ("processor time", self.by_cpu)):
            if not found.linear:
                yield f"NOT LINEAR: {what} grows as objects to the power of {found.exponent:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make backfill", description="Run a real backfill on the embedded AWS."
    )
    parser.add_argument("--most", type=int, default=5000, help="objects of the largest run (5000)")
    options = parser.parse_args(arguments)
    console = Console(width=100)
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console) as progress,
        tempfile.TemporaryDirectory() as home,
        running(Path(home), SFN_WAIT_SCALE="1") as aws,
    ):
        deployment.bring_up_to_date(aws.settings)
        result = measure(aws, steps(options.most), progress)
    RESULTS.mkdir(exist_ok=True)
    million = {
        f"{kind}, {ended}": bill.total(
            count(kind, lane=bill.Lane.BACKFILL, there_already=there_already), bill.Lane.BACKFILL
        )
        for kind in ("session", "document")
        for ended, there_already in (("cataloged", False), ("duplicate", True))
    }
    written = _to_json(result) | {"prices": prices.AS_OF, "usd_per_million": million}
    (RESULTS / "backfill.json").write_text(json.dumps(written, indent=2))
    report(console, result)
    bill_of_a_million = "; ".join(f"{what}: {usd:.2f}" for what, usd in million.items())
    console.print(f"US dollars per million objects, prices of {prices.AS_OF}: {bill_of_a_million}.")
    console.print(f"Written: {RESULTS.name}/backfill.json.", style="dim")
    faults = [*result.faults()]
    for fault in faults:
        console.print(fault, style="bold red")
    return 1 if faults else 0


def measure(
    aws: EmbeddedAws, sizes: Sequence[int], progress: Progress, *, warm: int = 2 * OBJECTS_A_PATIENT
) -> Result:
    """Backfill each size, then the largest again, after warming the functions up with so many objects."""
    bench, runs = Bench(aws, progress), list[Run]()
    if warm:
        bench.put(WARM, warm)
        bench.backfill(WARM, warm, "starting the functions")
    for size in sizes:
        bench.put(f"Step{size}", size)
        runs.append(bench.backfill(f"Step{size}", size, f"taking in {size}"))
    again = bench.backfill(f"Step{sizes[-1]}", sizes[-1], f"the same {sizes[-1]} again")
    return Result(tuple(runs), again)


def _to_json(result: Result) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "memory_gb": round(_memory_gb(), 1),
            "load": os.getloadavg()[0],
        },
        "runs": [asdict(run) for run in result.runs],
        "again": asdict(result.again),
        "by_time": asdict(result.by_time),
        "by_cpu": asdict(result.by_cpu),
    }


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def report(console: Console, result: Result) -> None:
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, {_memory_gb():.0f} GB, "
        f"load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )
    table = Table(title="A backfill, four objects of sessions to one document", title_justify="left")
    for name in (
        "objects",
        "seconds",
        "objects/s",
        "CPU ms per object",
        "embedded AWS, MB",
        "command, MB",
        "ended",
    ):
        table.add_column(name, justify="left" if name == "ended" else "right")
    for run in (*result.runs, result.again):
        ended = ", ".join(f"{count} {name}" for name, count in run.dispositions.items())
        table.add_row(
            f"{run.objects}",
            f"{run.seconds:.1f}",
            f"{run.rate:.1f}",
            f"{run.cpu_seconds / run.objects * 1000:.0f}",
            f"{run.aws_mb}",
            f"{run.command_mb}",
            f"{ended}; {run.copies} written",
        )
    console.print(table)
    for what, found in (("Seconds", result.by_time), ("Processor seconds", result.by_cpu)):
        console.print(
            f"{what} grow as objects to the power of {found.exponent:.2f}: "
            f"{'linear' if found.linear else 'NOT LINEAR'}. The straight line: {found.constant:.1f} s and "
            f"{found.a_second:.1f} objects a second; it explains {found.explained:.1%}."
        )


if __name__ == "__main__":
    sys.exit(main())
