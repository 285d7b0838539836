"""The output of `up` and `status`: addresses, stack outputs, and commands to try."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from local.processes import Running
from local.settings import REPOSITORY, Settings


def render(settings: Settings, running: Running, outputs: dict[str, str]) -> str:
    lines = ["", f"Carefile is running on this machine (home: {_short(settings)})", ""]
    lines.append(f"  AWS endpoint   {settings.endpoint}")
    if running.console_pid is not None:
        lines.append(f"  Console        {console_link(settings, outputs)}")
    lines += ["", "  Stack outputs"]
    width = max((len(name) for name in outputs), default=0)
    lines += [f"    {name:<{width}}  {value}" for name, value in sorted(outputs.items())]
    lines += ["", "  Try it"]
    exports = " ".join(f"{name}={value}" for name, value in settings.credentials.items())
    lines.append(f"    export {exports}")
    landing = outputs.get("LandingBucketName", "LANDING_BUCKET")
    lines.append(f"    {_aws()} s3 cp README.md s3://{landing}/documents/Juan_Perez_123/")
    lines.append(f"    {command(settings)} put README.md --patient Juan_Perez_123 --wait")
    lines.append(f"    {command(settings)} runs --watch")
    lines += ["", "  Stop it        make down    (its data is kept for the next `make up`)", ""]
    return "\n".join(lines)


def console_link(settings: Settings, outputs: dict[str, str]) -> str:
    machine = outputs.get("PipelineStateMachineArn")
    if not machine:
        return settings.console_url
    return f"{settings.console_url}/resources/stepfunctions?machine={quote(machine, safe=':')}"


def command(settings: Settings) -> str:
    """The operator's command, as it finds this embedded AWS."""
    home = f"CAREFILE_HOME={shlex.quote(str(settings.home))} "
    return ("" if settings.home == REPOSITORY / ".local" else home) + ".venv/bin/carefile"


def _aws() -> str:
    """The AWS command line that `make setup` installs, if it is there."""
    return ".venv/bin/aws" if (REPOSITORY / ".venv" / "bin" / "aws").exists() else "aws"


def _short(settings: Settings) -> str:
    if settings.home.is_relative_to(REPOSITORY):
        return str(settings.home.relative_to(REPOSITORY))
    return str(settings.home)
