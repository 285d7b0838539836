"""Runs `make demo`: sends the samples through the real state machine and shows the results."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from posixpath import commonpath

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.padding import Padding

from local import deployment, report
from local.demo import inbox, view
from local.demo.intakes import Ended, Pipeline, Upload
from local.demo.listed import ListedPatients
from local.demo.scans import Scans
from local.problem import Problem
from local.processes import Running
from local.settings import REPOSITORY, Settings

SAMPLES = REPOSITORY / "samples" / "uploads.json"
_WAITING = 2  # documents that wait in the inbox, to be named


def run(settings: Settings, running: Running, *, verbose: bool = False, scans: bool = False) -> int:
    """Upload the samples, follow them and show the results; 0 if each ended as expected. `scans`: also those of a stage
    that reads scans."""
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("the pipeline is not deployed", "run `make up`, then try again")
    out = view.console()
    try:
        with ThreadPoolExecutor(1) as pool:
            others: list[ListedPatients | Scans] = [ListedPatients(settings, pool)]
            others += [Scans(settings, pool)] if scans else []
            pipeline = Pipeline(settings, outputs)
            ended = _show(out, pipeline, Upload.all_of(SAMPLES), verbose=verbose)
            wrong = [one for part in others for one in part.show(out, running)]
            page = _save_page(settings, pipeline, ended)
    except (BotoCoreError, ClientError) as error:
        raise Problem(
            f"a request to the embedded AWS failed: {error}",
            f"see {settings.logs / 'aws.log'}, then try again; `make clean` resets everything",
        ) from None
    _print_next_steps(out, settings, running, outputs, ended, page)
    wrong += [one for one in ended if not one.as_expected]
    if wrong:
        raise Problem(
            f"{len(wrong)} of the uploads did not end as expected, the first is {wrong[0].upload.key}",
            "look at its execution in the console",
        )
    return 0


def _show(out: Console, pipeline: Pipeline, uploads: list[Upload], *, verbose: bool) -> list[Ended]:
    first = uploads[0]
    again = pipeline.holds(first.key)
    view.heading(out, f"Uploading {len(uploads)} files into the landing bucket")
    if again:
        out.print(
            "  They exist already. Uploading the same bytes creates new versions, and each is cataloged again.\n"
        )
    with pipeline.listening(first.key) as events:
        with view.Progress(out, len(uploads)) as progress:
            ended: list[Ended] = []
            for running, ended in pipeline.take_in(uploads):
                progress.update(running, ended)
        in_order = sorted(ended, key=lambda one: uploads.index(one.upload))
        view.heading(out, "Results")
        out.print(Padding(view.results(out, in_order), (0, 0, 0, 2), expand=False))
        _show_layout(out, pipeline, ended)
        if in_order[0].disposition == "cataloged":
            heard = events.about(in_order[0].version_id)
            view.heading(out, f"The catalog event for {first.key}")
            view.event(out, heard, whole=verbose)
    return in_order


def _show_layout(out: Console, pipeline: Pipeline, ended: list[Ended]) -> None:
    prefixes = {one.output["location"]["prefix"] for one in ended if "location" in one.output}
    if not prefixes:
        return
    root = commonpath([prefix.rstrip("/").rpartition("/")[0] for prefix in prefixes]) + "/"
    tops = {root + prefix.removeprefix(root).partition("/")[0] + "/" for prefix in prefixes}
    others = len(set(pipeline.folders_in(root)) - tops)
    view.heading(out, "Where they were filed in the processed bucket")
    out.print(
        Padding(
            view.tree({top: pipeline.filed_under(top) for top in tops}, root, others),
            (0, 0, 0, 2),
            expand=False,
        )
    )


def _save_page(settings: Settings, pipeline: Pipeline, ended: list[Ended]) -> Path | None:
    """Save the page of the first document, for a browser; its owner only may read it."""
    first = next((one for one in ended if "location" in one.output), None)
    body = pipeline.page_of(first.output["location"]["prefix"]) if first else None
    if body is None:
        return None
    settings.pages.mkdir(mode=0o700, parents=True, exist_ok=True)
    page = settings.pages / "result.html"
    page.write_bytes(body)
    return page


def _print_next_steps(
    out: Console,
    settings: Settings,
    running: Running,
    outputs: dict[str, str],
    ended: list[Ended],
    page: Path | None,
) -> None:
    carefile = report.command(settings)

    def line(label: str, text: str) -> None:
        out.print(f"  {label:<10} {text}", soft_wrap=True, highlight=False, markup=False)

    view.heading(out, "See for yourself")
    if running.console_pid is not None:
        line("Console", report.console_link(settings, outputs))
        line("", "Choose an execution to see its path, with the input and output of each state.")
        line("", "The failed one is red at ClassifyObject, with the reason.")
    if page is not None:
        line("A page", page.as_uri())
        line("", "What was read in the first document; each one has such a page.")
    view.heading(out, "Three commands to try")
    failed = next((one.upload.key for one in ended if one.upload.expect), ended[0].upload.key)
    out.print(f"  {carefile} put YOUR-FILE.pdf --patient Juan_Perez_123 --wait", soft_wrap=True)
    out.print(f"  {carefile} open documents/Juan_Perez_123/YOUR-FILE.pdf", soft_wrap=True)
    out.print(f"  {carefile} show {shlex.quote(failed)}", soft_wrap=True)
    out.print()
    out.print("  make demo again files new versions; make down stops it and keeps its data.")
    _print_inbox(out, settings, running, ended)


def _print_inbox(out: Console, settings: Settings, running: Running, ended: list[Ended]) -> None:
    """Open the inbox and end with its address, and with two of the documents that wait in it."""
    view.heading(out, "Two documents wait in the inbox for somebody to decide whose they are")
    waiting = [one.upload.key for one in ended if one.is_unknown_document]
    for key in waiting[:_WAITING]:
        out.print(f"  {key}", soft_wrap=True, highlight=False, markup=False)
    address, again = inbox.start(settings, running), f"{report.command(settings)} inbox"
    out.print()
    if address:
        out.print(f"  {address}", soft_wrap=True, highlight=False, markup=False)
        out.print(
            f"  It works once, within {inbox.IDLE_MINUTES} minutes. Later: {again}",
            soft_wrap=True,
            highlight=False,
        )
    else:
        out.print(f"  {again}", soft_wrap=True, highlight=False)
    out.print()
