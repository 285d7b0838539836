"""The home directory and the ports of one embedded AWS.

Everything derives from these, so several can run side by side (a user's and a test's) without interfering.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from local.problem import Problem

REPOSITORY = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCOUNT = "000000000000"
# Never the wildcard address: anyone who reaches the port can read every record in it.
HOST = "127.0.0.1"
STAGE = "local"
STACK_NAME = f"Carefile-{STAGE}"


@dataclass(frozen=True)
class Settings:
    home: Path
    port: int
    console_port: int
    stage: str = STAGE

    @classmethod
    def from_environment(cls, environ: dict[str, str] | None = None) -> Settings:
        """Read CAREFILE_HOME, CAREFILE_PORT and CAREFILE_CONSOLE_PORT (0: no console)."""
        env = os.environ if environ is None else environ
        return cls(
            home=(REPOSITORY / env.get("CAREFILE_HOME", ".local")).resolve(),
            port=_port(env, "CAREFILE_PORT", 4566),
            console_port=_port(env, "CAREFILE_CONSOLE_PORT", 4580),
        )

    @property
    def stack_name(self) -> str:
        return f"Carefile-{self.stage}"

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def console_url(self) -> str:
        return f"http://{HOST}:{self.console_port}"

    @property
    def run_file(self) -> Path:
        return self.home / "run.json"

    @property
    def lock_file(self) -> Path:
        return self.home / "lock"

    @property
    def deployed_file(self) -> Path:
        return self.home / ("deployed.json" if self.stage == STAGE else f"deployed.{self.stage}.json")

    @property
    def cloud_assembly(self) -> Path:
        return self.home / ("cdk.out" if self.stage == STAGE else f"cdk.out.{self.stage}")

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def console(self) -> Path:
        return self.home / "console"

    @property
    def pages(self) -> Path:
        """Pages that the demo saves to be opened; they hold what the samples say."""
        return self.home / "pages"

    def kept(self) -> list[Path]:
        """Everything that is ever written into the home, of any stage."""
        folders = [self.state, self.logs, self.console, self.scratch, self.pages]
        patterns = ("deployed*.json", "cdk.out*", f"{self.run_file.stem}.*")
        found = [path for pattern in patterns for path in self.home.glob(pattern)]
        return [*(path for path in folders if path.exists()), *found, self.lock_file]

    @property
    def scratch(self) -> Path:
        """Temporary files such as unpacked functions; emptied at every start."""
        return self.home / "tmp"

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables that direct an AWS client to this AWS only."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }


def _port(env: dict[str, str] | os._Environ[str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdigit() or int(text) > 65535:
        raise Problem(f"{name} is {text!r}, not a port number", f"set it like {name}={default}")
    return int(text)
