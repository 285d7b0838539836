"""The demo's part about scans, with `--scans`: a stage that reads pages that are pictures, once they are filed.

The stage is deployed while the other parts run.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from local import deployment, processes, report
from local.demo import view
from local.demo.intakes import Ended, Pipeline, Upload
from local.problem import Problem
from local.settings import REPOSITORY, Settings

UPLOADS = REPOSITORY / "samples" / "scans.json"
_SECONDS = 300
_LOOK_EVERY_SECONDS = 1.0


class Scans:
    """`pool`: what deploys stages, one at a time."""

    def __init__(self, settings: Settings, pool: Executor) -> None:
        self._settings = replace(settings, stage="local-ocr")
        self._deployed: Future[bool] = pool.submit(deployment.bring_up_to_date, self._settings)

    def show(self, out: Console, running: processes.Running) -> list[Ended]:
        """Upload scans and wait until they are read; return the uploads that did not end as expected."""
        view.heading(out, "Scans are filed at once and read afterwards: a stage with ocr: on")
        if self._deployed.result():
            processes.save(running)
        outputs = deployment.stack_outputs(self._settings)
        if outputs is None:
            raise Problem("the stage local-ocr is not deployed", "run `make up`, then try again")
        pipeline, uploads = Pipeline(self._settings, outputs), Upload.all_of(UPLOADS)
        *_, (_, ended) = pipeline.take_in(uploads)
        in_order = sorted(ended, key=lambda one: uploads.index(one.upload))
        s3, bucket = deployment.client(self._settings, "s3"), outputs["ProcessedBucketName"]
        records = [(one, self._read(s3, bucket, one)) for one in in_order if one.as_expected]
        out.print(Padding(_table(records), (0, 0, 0, 2), expand=False))
        if running.console_pid is not None:
            machine = {**outputs, "PipelineStateMachineArn": outputs["ReadScanStateMachineArn"]}
            out.print(f"\n  ReadScan   {report.console_link(self._settings, machine)}", soft_wrap=True)
        return [one for one in in_order if not one.as_expected]

    def _read(self, s3: Any, bucket: str, one: Ended) -> dict[str, Any]:
        """Wait for the record that holds what was recognised."""
        key, deadline = f"{one.output['location']['prefix']}extracted_data.json", time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            record: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            if record["reading"]["status"] != "pending":
                return record
            time.sleep(_LOOK_EVERY_SECONDS)
        raise Problem(
            f"{one.upload.key} was not read within {_SECONDS} seconds",
            "look at the executions of ReadScan in the console",
        )


def _table(records: list[tuple[Ended, dict[str, Any]]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in ("object", "filed under", "pages read", "words", "confidence"):
        table.add_column(header)
    for one, record in records:
        reading = record["reading"]
        pages = [page for page in reading.get("pages", ()) if "failed" not in page]
        words = sum(len(line["words"]) for page in pages for line in page["lines"])
        patient = one.output["classification"]["patient"].get("id", "unknown")
        confidence = str(reading.get("confidence", ""))
        table.add_row(one.upload.path.name, patient, str(len(pages)), str(words), confidence)
    return table
