"""A fake Hub, a models folder, and one call that brings a file and says what a person would see."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from downloads.transfer import Arrived, Options, Progress, Published, Stopped, TransferError, Wanted, fetch
from hosts.answers import Facts
from tests.certificates import loopback_tls
from tests.fakehub import FakeHub, File

__all__ = ["Bringer", "Brought", "bring", "free_port", "hub", "loopback_tls", "quick", "root"]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@dataclass
class Brought:
    """How a fetch ended, with every tick on the way."""

    ticks: list[Progress] = field(default_factory=list)
    published: Published | None = None
    refusal: TransferError | None = None
    stopped: bool = False

    @property
    def reason(self) -> str:
        return self.refusal.reason if self.refusal else ""

    @property
    def statuses(self) -> set[str]:
        return {progress.status for progress in self.ticks}


def quick(hub: FakeHub, **facts: object) -> Options:
    """Options against the fake Hub, with times that tests can wait for."""
    times: dict[str, object] = {
        "hub_endpoint": hub.url,
        "allow_private_hosts": True,
        "retry_base": 0.01,
        "stall_seconds": 20.0,
        "connect_timeout": 10.0,
        "read_timeout": 10.0,
        "tick_interval": 0.05,
    }
    return Options(**{**times, **facts})  # type: ignore[arg-type]


class Bringer:
    def __init__(self, hub: FakeHub, root: Path) -> None:
        self.hub, self.root = hub, root

    def __call__(
        self,
        file: File | str,
        path: str = "vae/a.safetensors",
        *,
        tick: Callable[[Progress], bool] = lambda progress: True,
        facts: Facts | None = None,
        publish: Callable[[Published], bool] | None = None,
        wanted: dict[str, object] | None = None,
        **options: object,
    ) -> Brought:
        """Fetch a file to `path`. `wanted` are further fields of Wanted, other keywords those of Options."""
        brought = Brought()

        def note(progress: Progress) -> bool:
            brought.ticks.append(progress)
            return tick(progress)

        def ask(arrived: Arrived) -> bool:
            if publish and not publish(arrived.result):
                return False
            arrived.rename()
            return True

        url = file if isinstance(file, str) else file.url
        want = Wanted(url, self.root, path, **(wanted or {}))  # type: ignore[arg-type]
        try:
            brought.published = fetch(want, quick(self.hub, **options), note, facts, publish=ask)
        except TransferError as refusal:
            brought.refusal = refusal
        except Stopped:
            brought.stopped = True
        return brought

    def on_disk(self) -> dict[str, int]:
        """Every file below the models folder with its size."""
        if not self.root.exists():
            return {}
        return {
            str(file.relative_to(self.root)): file.stat().st_size
            for file in sorted(self.root.rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def bring(hub: FakeHub, root: Path) -> Bringer:
    return Bringer(hub, root)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
