"""A web page of another origin, and the browser of the person who has opened it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.readers.browser import CHROMIUM, COMMAND

# Every name is this machine: what a site does that rebinds its own name.
REBOUND = "--host-resolver-rules=MAP * 127.0.0.1"
_SECONDS = 60


@dataclass
class Site:
    """A site under a name of its own, with one page, to which that page reports what it has achieved."""

    page: str
    reports: list[dict[str, str]] = field(default_factory=list)
    reported: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://evil.test:{self.port}/"


@contextmanager
def site(page: str) -> Iterator[Site]:
    served = Site(page)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            served.reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            served.reported.set()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def browsed(url: str) -> str:
    """The page's document after all has been loaded, under whatever address it ended up. Asked again where the browser
    shows none, as it does while it goes from one page to another."""
    assert CHROMIUM, "no chromium"
    return next(filter(None, (_shown(url) for _ in range(3))), "")


def _shown(url: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *COMMAND,
            REBOUND,
            f"--user-data-dir={profile}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            url,
        ]
        done = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
    return done.stdout.decode("utf-8", "replace")


def report_of(attack: Site) -> dict[str, str]:
    """Open the site in a browser until its page reports."""
    assert CHROMIUM, "no chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [*COMMAND, REBOUND, f"--user-data-dir={profile}", "--remote-debugging-port=0", attack.url]
        browser = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            assert attack.reported.wait(_SECONDS), "the page did not report"
        finally:
            browser.terminate()
            browser.wait(20)
            with suppress(ProcessLookupError):  # its children still write to the profile for a moment
                os.killpg(browser.pid, signal.SIGKILL)
    return attack.reports[0]
