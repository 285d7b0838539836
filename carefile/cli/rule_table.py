"""Load a deployment's rule table: the file that CAREFILE_RULES names, or that its stage names in this checkout's
cdk.json; outside a checkout, the one in the package of its functions."""

from __future__ import annotations

import io
import json
import os
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.checkout import checkout
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable

_DEFAULT = "rules/default.json"  # in the package too, whatever its name in the checkout
_SECONDS = 60


def rules_of(connection: Connection) -> RuleTable:
    named, root = os.environ.get("CAREFILE_RULES"), checkout()
    if named:
        return _read(Path(named), "name the deployment's rule file with CAREFILE_RULES, or unset it")
    if root is None:
        return _deployed(connection)
    stage = connection.stack.removeprefix("Carefile-")
    to_do = "run this from a complete checkout of Carefile"
    try:
        stages = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]["stages"]
    except (OSError, ValueError, KeyError) as error:
        raise Problem(f"cannot read the stages in cdk.json: {error}", to_do) from None
    return _read(root / stages.get(stage, {}).get("rules_file", _DEFAULT), to_do)


def _read(file: Path, to_do: str) -> RuleTable:
    try:
        return RuleTable.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise Problem(f"cannot read the rules in {file.name}: {error}", to_do) from None


def _deployed(connection: Connection) -> RuleTable:
    """Read the rules that the functions decide by from their package."""
    found = connection.client("lambda").get_function(FunctionName=connection.function("ClassifyObject"))
    address = str(found["Code"]["Location"])
    if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise Problem(
            "the package of the functions is at no address", "name the rule file with CAREFILE_RULES"
        )
    try:
        with zipfile.ZipFile(_Remote(address)) as package:
            return RuleTable.from_json(json.loads(package.read(_DEFAULT)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise Problem(
            "cannot read the rules from the package of the functions",
            "name the deployment's rule file with CAREFILE_RULES",
        ) from None


class _Remote(io.RawIOBase):
    """A file behind an address, read in parts: the rules are a thousandth of the package."""

    def __init__(self, address: str) -> None:
        self._address, self._at = address, 0
        with self._get("bytes=-1") as answer:
            whole = answer.status == 200  # the server knows no ranges
            self._body: bytes | None = answer.read() if whole else None
            self._size = (
                len(self._body or b"") if whole else int(answer.headers["Content-Range"].rpartition("/")[2])
            )

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        start, self._at = self._at, max(self._at, end)
        if start >= end:
            return b""
        if self._body is not None:
            return self._body[start:end]
        with self._get(f"bytes={start}-{end - 1}") as answer:
            return bytes(answer.read())

    def _get(self, part: str) -> Any:
        request = urllib.request.Request(self._address, headers={"Range": part})  # noqa: S310 - checked above
        return urllib.request.urlopen(request, timeout=_SECONDS)  # noqa: S310
