"""The examples for Docker: what they set exists, what they need is asked for, and nginx takes its configuration."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from comfydash.env import KNOWN, OTHERS
from comfydash.serve.options import parse
from tests.test_imports import ROOT

FILES = ("compose.yaml", "compose.fleet.yaml")
OURS = {*KNOWN, *OTHERS}


def read(name: str) -> dict[str, Any]:
    document = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(document, dict)
    return document


def dashboards(document: dict[str, Any]) -> dict[str, Any]:
    """The services that run our own image."""
    return {name: service for name, service in document["services"].items() if "build" in service}


@pytest.mark.parametrize("file", FILES)
def test_every_variable_that_is_set_is_one_of_ours(file: str) -> None:
    for service in dashboards(read(file)).values():
        assert set(service["environment"]) <= OURS


@pytest.mark.parametrize("file", FILES)
def test_whatever_is_mounted_or_waited_for_is_there(file: str) -> None:
    document = read(file)
    services = document["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
        assert set(service.get("networks", ())) <= document.get("networks", {}).keys()
        assert {each["source"] for each in service.get("configs", ())} <= document.get("configs", {}).keys()
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert {name for name in named if not name.startswith(("/", "."))} <= (document.get("volumes") or {}).keys()
        for name, wait in (service["depends_on"] if isinstance(service.get("depends_on"), dict) else {}).items():
            assert wait["condition"] != "service_healthy" or "healthcheck" in services[name]


def test_the_fleet_is_two_webs_and_two_workers_on_one_database_with_one_key() -> None:
    document = read("compose.fleet.yaml")
    ours = dashboards(document)
    assert set(document["services"]) == {"web", "worker", "postgres", "redis", "nginx"}
    assert {name: service["deploy"]["replicas"] for name, service in ours.items()} == {"web": 2, "worker": 2}
    assert ours["web"]["environment"] == ours["worker"]["environment"]
    assert ours["web"]["volumes"] == ours["worker"]["volumes"]
    given = ours["web"]["environment"]
    assert given["COMFYDASH_SECRET_KEY"].startswith("${COMFYDASH_SECRET_KEY:?")
    assert not Path(given["COMFYDASH_DATA_DIR"]).is_relative_to("/workspace")  # each container has its own
    [subnet] = document["networks"]["fleet"]["ipam"]["config"]
    assert given["COMFYDASH_TRUSTED_PROXIES"] == subnet["subnet"]


def test_the_fleet_serves_with_the_commands_and_on_the_port_that_there_are() -> None:
    document = read("compose.fleet.yaml")
    web, worker = (shlex.split(document["services"][name]["command"]) for name in ("web", "worker"))
    assert web[:3] == worker[:3] == ["python", "manage.py", "serve"]
    asked = parse(web[3:])
    assert (asked.host, asked.no_worker) == ("0.0.0.0", True)
    assert parse(worker[3:]).no_web
    assert f"proxy_pass http://$$webs:{asked.port};" in document["configs"]["nginx"]["content"]
    assert "set $$webs web;" in document["configs"]["nginx"]["content"]


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    content = read("compose.fleet.yaml")["configs"]["nginx"]["content"]
    assert not re.search(r"(?<!\$)\$(?!\$)", content), "a single $ is a variable of compose"
    server = content.replace("$$", "$")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/errors;\nevents {{}}\nhttp {{\naccess_log off;\n{server}}}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
