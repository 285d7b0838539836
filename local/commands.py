"""What each command of `python -m local` does."""

from __future__ import annotations

from local import checks, deployment, processes, report
from local.problem import Problem
from local.settings import Settings


def up(settings: Settings, *, force: bool = False) -> int:
    """Start what does not run, deploy what changed, print where everything is."""
    with processes.only_one(settings):
        _bring_up(settings, force=force)
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


def demo(settings: Settings) -> int:
    """Bring it up and send the samples through it; nobody stops it meanwhile."""
    with processes.only_one(settings):
        running = _bring_up(settings)
        from local.demo import run as demo

        return demo.run(settings, running)


def down(settings: Settings) -> int:
    with processes.only_one(settings):
        stopped = processes.stop(settings)
    print("Stopped; what it holds is kept." if stopped else "Nothing runs.")
    return 0


def _bring_up(settings: Settings, *, force: bool = False) -> processes.Running:
    checks.node()
    if processes.find(settings) is None and settings.run_file.exists():
        print("The last run did not end properly; starting it again from what it had saved.")
    print("Starting the embedded AWS …", flush=True)
    running = processes.start(settings)
    print("Deploying the pipeline …", flush=True)
    if deployment.bring_up_to_date(settings, force=force):
        processes.save(running)
    return running
