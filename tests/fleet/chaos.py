"""Workers that are killed, frozen, cut off and starved while they install; what happens when is drawn from a seed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import LEASE_SECONDS, SECONDS, Fleet, Worker

BETWEEN_SECONDS = (2.0, 6.0)  # two faults; a long one is not over when the next begins
HOLDER = 0.75  # how often the worker that installs is the one that is struck
SHORT, LONG = (0.5, 3.0), (1.2 * LEASE_SECONDS, 2.0 * LEASE_SECONDS)  # seconds, within a lease and beyond it


@dataclass(frozen=True)
class Blow:
    after: float  # seconds since the one before
    kind: str
    lasts: float
    at_holder: bool
    other: int  # the worker that is struck when nobody installs, or the dice said so

    def __str__(self) -> str:
        return f"{self.kind} of {'the holder' if self.at_holder else f'worker-{self.other}'} for {self.lasts:.1f} s"


def blows(seed: int, seconds: float, workers: int) -> Iterator[Blow]:
    dice = random.Random(seed)
    total = 0.0
    while total < seconds:
        after = dice.uniform(*BETWEEN_SECONDS)
        total += after
        kind = dice.choice(list(KINDS))
        lasts = dice.uniform(*dice.choice([SHORT, LONG]))
        yield Blow(after, kind, lasts, dice.random() < HOLDER, dice.randrange(workers))


@contextmanager
def killed(worker: Worker) -> Iterator[None]:
    worker.kill()
    yield
    worker.start()


@contextmanager
def stopped(worker: Worker) -> Iterator[None]:
    worker.stop()
    yield
    worker.start()


@contextmanager
def frozen(worker: Worker) -> Iterator[None]:
    worker.freeze()
    yield
    worker.wake()


@contextmanager
def cut_off(worker: Worker) -> Iterator[None]:
    worker.proxy.cut()
    yield
    worker.proxy.heal()


@contextmanager
def unheard(worker: Worker) -> Iterator[None]:
    worker.proxy.hang()
    yield
    worker.proxy.heal()


@contextmanager
def held_up(worker: Worker) -> Iterator[None]:
    worker.proxy.delay = 0.2
    yield
    worker.proxy.delay = 0.0


@contextmanager
def restarted(worker: Worker) -> Iterator[None]:
    """Not the worker: its PostgreSQL."""
    worker.fleet.postgres.restart()
    yield


KINDS: dict[str, Callable[[Worker], object]] = {
    fault.__name__: fault for fault in (killed, stopped, frozen, cut_off, unheard, held_up, restarted)
}


class Storm:
    """Strikes one blow after the other; each worker suffers one at a time."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._under: dict[str, threading.Thread] = {}

    def strike(self, blow: Blow) -> None:
        holder = self.fleet.holder() if blow.at_holder else None
        worker = holder or self.fleet.workers[blow.other]
        suffering = self._under.get(worker.name)
        if suffering and suffering.is_alive():
            return
        print(f"{time.strftime('%H:%M:%S')} {worker.name}: {blow}", flush=True)
        self._under[worker.name] = threading.Thread(target=self._suffer, args=(worker, blow))
        self._under[worker.name].start()

    def _suffer(self, worker: Worker, blow: Blow) -> None:
        with KINDS[blow.kind](worker):  # type: ignore[attr-defined]
            time.sleep(blow.lasts)

    def calm(self) -> None:
        for thread in self._under.values():
            thread.join()


def play(folder: Path, seed: int, seconds: float, *, installs: int, workers: int = 3) -> list[str]:
    """What broke a promise."""
    print(f"python -m tests.fleet --seed {seed} --seconds {seconds:.0f}", flush=True)
    with Fleet(folder, installs, workers, size=4_000_000) as fleet:
        fleet.hub.total_speed = round(installs * 4_000_000 / seconds)  # there is always something on its way
        for worker in fleet.workers:
            worker.start()
        fleet.install(*fleet.files)
        wait_for(fleet.holder, SECONDS, "somebody installs")
        storm = Storm(fleet)
        for blow in blows(seed, seconds, workers):
            time.sleep(blow.after)
            storm.strike(blow)
        storm.calm()
        fleet.hub.total_speed = 0
        fleet.bring_all()
        print(f"the lease was taken {len(fleet.takings())} times", flush=True)
        return fleet.faults()
