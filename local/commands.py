"""The commands of `python -m local`."""

from __future__ import annotations

import shutil
from dataclasses import replace

from local import checks, deployment, processes, report
from local.moving import moving
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
    # It may have been started with other ports than this command's.
    settings = replace(settings, port=running.port, console_port=running.console_port)
    outputs = deployment.stack_outputs(settings)
    if outputs is None:
        raise Problem("the embedded AWS is running, but the pipeline is not deployed", "run `make up`")
    print(report.render(settings, running, outputs))
    return 0


def demo(settings: Settings, *, verbose: bool = False, scans: bool = False) -> int:
    """Start everything and send the samples through, holding the lock so that nobody stops it."""
    with processes.exclusive(settings):
        running = _bring_up(settings)
        from local.demo import run as demo

        return demo.run(settings, running, verbose=verbose, scans=scans)


def down(settings: Settings) -> int:
    with processes.exclusive(settings):
        stopped = processes.stop(settings)
    print("Stopped; its data is kept." if stopped else "Nothing is running.")
    return 0


def clean(settings: Settings) -> int:
    """Stop this embedded AWS and delete what it keeps in its home, and nothing else that may be there."""
    if not settings.home.exists():
        return 0
    with processes.exclusive(settings):
        if processes.stop(settings, saving=False):
            print("Stopped.")
        for path in settings.kept():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    left = sorted(path.name for path in settings.home.iterdir())
    if left:
        print(f"{settings.home} is kept: it holds {', '.join(left[:3])}, which is not of the embedded AWS.")
    else:
        settings.home.rmdir()
        print(f"Deleted {settings.home}.")
    return 0


def _bring_up(settings: Settings, *, force: bool = False) -> processes.Running:
    checks.node()
    if processes.find(settings) is None and settings.run_file.exists():
        print("The last run did not shut down cleanly; restarting from its saved state.")
    with moving("Starting the embedded AWS"):
        running = processes.start(settings)
    with moving("Deploying the pipeline"):
        deployed = deployment.bring_up_to_date(settings, force=force)
    if deployed:
        processes.save(running)
    return running
