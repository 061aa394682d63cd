"""Workers that are killed, frozen, cut off and starved while they install, and a database and a Redis that have faults
of their own; what happens when is drawn from a seed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.fleet import LEASE_SECONDS, Fleet
from tests.fleet.places import Host, Network
from tests.fleet.worker import Worker

BETWEEN_SECONDS = (2.0, 6.0)  # two faults; a long one is not over when the next begins
HOLDER = 0.75  # how often the worker that installs is the one that is struck
SHORT, LONG = (0.5, 3.0), (1.2 * LEASE_SECONDS, 2.0 * LEASE_SECONDS)  # seconds, within a lease and beyond it

Fault = Callable[..., AbstractContextManager[None]]


@dataclass(frozen=True)
class Blow:
    after: float  # seconds since the one before
    kind: str
    lasts: float
    at_holder: bool
    other: int  # the worker that is struck when nobody installs, or the dice said so


def blows(seed: int, seconds: float, workers: int, kinds: list[str]) -> Iterator[Blow]:
    dice = random.Random(seed)
    total = 0.0
    while total < seconds:
        after = dice.uniform(*BETWEEN_SECONDS)
        total += after
        kind = dice.choice(kinds)
        lasts = dice.uniform(*dice.choice([SHORT, LONG]))
        yield Blow(after, kind, lasts, dice.random() < HOLDER, dice.randrange(workers))


# --- of a worker ------------------------------------------------------------------------------------------------------


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
def unplugged(worker: Worker) -> Iterator[None]:
    worker.unplug()
    yield
    worker.plug()


@contextmanager
def mute(worker: Worker) -> Iterator[None]:
    """What it says to the database vanishes."""
    worker.host.lose(database_of(worker))
    yield
    worker.host.find(database_of(worker))


@contextmanager
def deaf(worker: Worker) -> Iterator[None]:
    """What the database answers vanishes."""
    database_of(worker).lose(worker.host)
    yield
    database_of(worker).find(worker.host)


def database_of(worker: Worker) -> Host:
    place = worker.fleet.postgres.place
    assert isinstance(place, Host)
    return place


# --- of a server ------------------------------------------------------------------------------------------------------


@contextmanager
def postgresql_restarted(fleet: Fleet) -> Iterator[None]:
    fleet.postgres.restart()
    yield


@contextmanager
def redis_flushed(fleet: Fleet) -> Iterator[None]:
    assert fleet.redis
    fleet.redis.flush()
    yield


@contextmanager
def redis_killed(fleet: Fleet) -> Iterator[None]:
    assert fleet.redis
    fleet.redis.kill()
    yield
    fleet.redis.start()


@contextmanager
def redis_hung(fleet: Fleet) -> Iterator[None]:
    assert fleet.redis
    fleet.redis.stop()
    yield
    fleet.redis.go_on()


def named(
    *faults: Callable[..., AbstractContextManager[None]],
) -> dict[str, Callable[..., AbstractContextManager[None]]]:
    return {fault.__name__: fault for fault in faults}


OF_ANY_WORKER = named(killed, stopped, frozen)
BEHIND_A_PROXY = OF_ANY_WORKER | named(cut_off, unheard, held_up)
ON_A_HOST = OF_ANY_WORKER | named(unplugged, mute, deaf)
OF_SERVERS = named(postgresql_restarted, redis_flushed, redis_killed, redis_hung)


class Storm:
    """Strikes one blow after the other; each worker and each server suffers one at a time."""

    def __init__(self, fleet: Fleet, of_workers: dict[str, Fault]) -> None:
        self.fleet, self._of_workers = fleet, of_workers
        self.kinds = [*of_workers, *OF_SERVERS]
        self._under: dict[str, threading.Thread] = {}

    def strike(self, blow: Blow) -> None:
        if blow.kind in OF_SERVERS:
            self._begin(blow, blow.kind.partition("_")[0], OF_SERVERS[blow.kind](self.fleet))
            return
        holder = self.fleet.holder() if blow.at_holder else None
        worker = holder or self.fleet.workers[blow.other]
        self._begin(blow, worker.name, self._of_workers[blow.kind](worker))

    def _begin(self, blow: Blow, sufferer: str, fault: AbstractContextManager[None]) -> None:
        suffering = self._under.get(sufferer)
        if suffering and suffering.is_alive():
            return
        print(f"{time.strftime('%H:%M:%S')} {sufferer}: {blow.kind} for {blow.lasts:.1f} s", flush=True)
        self._under[sufferer] = threading.Thread(target=_suffer, args=(fault, blow.lasts))
        self._under[sufferer].start()

    def calm(self) -> None:
        for thread in self._under.values():
            thread.join()


def _suffer(fault: AbstractContextManager[None], seconds: float) -> None:
    with fault:
        time.sleep(seconds)


def play(folder: Path, seed: int, seconds: float, *, installs: int, workers: int = 3, hosts: bool = False) -> list[str]:
    """What broke a promise."""
    print(f"python -m tests.fleet --seed {seed} --seconds {seconds:.0f}{' --hosts' if hosts else ''}", flush=True)
    size = 4_000_000
    with (
        Network() if hosts else nullcontext() as network,
        Fleet(folder, installs, workers, size=size, with_redis=True, network=network) as fleet,
    ):
        fleet.begin(installs)
        fleet.hub.total_speed = round(installs * size / seconds)  # there is always something on its way
        fleet.start()
        fleet.install(*fleet.files)
        fleet.wait_for_holder()
        storm = Storm(fleet, ON_A_HOST if hosts else BEHIND_A_PROXY)
        for blow in blows(seed, seconds, workers, storm.kinds):
            time.sleep(blow.after)
            storm.strike(blow)
        storm.calm()
        fleet.hub.total_speed = 0
        try:
            fleet.bring_all()
        except AssertionError as error:
            print(fleet.logs(), flush=True)
            return [str(error)]
        print(f"the lease was taken {len(fleet.takings())} times", flush=True)
        return fleet.faults()
