"""The address guard against real sockets, in a network namespace of its own: no packet leaves this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
METADATA = ["192.0.0.192", "168.63.129.16", "169.254.169.254", "100.100.100.200", "fd00:ec2::254"]
PRIVATE = ["10.1.2.3", "198.18.0.1", "192.88.99.1", "64:ff9b:1::a01:203", "fec0::1", "fc00::1", "2001:db8::1"]
PUBLIC = ["8.8.8.8", "2606:4700::1111"]


def in_a_network_of_its_own(**asked: Any) -> dict[str, Any]:
    allowed = subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip(f"no network namespaces here: {allowed.stderr.decode().strip()}")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.webclient.guarded_network"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_special_addresses_are_never_connected_to() -> None:
    special = [*METADATA, *PRIVATE]
    said = in_a_network_of_its_own(special=special, public=PUBLIC, allow=False)
    assert said["direct"] == dict.fromkeys(special, "forbidden_address") | dict.fromkeys(PUBLIC, "asked")
    assert said["by_redirect"] == dict.fromkeys(special, "forbidden_address")
    assert said["reached"] == sorted(PUBLIC)


def test_where_private_hosts_are_allowed_metadata_services_are_not() -> None:
    said = in_a_network_of_its_own(special=[*METADATA, *PRIVATE], public=PUBLIC, allow=True)
    assert said["direct"] == dict.fromkeys(METADATA, "forbidden_address") | dict.fromkeys([*PRIVATE, *PUBLIC], "asked")
    assert set(said["reached"]) == {*PRIVATE, *PUBLIC}
