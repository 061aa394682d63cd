"""A worker of a fleet, which can be killed, frozen and cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.comfydash.serving import ROOT
from tests.fleet.places import HERE, Host, Place
from tests.scale.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from tests.fleet.fleet import Fleet

SECONDS = 180.0  # generous: the machine may be busy
WAKES_SECONDS = 3.0  # in which one that was frozen or cut off reads what was held for it, and finds out


class Worker:
    """``manage.py run_huey`` as if on a machine of its own: own data directory, own way to the database."""

    def __init__(self, fleet: Fleet, name: str, place: Place = HERE) -> None:
        self.fleet, self.name, self.place = fleet, name, place
        self.proxy = TcpProxy(fleet.postgres.port)  # its way on one machine
        self.apart_since = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.log = fleet.folder / f"{name}.log"
        self.stage = fleet.folder / f"{name}.stage"  # see tests/crash/breakpoints
        self.stage.mkdir()

    @property
    def host(self) -> Host:
        assert isinstance(self.place, Host)
        return self.place

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self, **variables: str) -> None:
        address = f"127.0.0.1:{self.proxy.port}"
        if isinstance(self.place, Host):
            address = f"{self.fleet.postgres.place.address}:{self.fleet.postgres.port}"
        environment = self.fleet.environment(self.name, f"postgres://postgres@{address}/postgres") | {
            "PYTHONPATH": str(ROOT / "tests/crash/breakpoints"),
            "CRASH_STAGE": str(self.stage),
            **variables,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.place.command(sys.executable, str(ROOT / "manage.py"), "run_huey"),
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.fleet.transfers.pids[self.pid] = self.name

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """The exit status."""
        assert self.process
        self.process.terminate()
        return self.process.wait(SECONDS)

    def freeze(self) -> None:
        self.apart_since = time.monotonic()
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        self._excuse()
        os.kill(self.pid, signal.SIGCONT)

    def unplug(self) -> None:
        self.apart_since = time.monotonic()
        self.fleet.network.unplug(self.host)

    def plug(self) -> None:
        self._excuse()
        self.fleet.network.plug(self.host)

    def _excuse(self) -> None:
        """What was sent to it meanwhile is no transfer: buffers took it, its own or those of the Hub."""
        self.fleet.transfers.excused.append((self.name, self.apart_since, time.monotonic() + WAKES_SECONDS))

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
        self.proxy.heal()
        for file in self.stage.iterdir():
            file.unlink()
