"""Runs `make demo`: sends the samples through the real state machine and shows the results."""

from __future__ import annotations

from posixpath import commonpath

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.padding import Padding

from local import deployment, report
from local.demo import view
from local.demo.intakes import Ended, Pipeline, Upload
from local.demo.listed import ListedPatients
from local.problem import Problem
from local.processes import Running
from local.settings import REPOSITORY, Settings

SAMPLES = REPOSITORY / "samples" / "uploads.json"
_WAITING = 2  # documents that wait in the inbox, to be named


def run(settings: Settings, running: Running) -> int:
    """Upload the samples, follow them and show the results; 0 if each ended as expected."""
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("the pipeline is not deployed", "run `make up`, then try again")
    out = view.console()
    listed = ListedPatients(settings)
    try:
        ended = _show(out, Pipeline(settings, outputs), Upload.all_of(SAMPLES))
        wrong = listed.show(out, running)
    except (BotoCoreError, ClientError) as error:
        raise Problem(
            f"a request to the embedded AWS failed: {error}",
            f"see {settings.logs / 'aws.log'}, then try again; `make clean` resets everything",
        ) from None
    _print_next_steps(out, settings, running, outputs, ended)
    wrong += [one for one in ended if not one.as_expected]
    if wrong:
        raise Problem(
            f"{len(wrong)} of the uploads did not end as expected, the first is {wrong[0].upload.key}",
            "look at its execution in the console",
        )
    return 0


def _show(out: Console, pipeline: Pipeline, uploads: list[Upload]) -> list[Ended]:
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
            view.event(out, heard)
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


def _print_next_steps(
    out: Console, settings: Settings, running: Running, outputs: dict[str, str], ended: list[Ended]
) -> None:
    view.heading(out, "See for yourself")
    if running.console_pid is not None:
        out.print(f"  Console    {report.console_link(settings, outputs)}", soft_wrap=True)
        out.print(
            "             Choose an execution to see its path, with the input and output of each state."
        )
        out.print("             The failed one is red at ClassifyObject, with the reason.")
    out.print("  Upload     make status prints the AWS command")
    out.print("  Again      make demo")
    out.print("  Stop       make down    (its data is kept)")
    waiting = [one.upload.key for one in ended if one.is_unknown_document]
    out.print("  Inbox      .venv/bin/carefile inbox    decide in the browser whose these are:")
    for key in waiting[:_WAITING]:
        out.print(f"               {key}", soft_wrap=True, highlight=False, markup=False)
    out.print()
