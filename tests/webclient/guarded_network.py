"""Run below ``unshare -n``: special addresses on this network's own loopback device, where a server counts who calls.

Reads {"special": [...], "public": [...], "allow": bool} and prints {"outcomes": {url: reason}, "reached": [...]}.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # before urllib3 looks whether there is IPv6

from downloads.transfer import Options, TransferError, probe


def serve(family: socket.AddressFamily, reached: list[str], redirect: list[str]) -> int:
    server = socket.socket(family)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(("", 0))
    server.listen(50)

    def answer() -> None:
        while True:
            sock, _ = server.accept()
            reached.append(sock.getsockname()[0])
            sock.recv(4096)
            body = b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-0/9\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
            if redirect:
                to = redirect[0].encode()
                body = b"HTTP/1.1 302 Found\r\nLocation: " + to + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            sock.sendall(body)
            sock.close()

    threading.Thread(target=answer, daemon=True).start()
    return int(server.getsockname()[1])


def main() -> None:
    asked = json.load(sys.stdin)
    for address in (*asked["special"], *asked["public"]):
        length = "128" if ":" in address else "32"
        extra = ["nodad"] if ":" in address else []
        subprocess.run(["ip", "addr", "add", f"{address}/{length}", "dev", "lo", *extra], check=True)
    reached: list[str] = []
    redirect: list[str] = []
    ports = {True: serve(socket.AF_INET6, reached, redirect), False: serve(socket.AF_INET, reached, redirect)}

    def url(address: str) -> str:
        six = ":" in address
        return f"http://{f'[{address}]' if six else address}:{ports[six]}/a.safetensors"

    options = Options(allow_private_hosts=asked["allow"], max_attempts=1, retry_base=0.01, connect_timeout=3)

    def outcome(address: str) -> str:
        try:
            probe(url(address), options)
        except TransferError as refusal:
            return refusal.reason
        return "asked"

    direct = {address: outcome(address) for address in (*asked["special"], *asked["public"])}
    by_redirect = {}
    for address in asked["special"]:
        redirect[:] = [url(address)]
        by_redirect[address] = outcome(asked["public"][0])
    print(json.dumps({"direct": direct, "by_redirect": by_redirect, "reached": sorted(set(reached))}))


if __name__ == "__main__":
    main()
