"""Show the progress of a Map Run, and report its outcome."""

from __future__ import annotations

from carefile.cli.aws.map_runs import NOTHING_STARTED, MapRuns, Run
from carefile.cli.exits import Exit
from carefile.cli.shown.advice import advice_for
from carefile.cli.shown.view import Column, View, lasting, plain


def follow_to_end(view: View, runs: MapRuns, arn: str, command: str, *, same: bool = False) -> Exit:
    """Follow a run and report its outcome: `FOUND` if any item failed, even within the tolerance. `same`: running the
    same command again resumes the run."""
    name = arn.rpartition(":")[2]
    run: Run | None = None
    try:
        with view.progress("objects") as bar:
            task = bar.add_task("Starting", total=None)
            for run in runs.followed(arn):
                if run.counts:
                    doing = f"{run.counts.get('failed', 0)} failed" if run.counts.get("failed") else "Running"
                    bar.update(task, completed=run.done, total=run.counts["total"], description=doing)
    except KeyboardInterrupt:
        again = command if same else f"{command} --run {name}"
        view.warn(f"\nThe run continues. Follow it again with `{plain(again)}`.")
        raise
    assert run is not None  # noqa: S101 - `followed` yields at least once
    return _report(view, runs, run, command, same=same)


def _report(view: View, runs: MapRuns, run: Run, command: str, *, same: bool) -> Exit:
    dispositions = runs.dispositions(run)
    failed = (item.to_json() for item in runs.failed(run))
    count = view.stream(_FAILED, failed, below=lambda r: r["reason"], nothing="")
    total, succeeded = run.counts.get("total", 0), run.counts.get("succeeded", 0)
    words = (
        ", ".join(f"{number} {name}" for name, number in dispositions.most_common()) or f"{succeeded} done"
    )
    view.note(
        f"{total} objects: {words}{f', {count} failed' if count else ''}"
        f"{f', {run.unsuccessful - count} not started' if run.unsuccessful > count else ''}. "
        f"Took {lasting(run.took)}{_rate(run)}."
    )
    if run.status == "SUCCEEDED" and not run.unsuccessful:
        return Exit.DONE
    if run.error in NOTHING_STARTED:
        view.warn(f"{run.name} ended {run.status} ({run.error}): {advice_for(run.error).means}")
    elif run.status == "SUCCEEDED":
        retry = f"{command} {runs.retry_option} {run.name}" if runs.retry_option else f"{command} --afresh"
        view.warn(
            "Some objects failed, within the tolerance. Fix the cause, then run "
            f"`{plain(command if same else retry)}`"
        )
    else:
        again = command if same else f"{command} --redrive {run.name}"
        view.warn(
            f"{run.name} ended {run.status}{f' ({run.error})' if run.error else ''}. Fix the cause, then run "
            f"`{plain(again)}`"
        )
    return Exit.FOUND


def _rate(run: Run) -> str:
    """Objects per second; unknown after a redrive, whose share of the objects is not recorded."""
    seconds = run.took.total_seconds() if run.took else 0
    return f" ({run.done / seconds:.1f}/s)" if seconds and not run.redrives else ""


_FAILED = (
    Column("Error", lambda r: r["error"], width=18),
    Column("Object", lambda r: r["key"]),
)
