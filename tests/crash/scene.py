"""A dashboard on a workspace of its own, a Hub beside it, and a way to stand in any moment and strike."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import requests

from tests.comfydash.serving import Serve, is_alive, wait_for
from tests.crash.ledger import Ledger
from tests.crash.matrix import Moment, Victim
from tests.fakehub import FakeHub, File, Gate

KEY = "crash-key-0123456789abcdef012345678"
TOKEN = "hf_" + "c" * 34
BIG, SMALL = 12_000_000, 300_000
ROOT = Path(__file__).parents[2]
FORCE, REPLACE = "force=true", "conflict=replace"
BREAKPOINTS = Path(__file__).parent / "breakpoints"
SLOTS = 100  # cases that one workspace can take
IS_HERE = {"here", "unverified"}
DEATHS = 3  # of one child, before a fresh serve is quicker than the growing delay of restarts
SECONDS = 120.0  # generous: the machine may be busy

HEAD = 'metadata: {version: "1.0"}\ncategories: {Crash: {description: Pictures, type: image}}\npresets:\n'
PRESET = """  {id}:
    name: {id}
    category: Crash
    type: image
    description: Files to be interrupted
    files: [{files}]
"""
FILE = '{{path: {path}, url: "https://huggingface.co/org/{repo}/resolve/main/{name}"}}'


@dataclass(frozen=True)
class Outcome:
    """How an install came through: what its row said after the crash, and what it took to complete it."""

    after: str  # completed, failed (interrupted), paused, waiting (token_required)
    by: str  # the queue, Retry, Resume, a token
    again: int  # bytes that were fetched a second time
    seconds: float


class Scene:
    def __init__(self, workspace: Path) -> None:
        self.hub = FakeHub().start()
        self.hub.token(TOKEN, accepted={f"org/case-{number}" for number in range(SLOTS)})
        self.stage = workspace / "stage"
        self.ledger = Ledger(workspace)
        self.serve: Serve | None = None
        self._number = 0
        self._deaths: Counter[str] = Counter()
        for folder in (self.stage, workspace / "config", workspace / "models"):
            folder.mkdir(parents=True)
        (workspace / "config/presets.yaml").write_text(HEAD + "".join(map(preset, range(SLOTS))))

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_serve(signal.SIGKILL)
        self.hub.stop()

    # --- one case --------------------------------------------------------------------------------------------------

    def play(self, moment: Moment, victim: Victim) -> Outcome:
        """Stand in the moment, strike, look, bring it to its end. Raises AssertionError with what broke a promise."""
        begun = time.monotonic()
        self.be_up()
        case = self.new_case(gated=moment.parked)
        with self._standing(moment, case):
            self.ask("POST", f"/presets/{case.behind}/install")
            self.strike(victim.parts, victim.signal)
        self.be_up()
        settled = wait_for(lambda: self._settled(case, moment), SECONDS, f"{moment.name}: settled")
        untrue = self.ledger.untrue(case.preset)
        assert not untrue, untrue
        assert not self.ledger.wrong_files()
        by = self._help(case.preset, settled)
        if self.status(case.behind) == "failed":
            self._help(case.behind, "failed (interrupted)")
        for preset_id in (case.preset, case.behind):
            wait_for(lambda p=preset_id: self.status(p) == "completed", SECONDS, f"{preset_id} completed")  # type: ignore[misc]
        untrue = self.ledger.untrue(case.preset)
        assert not untrue, untrue
        faults = self.ledger.faults()
        assert not faults, faults
        again = sum(self.hub.sent(f"/{file.path}") - file.size for file in case.files)
        return Outcome(settled, by, max(0, again), time.monotonic() - begun)

    def play_replacing(self, moment: Moment, victim: Victim, wish: str) -> None:
        """Install, then strike while the same places get other bytes of the same size; look, and bring it to its end.

        ``wish`` is force (the source changed) or replace (another preset wants the place). Raises AssertionError.
        """
        self.be_up()
        case = self.new_case()
        self.ask("POST", f"/presets/{case.preset}/install")
        wait_for(lambda: self.status(case.preset) == "completed", SECONDS, "the first install")
        files = case.files[:2]
        repo = f"org/{'case' if wish == 'force' else 'again'}-{case.number}"
        new = [self.hub.add_file(repo, file.path, size=file.size, seed=7) for file in files]
        preset_id = case.preset if wish == "force" else case.again
        if wish == "replace":
            self.ledger.know_of(new)
        changed = Case(case.number, [*new, case.files[2]])
        for file in new:
            del self.ledger.expected[f"checkpoints/{file.path}"]
        with self._standing(moment, changed, f"{preset_id}/install?{FORCE if wish == 'force' else REPLACE}"):
            self.strike(victim.parts, victim.signal)
        self.be_up()
        settled = wait_for(lambda: self._ended(preset_id), SECONDS, f"{moment.name}: settled")
        self._assert_nobody_lies(case)
        old = self.ledger.standing(case.files)  # what was to be replaced
        taken = [file for file in self._files(preset_id) if file["path"] in old and file["status"] in IS_HERE]
        # Before its host was asked again nobody can know that the same address has other bytes now.
        assert not taken or (wish == "force" and moment.at == ("before downloads.worker.installer.Install.run",)), taken
        self._help(preset_id, settled)
        wait_for(lambda: self.status(preset_id) == "completed", SECONDS, f"{preset_id} completed")
        for file in new:
            self.ledger.expected[f"checkpoints/{file.path}"] = file.sha256
        self._assert_nobody_lies(case)
        wrong = [path for path in self.ledger.wrong_files() if path.startswith(f"checkpoints/{case.number}-")]
        assert not wrong, wrong

    def _ended(self, preset_id: str) -> str:
        row = self.ledger.newest(preset_id)
        if row["status"] in {"", "queued", "downloading"}:
            return ""
        return f"{row['status']} ({row['reason']})" if row["reason"] else str(row["status"])

    def _assert_nobody_lies(self, case: Case) -> None:
        listed = self._files(case.preset) + self._files(case.again)
        here = {file["path"] for file in listed if file["status"] == "here"}
        lock = json.loads(self._command("export_lock") or '{"files": []}')
        locked = {file["path"]: file["sha256"] for file in lock["files"]}
        claims = self.ledger.false_claims(here, locked, set())
        assert not claims, claims
        proved = json.loads(self._command("verify_models", "--json"))
        claims = self.ledger.false_claims(set(), {}, {row["path"] for row in proved if row["status"] == "ok"})
        assert not claims, claims

    def _files(self, preset_id: str) -> list[dict[str, str]]:
        files: list[dict[str, str]] = self.ask("GET", f"/presets/{preset_id}").json()["files"]
        return files

    def _command(self, *words: str) -> str:
        """What a command prints, whatever its exit status."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMFYDASH_", "DJANGO_"))}
        environment = self.serve_environment() | {"COMFYDASH_WORKSPACE": str(self.ledger.workspace)}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=clean | environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.stdout or "nothing" in done.stderr, done.stderr
        return done.stdout

    def _settled(self, case: Case, moment: Moment) -> str:
        """What the row says once the dust has settled and the install behind it went its way; "" until then."""
        row, behind = self.ledger.newest(case.preset), self.ledger.newest(case.behind)
        # Nobody stands in the way of the one behind a parked or paused install: the crash may have hit that one.
        free = moment.parked or moment.paused
        gone_its_way = behind["status"] == "completed" or (free and behind.get("reason") == "interrupted")
        if row["status"] in {"", "queued", "downloading"} or not gone_its_way:
            return ""
        return f"{row['status']} ({row['reason']})" if row["reason"] else str(row["status"])

    def _help(self, preset_id: str, settled: str) -> str:
        if settled == "completed":
            return "the queue"
        if settled == "waiting (token_required)":
            self.ask("POST", "/settings/hf-token", json={"token": TOKEN})
            wait_for(lambda: self.status(preset_id) == "completed", SECONDS, "the token starts it")
            self.ask("DELETE", "/settings/hf-token")
            return "a token"
        verb = {"failed (interrupted)": "retry", "paused": "resume"}[settled]
        self.ask("POST", f"/presets/{preset_id}/{verb}")
        return verb.capitalize()

    def new_case(self, *, gated: bool = False) -> Case:
        number, self._number = self._number, self._number + 1
        files = [
            self.hub.add_file(
                f"org/case-{number}", f"{number}-big.safetensors", size=BIG + number, seed=1, gated=gated
            ),
            self.hub.add_file(f"org/case-{number}", f"{number}-small.safetensors", size=SMALL + number, seed=1),
            self.hub.add_file(f"org/behind-{number}", f"{number}-behind.safetensors", size=SMALL + number, seed=2),
        ]
        for file in files:
            self.ledger.expected[f"checkpoints/{file.path}"] = file.sha256
        return Case(number, files)

    # --- standing in a moment --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _standing(self, moment: Moment, case: Case, install: str = "") -> Iterator[None]:
        """The install stands in the moment; what held it lets go at the end."""
        for name in ("armed", "reached", "release"):
            (self.stage / name).unlink(missing_ok=True)
        gate: Gate | None = None
        if moment.at:
            self._arm(moment.at)
        if moment.at_byte:
            gate = self.hub.gate(case.files[0], moment.at_byte)
        if moment.backs_off:
            self.hub.fault(case.files[0], origin="cdn", status=503, skip=2)
        self.ask("POST", f"/presets/{install or f'{case.preset}/install'}")
        if moment.at:
            self._wait_for((self.stage / "reached").exists, moment.name)
        if gate:
            assert gate.reached.wait(SECONDS), moment.name
        if moment.file_status:
            self._wait_for(lambda: self.ledger.file_status(case.path) == moment.file_status, moment.file_status)
        if moment.parked:
            self._wait_for(lambda: self.status(case.preset) == "waiting", moment.name)
        if moment.paused:
            self.ask("POST", f"/presets/{case.preset}/pause")
            self._wait_for(lambda: self.ledger.file_status(case.path) == "pending", moment.name)
        try:
            yield
        finally:
            (self.stage / "release").touch()
            self.hub.heal()

    def _arm(self, places: tuple[str, ...]) -> None:
        draft = self.stage / "armed.new"
        draft.write_text("\n".join(places))
        draft.rename(self.stage / "armed")

    @staticmethod
    def _wait_for(what: Callable[[], object], name: str) -> None:
        wait_for(what, SECONDS, name)

    # --- the dashboard ---------------------------------------------------------------------------------------------

    def be_up(self) -> None:
        """Pages and worker run, whatever happened before."""
        worn = max(self._deaths.values(), default=0) >= DEATHS
        if self.serve is None or worn or self.serve.process.poll() is not None:
            self._end_serve(signal.SIGTERM)
            self._deaths.clear()
            self.serve = Serve(
                self.ledger.workspace,
                CRASH_STAGE=str(self.stage),
                PYTHONPATH=str(BREAKPOINTS),
                **self.serve_environment(),
            )
        assert self.serve.url
        self.serve.child("web")
        self.serve.child("worker")

    def serve_environment(self) -> dict[str, str]:
        return {
            "COMFYDASH_API_KEY": KEY,
            "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on",
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": "",
            "NO_PROXY": "*",
        }

    def strike(self, parts: tuple[str, ...], number: signal.Signals) -> None:
        """Send the signal and see them gone (a worker asked politely may first need what holds it to let go)."""
        assert self.serve
        everybody = self.serve.children()
        pids = [self.serve.process.pid if part == "supervisor" else everybody[part] for part in parts]
        for pid in pids:
            os.kill(pid, number)
        if number != signal.SIGKILL:
            (self.stage / "release").touch()
        if "supervisor" in parts:
            self.serve.wait(SECONDS)
            pids += everybody.values()
        else:
            self._deaths.update(parts)
        wait_for(lambda: not any(map(is_alive, pids)), SECONDS, "nobody left alive")

    def _end_serve(self, number: signal.Signals) -> None:
        if self.serve is None:
            return
        leftovers = list(self.serve.children().values())
        if self.serve.process.poll() is None:
            self.serve.process.send_signal(number)
        self.serve.wait(SECONDS)
        for pid in filter(is_alive, leftovers):
            os.kill(pid, signal.SIGKILL)
        assert self.serve.process.stdout
        self.serve.process.stdout.close()
        self.serve = None

    def status(self, preset_id: str) -> str:
        return str(self.ledger.newest(preset_id)["status"])

    def ask(self, method: str, path: str, **kwargs: object) -> requests.Response:
        assert self.serve
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{self.serve.url}/api{path}", headers=headers, timeout=60, **kwargs)  # type: ignore[arg-type]
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer


@dataclass(frozen=True)
class Case:
    number: int
    files: list[File]

    @property
    def preset(self) -> str:
        return f"CASE_{self.number}"

    @property
    def again(self) -> str:
        return f"AGAIN_{self.number}"

    @property
    def behind(self) -> str:
        return f"BEHIND_{self.number}"

    @property
    def path(self) -> str:
        return f"checkpoints/{self.number}-big.safetensors"


def preset(number: int) -> str:
    """Installs of the catalogue: one to be interrupted, one that wants its places, one that waits behind it."""
    both = {
        f"CASE_{number}": [("case", "big.safetensors"), ("case", "small.safetensors")],
        f"AGAIN_{number}": [("again", "big.safetensors"), ("again", "small.safetensors")],
        f"BEHIND_{number}": [("behind", "behind.safetensors")],
    }
    return "".join(
        PRESET.format(
            id=preset_id,
            files=", ".join(
                FILE.format(path=f"checkpoints/{number}-{name}", repo=f"{repo}-{number}", name=f"{number}-{name}")
                for repo, name in files
            ),
        )
        for preset_id, files in both.items()
    )
