"""The listening socket. The supervisor holds it, so a restarted web server loses neither port nor waiting callers."""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path

from comfydash.serve.trouble import CannotStart

LISTENING = "0A"  # the state column of /proc/net/tcp, proc(5)


def listen(host: str, port: int) -> socket.socket:
    """Raises CannotStart, naming who has the port where the system lets us see it."""
    host = re.sub(r"^\[(.*)\]$", r"\1", host.strip())  # as an address is written with a port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no name"
        raise CannotStart(
            f"--host {host[:100]!r} is no address of this machine ({reason}). Try 127.0.0.1; the port has an option of "
            "its own, --port."
        ) from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise CannotStart(_why(host, port, error)) from error
    listener.setblocking(False)
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by {who_listens(port)}. Stop it, or choose another one: --port {port + 1}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Use --host 127.0.0.1, or 0.0.0.0 for all of them."
    if error.errno == errno.EACCES:
        return f"Port {port} is only for root. Choose one above 1023: --port 8082"
    return f"Cannot listen on {host} port {port}: {error.strerror}."


def who_listens(port: int) -> str:
    """``process 12 (python manage.py serve)``, or ``another program`` where /proc does not tell."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for entry in Path("/proc").glob("[0-9]*"):
        if inodes and _has_open(entry, inodes):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            return f"process {entry.name} ({' '.join(words).strip()[:100]})"
    return "another program"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _has_open(process: Path, links: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in links for entry in (process / "fd").iterdir())
    except OSError:  # gone meanwhile, or somebody else's
        return False


def url(host: str, port: int) -> str:
    """How a browser on this machine reaches it."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
