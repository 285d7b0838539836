"""Who takes a reader's process over by a damaged document finds nothing there to take, to write or to reach.

Each attack runs as a reader in the real child process, under the real parent; the control shows that it works where the
child is not confined, so that it is the confinement that stops it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carefile.core.documents.extraction import Status
from lambdas.readers import children, confinement, isolation, limits
from lambdas.readers.formats.text import plain_text
from lambdas.readers.source import Content, Source

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines a process without privileges"),
    pytest.mark.timeout(120),
]

CHILD = """
import ctypes, os, socket, subprocess, sys, threading, time
from dataclasses import replace
from lambdas.readers import isolation, registry
from lambdas.readers.formats.text import plain_text

libc = ctypes.CDLL(None, use_errno=True)

def called(*words):
    if (answer := libc.syscall(*(ctypes.c_long(w) if isinstance(w, int) else w for w in words))) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer

def attack():
    parent = os.getppid()
    {attack}

def read(source, draft):
    try:
        found = attack()
    except OSError as error:
        found = "refused: " + type(error).__name__
    draft.text(repr(found))

registry.READERS = (replace(plain_text.READER, read=read),)
{before}
isolation._main()
"""
NOT_CONFINED = "isolation.confine_this_process = isolation._limit_this_process = lambda: None"


def attacked(attack: str, monkeypatch: pytest.MonkeyPatch, before: str = "") -> str:
    """What the attack found, as a reader of a document."""
    code = CHILD.format(attack=attack.replace("\n", "\n    "), before=before)
    monkeypatch.setattr(isolation, "_COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(limits, "CHILD_SECONDS", 20)
    extraction = isolation.read_isolated(plain_text.READER, Source(Content(b"x", 1), "x", None))
    assert extraction.content, extraction.reason
    return extraction.content[0].text


# Each gives 'done' where nothing holds it.
SYSTEM_CALLS = {
    "the network": "socket.socket(socket.AF_INET); return 'done'",
    "the network by IPv6": "socket.socket(socket.AF_INET6); return 'done'",
    "a service of this machine": "socket.socket(socket.AF_UNIX); return 'done'",
    "a new process": "if not os.fork(): os._exit(0)\nreturn 'done'",
    "another program": "subprocess.run(['/bin/true']); return 'done'",
    "another program in its place": "os.execv('/bin/true', ['true'])",
    "a signal to its parent": "os.kill(parent, 0); return 'done'",
    "its parent's limits": "import resource; resource.prlimit(parent, resource.RLIMIT_CORE); return 'done'",
    "a look into its parent": (
        "held = ctypes.create_string_buffer(8)\n"
        "vector = (ctypes.c_size_t * 2)(ctypes.addressof(held), 8)\n"
        "called({call}, os.getpid(), vector, 1, vector, 1, 0); return 'done'"
    ).replace("{call}", str(confinement._REFUSED["process_vm_readv"][confinement._MACHINES[os.uname().machine][1]])),
    "a file that is written": "open('{folder}/new', 'w'); return 'done'",
    "a file that is emptied": "os.truncate('{folder}/there', 0); return 'done'",
    "a file that is opened to be emptied": "os.open('{folder}/there', os.O_RDONLY | os.O_TRUNC); return 'done'",
    "a file that is taken away": "os.unlink('{folder}/there'); return 'done'",
    "a file that is renamed": "os.rename('{folder}/there', '{folder}/other'); return 'done'",
    "a folder": "os.mkdir('{folder}/folder'); return 'done'",
    "a file's rights": "os.chmod('{folder}/there', 0o777); return 'done'",
}  # fmt: skip


LEAVES_NOBODY_TO_SAY_SO = {"another program in its place"}


@pytest.mark.parametrize(
    ("what", "is_confined"),
    [(what, True) for what in SYSTEM_CALLS]
    + [(what, False) for what in SYSTEM_CALLS if what not in LEAVES_NOBODY_TO_SAY_SO],
)
def test_it_cannot_reach(
    what: str, is_confined: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("of another document")
    attack = SYSTEM_CALLS[what].replace("{folder}", str(tmp_path))
    found = attacked(attack, monkeypatch, "" if is_confined else NOT_CONFINED)
    assert found == repr("refused: PermissionError" if is_confined else "done")
    if is_confined:
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
            ("there", "of another document")
        ]


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        ("return sorted(name for name in os.environ if name.startswith('AWS'))", []),
        (
            "links = {name: os.readlink(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd')"
            " if os.path.lexists(f'/proc/self/fd/{name}')}\n"
            "return sorted(name for name, link in links.items() if not link.startswith('/proc/'))",
            ["0", "1", "2"],
        ),
        ("return os.getsid(0) == os.getpid() != os.getsid(parent)", True),
        (
            "ran = []\nit = threading.Thread(target=lambda: ran.append(1))\nit.start(); it.join()\nreturn ran",
            [1],
        ),
        ("import resource; return resource.getrlimit(resource.RLIMIT_FSIZE)", (0, 0)),
        (
            "return called(0x40000000 | 41, 2, 1, 0)" if os.uname().machine == "x86_64" else "open('/', 'w')",
            None,
        ),
    ],
    ids=[
        "no credentials",
        "no descriptors",
        "a session of its own",
        "threads",
        "no file's size",
        "other numbers",
    ],
)
def test_it_has(attack: str, found: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with (tmp_path / "open").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        expected = "refused: PermissionError" if found is None else found
        assert attacked(attack, monkeypatch) == repr(expected)


# As anybody but root where that can be: what a function is, and root without its capabilities where it cannot.
PARENT = """
import os, sys
from dataclasses import replace
from lambdas.readers import confinement, isolation
from lambdas.readers.formats.text import plain_text
from lambdas.readers.source import Content, Source
if {user}:
    os.setgroups([]); os.setgid({user}); os.setuid({user})
    confinement._prctl(confinement._PR_SET_DUMPABLE, 1)  # as a program of that user would have been from its start
{before}
isolation._COMMAND = (sys.executable, "-c", {child!r})
extraction = isolation.read_isolated(plain_text.READER, Source(Content(b"x", 1), "x", None))
print(extraction.content[0].text)
"""
NOT_CLOSED = "isolation.close_this_process_to_its_children = lambda: None"
LOOKS = {
    "environment": "return 'AWS_SECRET' in open(f'/proc/{parent}/environ').read()",
    "memory": (
        "[begin, end] = [int(n, 16) for n in open(f'/proc/{parent}/maps').readline().split()[0].split('-')]\n"
        "held = open(f'/proc/{parent}/mem', 'rb', 0); held.seek(begin); return len(held.read(16)) > 0"
    ),
    "files": "return len(os.readlink(f'/proc/{parent}/fd/1')) > 0",
}


def nobody() -> int:
    """Another user to be, where this one may choose and that one may run this very Python; else 0."""
    if os.getuid():
        return 0
    drop = (
        f"import os; os.setgid(65534); os.setuid(65534); os.execv({sys.executable!r}, ['python', '-c', ''])"
    )
    done = subprocess.run([sys.executable, "-c", drop], capture_output=True, check=False)
    return 0 if done.returncode else 65534


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "control"])
@pytest.mark.parametrize("what", LOOKS)
def test_its_parent_is_closed_to_it(what: str, is_closed: bool) -> None:
    child = CHILD.format(attack=LOOKS[what].replace("\n", "\n    "), before="" if is_closed else NOT_CONFINED)
    parent = PARENT.format(user=nobody(), before="" if is_closed else NOT_CLOSED, child=child)
    done = subprocess.run(
        [sys.executable, "-c", parent],
        env={**os.environ, "AWS_SECRET_ACCESS_KEY": "secret"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == repr("refused: PermissionError" if is_closed else True)


LEAVES_ONE_BEHIND = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(left.pid, flush=True)
"""


def test_what_it_leaves_behind_ends_with_it() -> None:
    done = children.run([sys.executable, "-c", LEAVES_ONE_BEHIND], b"", os.environ, 20)
    deadline = time.monotonic() + 10
    while is_alive(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_says_more_than_any_record_holds_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MAX_ANSWER", 1_000_000)
    endless = "import os\nwhile True: os.write(1, b'x' * 65536)"
    begun = time.monotonic()
    done = children.run([sys.executable, "-c", endless], b"x" * 1_000_000, os.environ, 30)
    assert (done.stdout, done.returncode) == (b"", -9)
    assert time.monotonic() - begun < 20


def test_what_it_has_said_when_its_time_is_over_is_kept() -> None:
    slow = "import time; print('said', flush=True); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired) as stopped:
        children.run([sys.executable, "-c", slow], b"", os.environ, 2)
    assert stopped.value.output == b"said\n"


def test_where_it_cannot_be_confined_it_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    unable = "import lambdas.readers.confinement as c; c.platform.machine = lambda: 'riscv64'"
    code = CHILD.format(attack="return 'read'", before=unable)
    monkeypatch.setattr(isolation, "_COMMAND", (sys.executable, "-c", code))
    extraction = isolation.read_isolated(plain_text.READER, Source(Content(b"x", 1), "x", None))
    assert (extraction.status, extraction.content) == (Status.NOT_READ, ())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_each_machine_is_whole(machine: str) -> None:
    """What the kernel asks of a filter: whole instructions, jumps inside of it, an answer at its end."""
    program = confinement._instructions(machine, 1)
    assert all(len(instruction) == 8 for instruction in program)
    for place, instruction in enumerate(program):
        if instruction[0] & 0x07 == 0x05:
            assert place + 1 + max(instruction[2], instruction[3]) < len(program)
    assert program[-1] == confinement._operation(confinement._ANSWER, confinement._ALLOW)


@pytest.mark.parametrize(
    "header",
    [
        ("x86_64", 0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", 1, "/usr/include/asm-generic/unistd.h"),
    ],
    ids=lambda it: it[0],
)
def test_the_numbers_are_the_kernel_s(header: tuple[str, int, str]) -> None:
    _, column, path = header
    if not Path(path).exists():
        pytest.skip("the kernel's headers are not here")
    known = {}
    for line in Path(path).read_text().splitlines():
        words = line.split()
        if len(words) > 2 and words[0] == "#define" and words[1].startswith("__NR") and words[2].isdigit():
            known[words[1].removeprefix("__NR3264_").removeprefix("__NR_")] = int(words[2])
    table = confinement._REFUSED | confinement._UNKNOWN_TO_IT | confinement._ONLY_ON_ITSELF
    table |= {
        "clone": confinement._CLONE,
        "prlimit64": confinement._PRLIMIT,
        "open": confinement._OPEN,
        "openat": confinement._OPENAT,
    }
    ours = {
        name: numbers[column] for name, numbers in table.items() if name in known or numbers[column] is None
    }
    assert ours == {name: known.get(name) for name in ours}
    assert len(ours) > len(table) - 3
