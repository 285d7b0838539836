"""Distributed Maps for ministack, as far as ours rely on them: it runs them in JSONPath only, ignores the ResultWriter,
gives every child the identity of its parent, and cannot resume a Map Run.

As on AWS: the fields of a Map state may be JSONata; a child is an execution of its own, and an Express one is not
listed; a run that exceeded its tolerance starts no more children; the results are in S3, one file a status, with a
manifest; the redrive of the parent goes on with the Map Run and runs again only the items that did not succeed; the
items may be the rows of an S3 inventory, as they stand in its CSV files.

Remaining differences: there is no ItemBatcher; a Standard child restarts instead of resuming at its failure; an Express
child is not ended after five minutes.
"""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from ministack.services import s3
from ministack.services import stepfunctions as sfn

Json = dict[str, Any]

MOST_WORKERS = 64
_EXCEEDED = "The specified tolerated failure threshold was exceeded"
_COUNTS = (
    "pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten",
    "failuresNotRedrivable", "pendingRedrive",
)  # fmt: skip


def apply() -> None:
    """Patch the ministack modules of this process; called once, before anything is served."""
    run_as_it_comes = sfn._run_distributed_map

    def run(
        state: Json, raw: Any, effective: Any, processor: Json, execution: Json, context: Json
    ) -> tuple[Any, str | None]:
        if sfn._state_query_language(state, context) != "JSONata":
            result: tuple[Any, str | None] = run_as_it_comes(
                state, raw, effective, processor, execution, context
            )
            return result
        return _Run(state, raw, processor, execution, context).to_the_end()

    sfn._run_distributed_map = run


class _Run:
    """One run of a Map state: its Map Run, new or resumed, and the children still to run."""

    def __init__(self, state: Json, raw: Any, processor: Json, execution: Json, context: Json) -> None:
        self.state, self.raw, self.processor = state, raw, processor
        self.execution, self.context = execution, context
        _, _, _, region, account, _, self.machine = execution["stateMachineArn"].split(":")
        self.place = f"{region}:{account}"
        self.label = state.get("Label") or context["State"]["Name"]
        self.express = processor["ProcessorConfig"].get("ExecutionType") == "EXPRESS"
        self.lock = threading.Lock()
        self.run = self._earlier() or self._new()
        # [input, status, error, cause, output] of every item; what a redrive needs is kept with the run.
        self.items: list[list[Any]] = self.run["_items"]

    def to_the_end(self) -> tuple[Any, str | None]:
        workers = self.run["maxConcurrency"] or MOST_WORKERS
        with ThreadPoolExecutor(min(workers, MOST_WORKERS)) as pool:
            todo = [index for index, item in enumerate(self.items) if item[1] != "SUCCEEDED"]
            done: list[Future[None]] = [
                pool.submit(copy_context().run, self._child, index, self.items[index]) for index in todo
            ]
        for future in done:
            future.result()
        exceeded, stopped = self._exceeded(), self.execution["status"] != "RUNNING"
        self.run["status"] = "ABORTED" if stopped else "FAILED" if exceeded else "SUCCEEDED"
        self.run["stopDate"] = sfn.now_iso()
        result = self._written() if "ResultWriter" in self.state else [item[4] for item in self.items]
        if exceeded:
            raise sfn._ExecutionError("States.ExceedToleratedFailureThreshold", _EXCEEDED)
        output = sfn._apply_jsonata_output(self.state, self.raw, self.context, result=result, default=result)
        sfn._apply_state_assign(self.state, self.raw, self.context, result=result)
        return output, sfn._next_or_end(self.state)

    def _field(self, name: str) -> Any:
        return sfn._apply_jsonata_template(self.state.get(name, 0), self.raw, self.context)

    def _new(self) -> Json:
        inputs = [self._selected(index, item) for index, item in enumerate(self._read())]
        counts = dict.fromkeys(_COUNTS, 0) | {"total": len(inputs), "pending": len(inputs)}
        arn = f"arn:aws:states:{self.place}:mapRun:{self.machine}/{self.label}:{sfn.new_uuid()}"
        run = {
            "mapRunArn": arn,
            "executionArn": self.execution["executionArn"],
            "status": "RUNNING",
            "startDate": sfn.now_iso(),
            "maxConcurrency": int(self._field("MaxConcurrency")),
            "toleratedFailurePercentage": float(self._field("ToleratedFailurePercentage")),
            "toleratedFailureCount": int(self._field("ToleratedFailureCount")),
            "itemCounts": counts,
            "executionCounts": dict(counts),
            "redriveCount": 0,
            "_stateMachineArn": f"arn:aws:states:{self.place}:stateMachine:{self.machine}/{self.label}",
            "_state": self.context["State"]["Name"],
            "_items": [[item, "PENDING", None, None, None] for item in inputs],
        }
        sfn._map_runs[arn] = run
        return run

    def _earlier(self) -> Json | None:
        """The run of this state that an earlier attempt of this execution left unfinished."""
        runs: Iterable[Json] = sfn._map_runs.values()
        for run in runs:
            same = run["executionArn"] == self.execution["executionArn"]
            if same and run.get("_state") == self.context["State"]["Name"] and run["status"] != "SUCCEEDED":
                left = sum(item[1] != "SUCCEEDED" for item in run["_items"])
                for counts in (run["itemCounts"], run["executionCounts"]):
                    counts.update(dict.fromkeys(("running", "failed", "aborted"), 0), pending=left)
                for item in run["_items"]:
                    if item[1] != "SUCCEEDED":
                        item[1:] = ["PENDING", None, None, None]
                run.update(status="RUNNING", redriveCount=run["redriveCount"] + 1, redriveDate=sfn.now_iso())
                run.pop("stopDate", None)
                return run
        return None

    def _read(self) -> list[Any]:
        reader = self.state.get("ItemReader")
        if reader is None:
            return list(sfn._jsonata_state_field(self.state, "Items", "array", self.raw, self.context))
        arguments = sfn._apply_jsonata_template(reader["Arguments"], self.raw, self.context)
        if reader.get("ReaderConfig", {}).get("InputType") == "MANIFEST":
            return list(_rows(arguments["Bucket"], arguments["Key"]))
        return list(sfn._read_map_items({**reader, "Arguments": arguments}, self.raw, self.context))

    def _selected(self, index: int, item: Any) -> Any:
        if "ItemSelector" not in self.state:
            return item
        context = {**self.context, "Map": {"Item": {"Index": index, "Value": item}}}
        return sfn._apply_jsonata_template(self.state["ItemSelector"], self.raw, context)

    def _child(self, index: int, item: list[Any]) -> None:
        if self.execution["status"] != "RUNNING" or self._exceeded():
            return
        name, began = sfn.new_uuid(), sfn.now_iso()
        kind, last = ("express", f":{sfn.new_uuid()}") if self.express else ("execution", "")
        arn = f"arn:aws:states:{self.place}:{kind}:{self.machine}/{self.label}:{name}{last}"
        child: Json = {
            "executionArn": arn, "stateMachineArn": self.run["_stateMachineArn"], "name": name, "status": "RUNNING",
            "startDate": began, "stopDate": None, "input": json.dumps(item[0]), "inputDetails": {"included": True},
            "output": None, "outputDetails": {"included": True}, "mapRunArn": self.run["mapRunArn"], "events": [],
            "testCase": "", "mockAttempts": {},
        }  # fmt: skip
        if not self.express:
            sfn._executions[arn] = child
        context = copy.deepcopy({key: value for key, value in self.context.items() if key != "Execution"})
        context["Execution"] = {"Id": arn, "Input": item[0], "Name": name, "StartTime": began}
        context["Map"] = {"Item": {"Index": index}}
        self._count("pending", "running")
        try:
            states, start = self.processor["States"], self.processor["StartAt"]
            item[4] = sfn._run_sub_machine(states, start, item[0], child, context)
            item[1] = "SUCCEEDED"
            child.update(status="SUCCEEDED", output=json.dumps(item[4]))
        except Exception as problem:  # as ministack does: whatever it is, the child must end
            ours: Any = problem if isinstance(problem, sfn._ExecutionError) else None
            item[2:4] = (ours.error, ours.cause) if ours else ("States.Runtime", str(problem))
            item[1] = "FAILED"
            child.update(status="FAILED", error=item[2], cause=item[3])
        child["stopDate"] = sfn.now_iso()
        self._count("running", item[1].lower())

    def _count(self, before: str, after: str) -> None:
        with self.lock:
            for counts in (self.run["itemCounts"], self.run["executionCounts"]):
                counts[before] -= 1
                counts[after] += 1

    def _exceeded(self) -> bool:
        """Whether the tolerance is exceeded: one limit is enough; without limits, one failure is."""
        failed, limits = self.run["itemCounts"]["failed"], []
        if "ToleratedFailureCount" in self.state:
            limits.append(failed > self.run["toleratedFailureCount"])
        if "ToleratedFailurePercentage" in self.state:
            limits.append(failed * 100 > self.run["toleratedFailurePercentage"] * len(self.items))
        return any(limits) if limits else failed > 0

    def _written(self) -> Json:
        """Write one file of JSON lines for each status, and a manifest that names them."""
        writer = sfn._apply_jsonata_template(self.state["ResultWriter"]["Arguments"], self.raw, self.context)
        folder = f"{writer.get('Prefix', '').strip('/')}/{self.run['mapRunArn'].rpartition(':')[2]}".lstrip(
            "/"
        )
        if self.run["redriveCount"]:
            folder += f"/redrive-{self.run['redriveCount']}"
        files: dict[str, list[Json]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for status in files:
            lines = [self._line(item) for item in self.items if item[1] == status]
            if lines:
                key = f"{folder}/{status}_0.jsonl"
                body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
                s3._put_object(writer["Bucket"], key, body, {})
                files[status].append({"Key": key, "Size": len(body)})
        manifest = {
            "DestinationBucket": writer["Bucket"],
            "MapRunArn": self.run["mapRunArn"],
            "ResultFiles": files,
        }
        s3._put_object(writer["Bucket"], f"{folder}/manifest.json", json.dumps(manifest).encode(), {})
        details = {"Bucket": writer["Bucket"], "Key": f"{folder}/manifest.json"}
        return {"MapRunArn": self.run["mapRunArn"], "ResultWriterDetails": details}

    def _line(self, item: list[Any]) -> Json:
        line = {"Input": json.dumps(item[0]), "Status": item[1]}
        more = {
            "Error": item[2],
            "Cause": item[3],
            "Output": json.dumps(item[4]) if item[1] == "SUCCEEDED" else None,
        }
        return line | {name: value for name, value in more.items() if value is not None}


def _rows(bucket: str, key: str) -> Iterator[Json]:
    """The rows of an S3 inventory by its manifest, each with the columns that the manifest names."""
    manifest = json.loads(_bytes(bucket, key))
    if manifest["fileFormat"] != "CSV":
        raise sfn._ExecutionError("States.ItemReaderFailed", "An inventory has to be in the format CSV.")
    columns = [name.strip() for name in manifest["fileSchema"].split(",")]
    for file in manifest["files"]:
        body = _bytes(manifest["destinationBucket"].rpartition(":")[2], file["key"])
        text = (gzip.decompress(body) if file["key"].endswith(".gz") else body).decode()
        for row in csv.reader(io.StringIO(text)):
            yield dict(zip(columns, row, strict=False))


def _bytes(bucket: str, key: str) -> bytes:
    status, _, body = s3._get_object(bucket, key, {}, {})
    if status != 200:
        raise sfn._ExecutionError("States.ItemReaderFailed", "The specified key does not exist.")
    return bytes(body)
