"""The demo's second part: a stage that knows only listed patients, its directory, an unlisted id, a letter whose text
the directory corroborates, and a merge.

The stage is deployed while the first part runs. What an operator would type is run as the operator's command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local import deployment, processes
from local.demo import view
from local.demo.intakes import Ended, Pipeline, Upload
from local.moving import moving
from local.problem import Problem
from local.settings import REPOSITORY, Settings

PATIENTS, UPLOADS = REPOSITORY / "samples" / "patients.csv", REPOSITORY / "samples" / "listed.json"
TWICE, ONCE = "Maria_Lopez_465", "Maria_Lopez_456"
_SECONDS = 60


class ListedPatients:
    """`pool`: what deploys stages, one at a time."""

    def __init__(self, settings: Settings, pool: Executor) -> None:
        self._settings = replace(settings, stage="local-listed")
        self._deployed: Future[bool] = pool.submit(deployment.bring_up_to_date, self._settings)

    def show(self, out: Console, running: processes.Running) -> list[Ended]:
        """Import, upload and merge; return the uploads that did not end as expected."""
        view.heading(out, "Known means known to the clinic: a stage with patients: listed")
        with moving("Deploying a second stage", "  "):
            deployed = self._deployed.result()
        if deployed:
            processes.save(running)
        outputs = deployment.stack_outputs(self._settings)
        if outputs is None:
            raise Problem("the stage local-listed is not deployed", "run `make up`, then try again")
        with moving("Importing the clinic's patients", "  "):
            self._carefile("import", str(PATIENTS), "--yes")
        pipeline, uploads = Pipeline(self._settings, outputs), Upload.all_of(UPLOADS)
        with moving("Filing two uploads", "  "):
            *_, (_, ended) = pipeline.take_in(uploads)
        in_order = sorted(ended, key=lambda one: uploads.index(one.upload))
        with moving("Merging two ids of one patient", "  "):
            merged = self._carefile("merge", TWICE, "--into", ONCE, "--by", "demo", "--yes")
        out.print()
        out.print(Padding(self._table(in_order, merged), (0, 0, 0, 2), expand=False))
        return [one for one in in_order if not one.as_expected]

    def _table(self, ended: list[Ended], merged: Any) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for header in ("object", "filed under", "what the directory says"):
            table.add_column(header)
        for one in ended:
            named = one.upload.key.split("/")[1]
            found = one.output.get("classification", {})
            patient = found.get("patient", {})
            if suggestions := found.get("suggestions"):
                agrees = ", ".join(it.replace("-", " ") for it in suggestions[0]["supported_by"])
                waits = Text(f"unknown: {suggestions[0]['patient_id']}?", "yellow")
                table.add_row(one.upload.key, waits, f"agrees: {agrees}")
            elif patient.get("reason") == "unlisted":
                near = ", ".join(self._carefile("show", named, missing=True)["near"])
                table.add_row(one.upload.key, Text("unknown: unlisted", "yellow"), f"did you mean {near}?")
            else:
                table.add_row(one.upload.key, patient.get("id", "unknown"), "listed")
        count = merged["result"]["taken_in"]
        moved = f"{count} object moved" if count == 1 else f"{count} objects moved"
        table.add_row(f"merge of {TWICE}", ONCE, moved)
        return table

    def _carefile(self, *words: str, missing: bool = False) -> Any:
        """Run `carefile patients …` on the stage and return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "carefile", "patients", *words, "--json"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                **self._settings.credentials,
                "CAREFILE_STACK": self._settings.stack_name,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != missing:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise Problem(
                f"carefile patients {words[0]} failed: {said}", "look at its execution in the console"
            )
        return json.loads(done.stdout)
