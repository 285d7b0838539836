"""What each command of `python -m local` does."""

from __future__ import annotations

from local import checks, deployment, processes, report
from local.problem import Problem
from local.settings import Settings


def up(settings: Settings, *, force: bool = False) -> int:
    """Start what does not run, deploy what changed, print where everything is."""
    checks.node()
    with processes.only_one(settings):
        if processes.find(settings) is None and settings.run_file.exists():
            print("The last run did not end properly; starting it again from what it had saved.")
        print("Starting the embedded AWS …", flush=True)
        running = processes.start(settings)
        print("Deploying the pipeline …", flush=True)
        if deployment.bring_up_to_date(settings, force=force):
            processes.save(running)
    return status(settings)


def deploy(settings: Settings) -> int:
    return up(settings, force=True)


def status(settings: Settings) -> int:
    running = processes.find(settings)
    if running is None:
        raise Problem("it does not run", "start it with `make up`")
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("it runs, but the pipeline is not deployed", "run `make up`")
    print(report.block(settings, running, outputs))
    return 0


def down(settings: Settings) -> int:
    with processes.only_one(settings):
        stopped = processes.stop(settings)
    print("Stopped; what it holds is kept." if stopped else "Nothing runs.")
    return 0
