"""`make demo`: the samples go through the real state machine, and everything that comes of it is shown."""

from __future__ import annotations

from posixpath import commonpath

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.padding import Padding

from local import deployment, report
from local.demo import view
from local.demo.intakes import Ended, Pipeline, Upload
from local.problem import Problem
from local.processes import Running
from local.settings import REPOSITORY, Settings

SAMPLES = REPOSITORY / "samples" / "uploads.json"


def run(settings: Settings, running: Running) -> int:
    """Upload the samples, follow them, show the result; 0 exactly when each ended as it must."""
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("the pipeline is not deployed", "run `make up`, then try again")
    out = view.console()
    try:
        wrong = _show(out, Pipeline(settings, outputs), Upload.all_of(SAMPLES))
    except (BotoCoreError, ClientError) as error:
        raise Problem(
            f"the embedded AWS did not do what it was asked: {error}",
            f"see {settings.logs / 'aws.log'}, then try again; `make clean` starts from nothing",
        ) from None
    _show_where_to_look(out, settings, running, outputs)
    if wrong:
        raise Problem(
            f"{len(wrong)} of the uploads did not end as they must, the first being {wrong[0].upload.key}",
            "look at its execution in the console",
        )
    return 0


def _show(out: Console, pipeline: Pipeline, uploads: list[Upload]) -> list[Ended]:
    shown = uploads[0]
    again = pipeline.holds(shown.key)
    view.heading(out, f"Uploading {len(uploads)} files into the landing bucket")
    if again:
        out.print(
            "  They were there already. The same bytes again are new versions: each is cataloged again.\n"
        )
    with pipeline.listening(shown.key) as events:
        with view.Progress(out, len(uploads)) as progress:
            ended: list[Ended] = []
            for running, ended in pipeline.take_in(uploads):
                progress.show(running, ended)
        in_order = sorted(ended, key=lambda one: uploads.index(one.upload))
        view.heading(out, "How each of them ended")
        out.print(Padding(view.results(out, in_order), (0, 0, 0, 2), expand=False))
        _show_layout(out, pipeline, ended)
        if in_order[0].disposition == "cataloged":
            heard = events.about(in_order[0].version_id)
            view.heading(out, f"What the catalog bus said about {shown.key}")
            view.event(out, heard)
    return [one for one in in_order if not one.as_expected]


def _show_layout(out: Console, pipeline: Pipeline, ended: list[Ended]) -> None:
    prefixes = {one.output["location"]["prefix"] for one in ended if "location" in one.output}
    if not prefixes:
        return
    root = commonpath([prefix.rstrip("/").rpartition("/")[0] for prefix in prefixes]) + "/"
    tops = {root + prefix.removeprefix(root).partition("/")[0] + "/" for prefix in prefixes}
    others = len(set(pipeline.folders_in(root)) - tops)
    view.heading(out, "Where they are now, in the processed bucket")
    out.print(
        Padding(
            view.tree({top: pipeline.filed_under(top) for top in tops}, root, others),
            (0, 0, 0, 2),
            expand=False,
        )
    )


def _show_where_to_look(out: Console, settings: Settings, running: Running, outputs: dict[str, str]) -> None:
    view.heading(out, "See for yourself")
    if running.console_pid is not None:
        out.print(f"  Console    {report.console_link(settings, outputs)}", soft_wrap=True)
        out.print(
            "             Choose an execution: the graph shows its way, each state its input and output."
        )
        out.print("             The failed one stands in red at ClassifyObject, with the reason.")
    out.print("  Upload     make status says how, with the AWS command line")
    out.print("  Again      make demo")
    out.print("  Stop       make down    (what it holds is kept)")
    out.print()
