"""Where a process of a fleet runs: on this machine, or on a host of its own, a network namespace behind a switch."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
CLONE_NEWNET = 0x40000000
NOBODYS = "02:00:00:00:00:fe"  # a link address that no host on the switch has: what is sent there vanishes


class Loopback:
    address = "127.0.0.1"

    def command(self, *words: str) -> list[str]:
        return list(words)

    def do(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        return function(*arguments, **options)


class Host:
    """Ends with the process that made it: its namespace is held by a ``cat`` that reads from that process."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout
        self._holder.stdout.readline()  # from now on it is in its namespace
        self._thread = ThreadPoolExecutor(1, initializer=self._enter)

    @property
    def namespace(self) -> str:
        return f"/proc/{self._holder.pid}/ns/net"

    def _enter(self) -> None:
        handle = os.open(self.namespace, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(handle)

    def command(self, *words: str) -> list[str]:
        return ["nsenter", f"--net={self.namespace}", "--", *words]

    def do(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """In a thread of this process that lives there; sockets and threads that it makes stay there."""
        return self._thread.submit(function, *arguments, **options).result()

    def ip(self, *words: str) -> None:
        subprocess.run(self.command("ip", *words), check=True, capture_output=True)

    # --- what goes wrong: packets vanish, and no side is told -------------------------------------------------------

    def lose(self, *others: Host) -> None:
        """What this host sends to the others vanishes; what they send arrives."""
        for other in others:
            self.ip("neighbour", "replace", other.address, "lladdr", NOBODYS, "dev", "eth0", "nud", "permanent")

    def find(self, *others: Host) -> None:
        for other in others:
            self.ip("neighbour", "del", other.address, "dev", "eth0")

    def end(self) -> None:
        self._thread.shutdown()
        assert self._holder.stdin
        assert self._holder.stdout
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()


class Network:
    """A switch in a namespace of its own, and the hosts behind it. No packet leaves it."""

    def __init__(self) -> None:
        self._switch = Host("")
        self._switch.ip("link", "add", "switch", "type", "bridge")
        self._switch.ip("link", "set", "switch", "up")
        self.hosts: list[Host] = []

    def host(self) -> Host:
        number = len(self.hosts) + 1
        host = Host(f"10.15.0.{number}")
        self.hosts.append(host)
        port = f"port{number}"
        self._switch.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        self._switch.ip("link", "set", port, "master", "switch", "up")
        host.ip("link", "set", "lo", "up")
        host.ip("address", "add", f"{host.address}/24", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")
        return host

    def unplug(self, host: Host) -> None:
        self._switch.ip("link", "set", f"port{self.hosts.index(host) + 1}", "nomaster")

    def plug(self, host: Host) -> None:
        self._switch.ip("link", "set", f"port{self.hosts.index(host) + 1}", "master", "switch")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in [*self.hosts, self._switch]:
            host.end()


@functools.cache
def without_networks() -> str:
    """Why no host of its own can be made here; "" when it can."""
    for program in ("unshare", "nsenter", "ip", "setpriv"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            return f"no {program} here: apt-get install iproute2 util-linux"
    if os.getuid() != 0:
        return "hosts in network namespaces need root"
    try:
        with Network() as network:
            network.host()
    except (OSError, subprocess.CalledProcessError) as error:
        said: Any = getattr(error, "stderr", b"") or str(error).encode()
        return f"this machine makes no network namespaces with a bridge: {said.decode().strip()}"
    return ""


HERE = Loopback()
Place = Loopback | Host
