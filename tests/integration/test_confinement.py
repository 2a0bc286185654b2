"""What a child that a file took over could still do: next to nothing."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.doctor import confinement_of
from jobs.findings import Verdict
from tests.support.crews import do, task
from workers.confinement.calls import FILES, NETWORK, OTHERS, Unless, refused
from workers.confinement.seccomp import program
from workers.limits import ChildLimits
from workers.process import ChildProcess
from workers.supervisor import Supervisor

CONFINED = "tests.support.confined:main"
HEADERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")


@pytest.fixture(scope="module")
def crew() -> Iterator[Supervisor]:
    with ChildProcess(ChildLimits(), entry=CONFINED) as child:
        child.wait_ready()
        if child.unheld:
            pytest.skip(f"this system does not grant {child.unheld}")
    with Supervisor(1, entry=CONFINED) as crew:
        yield crew


def told(crew: Supervisor, *asked: str) -> list[str]:
    return do(crew, task(1, *asked))[1].told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("thread", ["", "thread-"], ids=["main thread", "older thread"])
def test_no_socket_leads_out(thread: str, crew: Supervisor, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mailbox,
        socket.socket(socket.AF_UNIX) as local,
    ):
        mailbox.bind(("127.0.0.1", 0))
        local.bind(str(tmp_path / "service"))
        for one in (server, mailbox):
            one.setblocking(False)
        asked = (
            f"{thread}connect:{server.getsockname()[1]}",
            f"{thread}datagram:{mailbox.getsockname()[1]}",
            f"{thread}local:{tmp_path / 'service'}",
            f"{thread}rings",
        )
        assert told(crew, *asked) == ["PermissionError"] * 4
        with pytest.raises(BlockingIOError):
            server.accept()
        with pytest.raises(BlockingIOError):
            mailbox.recv(100)


@pytest.mark.parametrize("thread", ["", "thread-"], ids=["main thread", "older thread"])
def test_files_are_read_and_never_changed(thread: str, crew: Supervisor, file: Path) -> None:
    before = file.stat()
    changes = ("write", "append", "cut", "remove", "rename", "link", "rights", "age")
    assert told(crew, *(f"{thread}{change}:{file}" for change in changes)) == ["PermissionError"] * len(changes)
    assert told(crew, f"{thread}folder:{file.parent / 'new'}", f"{thread}read:{file}") == ["PermissionError", "done"]
    assert file.stat()[:8] == before[:8]
    assert file.read_bytes() == b"precious"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_no_other_process_is_looked_into_or_signalled(crew: Supervisor) -> None:
    asked = (f"environment:{os.getpid()}", f"signal:{os.getpid()}", "program")
    assert told(crew, *asked) == ["PermissionError"] * 3


def test_what_work_needs_goes_on(crew: Supervisor) -> None:
    assert told(crew, "signal-itself", "begin-a-thread", f"read:{os.devnull}") == ["done"] * 3


def test_without_confinement_the_same_child_could_do_it_all(file: Path) -> None:
    """Should one of the acts fail for another reason, the tests above would prove nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(file.parent / "service"))
        local.listen()
        port = server.getsockname()[1]
        acts = [
            *(f"connect {port}", f"datagram {port}", f"local {file.parent / 'service'}", "rings", "program"),
            *(f"{act} {file}" for act in ("append", "link", "rights", "age", "cut", "write", "rename")),
            *(f"remove {file}.link", f"folder {file}", f"environment {os.getpid()}", f"signal {os.getpid()}"),
        ]
        script = (
            "import sys; from tests.support.confined import ACTS, told\n"
            "for line in sys.argv[1:]:\n    act, _, operand = line.partition(' ')\n    print(told(ACTS[act], operand))"
        )
        ran = subprocess.run([sys.executable, "-c", script, *acts], check=True, capture_output=True, text=True)
    outcomes = dict(zip(acts, ran.stdout.split(), strict=True))
    outcomes.pop("rings")  # containers often refuse it to everybody
    assert set(outcomes.values()) == {"done"}, outcomes


def test_on_a_gpu_its_driver_keeps_local_sockets_and_files() -> None:
    kept = set(refused(gpu=True))
    assert not kept & set(FILES)
    assert set(OTHERS) < kept
    assert [call.unless for call in kept if call.name == "socket"] == [Unless.LOCAL]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_fits_into_the_kernels_bounds(machine: str) -> None:
    steps, rest = divmod(len(program(refused(gpu=False), machine, 2**22)), 8)
    assert rest == 0
    assert len(refused(gpu=False)) < steps < 4096


@pytest.mark.parametrize(("column", "header"), [*enumerate(HEADERS)], ids=["x86_64", "aarch64"])
def test_calls_have_the_numbers_of_the_systems_headers(column: int, header: Path) -> None:
    if not header.exists():
        pytest.skip("the headers of the C library are not installed")
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+) (\d+)$", header.read_text(), re.MULTILINE)
    numbers = dict[str, str](defined)
    ours = {call.name: (call.x86_64, call.aarch64)[column] for call in (*NETWORK, *FILES, *OTHERS, *refused(gpu=True))}
    assert {name: numbers[name] for name in ours if name in numbers} == {
        name: str(number) for name, number in ours.items() if name in numbers
    }
    assert len(ours.keys() & numbers.keys()) > 50


def test_doctor_names_what_was_not_granted_and_why() -> None:
    assert confinement_of({}).verdict is Verdict.OK
    found = confinement_of({"landlock": "Function not implemented"})
    assert found.verdict is Verdict.NOTE
    assert "landlock (Function not implemented)" in found.found
    assert "without network" in found.hint
