"""Cloud assemblies for the embedded AWSs of tests: each stage is synthesised once, whichever process needs it first.

It is what `make up` deploys, but made in this process, as the CDK takes seconds to load, and with its package already
packed. `tests/local` and `tests/template` run the command that users run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from infrastructure.settings.config import load_context
from local import deployment
from tests.shared import shared


def assembly(stage: str = "local", **settings: Any) -> Path:
    """The cloud assembly of a stage of cdk.json, with these of its settings changed."""
    context = load_context()
    stages = {**context["stages"], stage: {**context["stages"][stage], **settings}}
    context |= {"stage": stage, "stages": stages}
    told = f"{deployment.source_digest()} {json.dumps(context, sort_keys=True)}"
    folder = shared() / f"{stage}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            from infrastructure.app import (
                synthesise,  # the CDK and its Node process, for the one that needs them
            )

            new = folder.with_suffix(".new")
            synthesise(context, str(new))
            for package in new.glob("asset.*"):
                _pack(package)
            new.rename(folder)
    return folder


def _pack(folder: Path) -> None:
    """Most stages have the same package, named by its digest: it is packed once."""
    if folder.is_dir():
        packed = shared() / folder.name
        with (shared() / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not packed.exists():
                packed.write_bytes(deployment.zipped(folder))
        shutil.rmtree(folder)
        folder.hardlink_to(packed)
