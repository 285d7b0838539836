"""The commands of `python -m local`."""

from __future__ import annotations

from local import checks, deployment, processes, report
from local.problem import Problem
from local.settings import Settings


def up(settings: Settings, *, force: bool = False) -> int:
    """Start what is not running, deploy what changed, print the addresses."""
    with processes.exclusive(settings):
        _bring_up(settings, force=force)
    return status(settings)


def deploy(settings: Settings) -> int:
    return up(settings, force=True)


def status(settings: Settings) -> int:
    running = processes.find(settings)
    if running is None:
        raise Problem("the embedded AWS is not running", "start it with `make up`")
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("the embedded AWS is running, but the pipeline is not deployed", "run `make up`")
    print(report.render(settings, running, outputs))
    return 0


def demo(settings: Settings) -> int:
    """Start everything and send the samples through, holding the lock so that nobody stops it."""
    with processes.exclusive(settings):
        running = _bring_up(settings)
        from local.demo import run as demo

        return demo.run(settings, running)


def down(settings: Settings) -> int:
    with processes.exclusive(settings):
        stopped = processes.stop(settings)
    print("Stopped; its data is kept." if stopped else "Nothing is running.")
    return 0


def _bring_up(settings: Settings, *, force: bool = False) -> processes.Running:
    checks.node()
    if processes.find(settings) is None and settings.run_file.exists():
        print("The last run did not shut down cleanly; restarting from its saved state.")
    print("Starting the embedded AWS …", flush=True)
    running = processes.start(settings)
    print("Deploying the pipeline …", flush=True)
    if deployment.bring_up_to_date(settings, force=force):
        processes.save(running)
    return running
