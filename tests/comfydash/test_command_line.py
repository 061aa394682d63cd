"""Every command: on a workspace that serve never saw, with an output that takes nothing, stopped, and in ASCII."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.comfydash.serving import ROOT
from tests.presets.makers import document, file, preset

LOOPBACK = "http://127.0.0.1:9"  # the port that throws everything away; nobody listens here
COMMANDS = [
    ("list_presets", "--json"),
    ("list_presets", "nothing-has-this-word"),
    ("check_presets", "HERE"),
    ("refresh_presets", "--dry-run"),
    ("install_preset", "HERE"),
    ("scan_workflows", "none.json"),
    ("install_workflow", "none.json"),
    ("verify_models",),
    ("export_lock",),
    ("apply_lock", "none.json"),
    ("verify_lock", "none.json"),
    ("prune_activity",),
    ("login_link",),
    ("backup_database", "none.db"),
    ("clearsessions",),
    ("dumpdata", "activity"),
    ("changepassword", "nobody"),
]


def environment(workspace: Path, **variables: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "COMFYDASH_WORKSPACE": str(workspace),
        "COMFYDASH_PRESETS_URL": f"{LOOPBACK}/presets.yaml",
        "HF_ENDPOINT": LOOPBACK,
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
        **variables,
    }


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Nothing but a catalogue, as a person may have put it there before the first start."""
    (tmp_path / "config").mkdir()
    one = preset(file(url=f"{LOOPBACK}/a.safetensors"), name="Grün 🚀")
    (tmp_path / "config" / "presets.yaml").write_bytes(document({"HERE": one}))
    return tmp_path


def run(workspace: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    variables = options.pop("variables", {})
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        **options,
        env=environment(workspace, **variables),
        cwd=workspace,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.sampled(5)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_before_the_first_start_makes_what_it_needs(fresh: Path, command: tuple[str, ...]) -> None:
    done = run(fresh, *command)
    assert "no such table" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.sampled(5)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_output_is_one_line(fresh: Path, command: tuple[str, ...]) -> None:
    run(fresh, "prune_activity")
    with Path("/dev/full").open("w") as full:
        done = run(fresh, *command, stdout=full)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_full_output_says_so(fresh: Path) -> None:
    run(fresh, "prune_activity")
    with Path("/dev/full").open("w") as full:
        done = run(fresh, "list_presets", stdout=full)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "The output could not be written (No space left on device).",
    )


def test_a_reader_that_leaves_is_no_trouble(fresh: Path) -> None:
    run(fresh, "prune_activity")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(fresh, "list_presets", "--json", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


PRINT = "from comfydash.serve import prepare; prepare._print('http://127.0.0.1:8082/login/link/secret')"


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_serve_goes_on_where_its_address_cannot_be_printed(fresh: Path, where: str) -> None:
    command = ["sh", "-c", f'exec "$0" -c "$1" {where}', sys.executable, PRINT]
    done = subprocess.run(command, env=environment(fresh), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "manage.py login_link" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_terminal_that_knows_ascii_alone_gets_escapes_which_json_reads(fresh: Path) -> None:
    done = run(fresh, "list_presets", "--json", variables=ASCII)
    assert done.returncode == 0, done.stderr
    assert next(row["name"] for row in json.loads(done.stdout) if row["id"] == "HERE") == "Grün 🚀"
    assert "Gr\\u00fcn" in run(fresh, "list_presets", "HERE", variables=ASCII).stdout


@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "COMFYDASH_AUTH", "DATABASE_URL"])
def test_a_variable_that_is_refused_is_one_line(fresh: Path, variable: str) -> None:
    done = run(fresh, "list_presets", variables={variable: "no such thing"})
    assert done.returncode == 1
    assert variable in done.stderr
    assert len(done.stderr.splitlines()) == 1


class Silent:
    """A host that takes connections and never says a word."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                self._open.append(self._socket.accept()[0])
            except OSError:
                return
            self.count += 1
            self.asked.release()

    def close(self) -> None:
        for each in [self._socket, *self._open]:
            each.close()


@pytest.fixture
def silent():
    host = Silent()
    yield host
    host.close()


def many(workspace: Path, host: Silent, count: int) -> None:
    files = [file(f"loras/{n}.safetensors", f"{host.url}/{n}.safetensors") for n in range(count)]
    (workspace / "config" / "presets.yaml").write_bytes(document({"MANY": preset(*files)}))


def test_check_presets_asks_a_silent_host_a_few_times_and_not_for_each_file(fresh: Path, silent: Silent) -> None:
    many(fresh, silent, 200)
    done = run(fresh, "check_presets", "MANY", "--timeout", "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "200 files: 200 unreachable"
    assert sum("of 200: " in line for line in done.stderr.splitlines()) == 200
    assert 0 < silent.count <= 30


class Slow(http.server.BaseHTTPRequestHandler):
    """Each answer comes, late."""

    def do_GET(self) -> None:
        time.sleep(0.3)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_check_presets_leaves_a_host_that_is_slow_with_each_of_many_addresses(fresh: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        files = [file(f"loras/{n}.safetensors", f"{url}/{n}.safetensors") for n in range(400)]
        (fresh / "config" / "presets.yaml").write_bytes(document({"MANY": preset(*files)}))
        done = run(fresh, "check_presets", "MANY", "--timeout", "0.5")
        server.shutdown()
    assert "has used up its 5 s" in done.stdout
    assert "missing" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("400 files: ")


def listen_to_ctrl_c() -> None:
    """Where the tests run in a shell's background, their children are born deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_check_presets_while_a_host_is_silent(fresh: Path, silent: Silent) -> None:
    many(fresh, silent, 20)
    run(fresh, "prune_activity")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "check_presets", "MANY", "--timeout", "600"],
        env=environment(fresh),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_ctrl_c,
    )
    assert silent.asked.acquire(timeout=90)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "Stopped.")
    assert "Traceback" not in err
