"""A private Redis from Debian's packages, which can be killed, stopped, emptied and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from tests.comfydash.serving import wait_for
from tests.fleet.places import HERE, Place
from tests.fleet.postgresql import free_port


def program() -> str | None:
    return shutil.which("redis-server")


class RedisServer:
    def __init__(self, place: Place = HERE) -> None:
        self.place = place
        self.port = place.do(free_port, place.address)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://{self.place.address}:{self.port}/0"

    def start(self) -> None:
        listens = ["--port", str(self.port), "--bind", self.place.address, "--protected-mode", "no"]
        self.process = subprocess.Popen(
            self.place.command("redis-server", *listens, "--save", "", "--appendonly", "no"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        wait_for(self._answers, name="Redis answers")

    def _answers(self) -> bool:
        try:
            return bool(self.place.do(self._client().ping))
        except RedisError:
            return False

    def _client(self) -> Redis:
        return Redis(host=self.place.address, port=self.port, socket_timeout=5, single_connection_client=False)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> None:
        """It holds its connections, and answers nobody."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Queues, groups and what is on its way: gone."""
        client = self._client()
        self.place.do(client.flushall)
        client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on()
        self.kill()
