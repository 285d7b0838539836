"""`result.html` in a real browser, headless Chromium, that can reach nothing.

`python -m tests.readers.browser FOLDER [NAME …]` renders the page of every golden document (or those whose names begin
so), checks that no script ran and no request left, and puts a picture of it and of its printed pages into FOLDER.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carefile.page.render import PageHeader, render
from tests.readers.golden_files import documents, read_file

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = os.environ.get("CAREFILE_BROWSER") == "required"
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED, reason="no chromium here: apt-get install chromium"
)
COMMAND = (
    *(
        CHROMIUM or "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
HEADER = PageHeader(
    "title", "document", "Juan_Perez_123", "2026-10-28T14:30:22+00:00", "s3://landing/documents/file", "v1"
)
_SECONDS = 60
_WIDTH, _HEIGHT = 1000, 1400


@dataclass
class Proxy:
    """What the browser takes for the way to everything: counts who asks, and answers nobody."""

    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                asking, _ = self._socket.accept()
            except OSError:
                return
            with closing(asking):
                asking.settimeout(2)
                try:
                    self.asked.append(asking.recv(1000))
                except OSError:
                    self.asked.append(b"")

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True)
class Shown:
    """What the browser made of a page: the document after all had been loaded, and who was asked for more."""

    html: str
    requests: list[bytes]


def show(html: str, picture: Path | None = None, printed: Path | None = None) -> Shown:
    assert CHROMIUM, "no chromium"
    proxy = Proxy()
    with tempfile.TemporaryDirectory() as folder, closing(proxy):
        page = Path(folder) / "result.html"
        page.write_text(html, encoding="utf-8")
        command = [
            *COMMAND,
            *("--no-pdf-header-footer", f"--user-data-dir={folder}/profile"),
            *(f"--window-size={_WIDTH},{_HEIGHT}", "--virtual-time-budget=2000"),
            *(f"--proxy-server=http://127.0.0.1:{proxy.port}", "--proxy-bypass-list=<-loopback>"),
        ]
        outputs = ["--dump-dom"]
        outputs += [f"--screenshot={picture}"] if picture else []
        outputs += [f"--print-to-pdf={printed}"] if printed else []
        dom = ""
        for output in outputs:
            done = subprocess.run(
                [*command, output, page.as_uri()], capture_output=True, check=True, timeout=_SECONDS
            )
            dom = dom or done.stdout.decode("utf-8", "replace")
        return Shown(dom, [request for request in proxy.asked if not _is_the_browser_s_own(request)])


def _is_the_browser_s_own(request: bytes) -> bool:
    """What Chromium asks its maker for, whatever it shows."""
    return any(host in request for host in (b"google", b"gvt1.com")) or not request


def _pictures_of_print(printed: Path) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(printed)
    for number in range(min(len(document), 2)):
        document[number].render(scale=1.2).to_pil().save(printed.with_suffix(f".print{number + 1}.png"))


def main() -> None:
    folder, *names = sys.argv[1:]
    out = Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    for document in documents():
        if names and not document.name.startswith(tuple(names)):
            continue
        header = PageHeader(document.stem, *(getattr(HEADER, name) for name in HEADER.__slots__[1:]))
        printed = out / f"{document.name}.pdf"
        html = render(read_file(document), header)
        shown = show(html, out / f"{document.name}.png", printed)
        if shown.requests or "<script" in shown.html:
            raise SystemExit(f"{document.name}: a script or a request: {shown.requests}")
        _pictures_of_print(printed)
        print(document.name)  # noqa: T201


if __name__ == "__main__":
    main()
