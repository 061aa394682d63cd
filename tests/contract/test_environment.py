"""Each variable does what it says, in a process that was started with it; nonsense is refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json, sys
from django.conf import settings
import django
django.setup()
from settings_app import preferences
names = json.loads(sys.argv[1])
values = {}
for name in names:
    owner, _, key = name.partition(":")
    values[name] = preferences.get(key) if owner == "preference" else getattr(settings, name)
print(json.dumps(values, default=str))
"""


def started(tmp_path: Path, names: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """A process that reads these settings: ``NAME``, or ``preference:key`` for what Settings shows too."""
    environment = {"PATH": os.environ["PATH"], "COMFYDASH_WORKSPACE": str(tmp_path), "DJANGO_SETTINGS_MODULE": ""}
    environment |= {"DJANGO_SETTINGS_MODULE": "comfydash.settings", **variables}
    command = [sys.executable, "-c", READ, json.dumps(names)]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_defaults(tmp_path: Path) -> None:
    expected: dict[str, Any] = {
        "DATA_DIR": str(tmp_path / "data"),
        "LOG_DIR": str(tmp_path / "logs"),
        "MODELS_DIR": str(tmp_path / "models"),
        "PRESETS_FILE": str(tmp_path / "config" / "presets.yaml"),
        "WORKFLOW_DIRS": [str(tmp_path / "workflows")],
        "HF_ENDPOINT": "https://huggingface.co",
        "AUTH_ON": True,
        "ALLOW_PRIVATE_HOSTS": False,
        "preference:connections": 8,
        "preference:disk_quota": None,
        "preference:disk_reserve": 2 * 10**9,
        "preference:rate_limit": 0,
        "preference:comfyui_url": "http://127.0.0.1:8188",
        "preference:comfyui_public_url": "",
    }
    process = started(tmp_path, list(expected))
    assert json.loads(process.stdout) == expected, process.stderr
    assert "raw.githubusercontent.com/ZeroClue/ComfyUI-Docker" in started(tmp_path, ["PRESETS_URL"]).stdout
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_every_variable_is_read(tmp_path: Path) -> None:
    variables = {
        "COMFYDASH_DATA_DIR": ("DATA_DIR", str(tmp_path / "d"), str(tmp_path / "d")),
        "COMFYDASH_LOG_DIR": ("LOG_DIR", str(tmp_path / "l"), str(tmp_path / "l")),
        "COMFYDASH_MODELS_DIR": ("MODELS_DIR", str(tmp_path / "m"), str(tmp_path / "m")),
        "MODEL_BASE_PATH": ("MODELS_DIR", "/elsewhere", str(tmp_path / "m")),
        "COMFYDASH_EXTRA_MODEL_PATHS": ("EXTRA_MODEL_PATHS", "/x.yaml", "/x.yaml"),
        "COMFYDASH_PRESETS_FILE": ("PRESETS_FILE", "/p.yaml", "/p.yaml"),
        "COMFYDASH_PRESETS_URL": ("PRESETS_URL", "http://h/p", "http://h/p"),
        "COMFYDASH_WORKFLOW_DIRS": ("WORKFLOW_DIRS", "/one:/two", ["/one", "/two"]),
        "HF_TOKEN": ("HF_TOKEN", "hf_x", "hf_x"),
        "HF_ENDPOINT": ("HF_ENDPOINT", "http://mirror/", "http://mirror"),
        "COMFYDASH_PASSWORD": ("PASSWORD", "secret", "secret"),
        "COMFYDASH_AUTH": ("AUTH_ON", "off", False),
        "COMFYDASH_API_KEY": ("API_KEY", "key", "key"),
        "COMFYDASH_ALLOWED_HOSTS": ("EXTRA_ALLOWED_HOSTS", "a.example, b.example", ["a.example", "b.example"]),
        "COMFYDASH_TRUSTED_ORIGINS": ("CSRF_TRUSTED_ORIGINS", "https://a.example", ["https://a.example"]),
        "COMFYDASH_ALLOW_PRIVATE_HOSTS": ("ALLOW_PRIVATE_HOSTS", "on", True),
        "COMFYDASH_DISK_QUOTA": ("preference:disk_quota", "200GB", 200 * 10**9),
        "COMFYDASH_DISK_RESERVE": ("preference:disk_reserve", "1GB", 10**9),
        "COMFYDASH_CONNECTIONS": ("preference:connections", "4", 4),
        "COMFYDASH_RATE_LIMIT": ("preference:rate_limit", "50MB/s", 50_000_000),
        "COMFYUI_URL": ("preference:comfyui_url", "http://comfy:1", "http://comfy:1"),
        "COMFYUI_PUBLIC_URL": ("preference:comfyui_public_url", "https://c.example", "https://c.example"),
        "REDIS_URL": ("REDIS_URL", "redis://r", "redis://r"),
    }
    names = [name for name, _, _ in variables.values()]
    process = started(tmp_path, names, **{variable: text for variable, (_, text, _) in variables.items()})
    assert json.loads(process.stdout) == {name: value for name, _, value in variables.values()}, process.stderr


def test_the_older_name_of_the_models_folder_is_accepted(tmp_path: Path) -> None:
    process = started(tmp_path, ["MODELS_DIR"], MODEL_BASE_PATH="/elsewhere")
    assert json.loads(process.stdout) == {"MODELS_DIR": "/elsewhere"}


@pytest.mark.parametrize("variable", ["COMFYDASH_AUTH", "COMFYDASH_ALLOW_PRIVATE_HOSTS"])
def test_nonsense_is_refused_by_name(tmp_path: Path, variable: str) -> None:
    process = started(tmp_path, ["AUTH_ON"], **{variable: "perhaps"})
    assert process.returncode != 0
    assert f"{variable}='perhaps'" in process.stderr


@pytest.mark.parametrize(
    ("variable", "nonsense"),
    [
        ("COMFYDASH_CONNECTIONS", "17"),
        ("COMFYDASH_RATE_LIMIT", "fast"),
        ("COMFYDASH_DISK_QUOTA", "much"),
        ("COMFYDASH_DISK_RESERVE", "-1"),
        ("COMFYUI_URL", "comfy"),
        ("COMFYUI_PUBLIC_URL", "ftp://x"),
    ],
)
def test_a_choice_that_cannot_be_is_said_by_name_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, nonsense: str
) -> None:
    from django.core.checks import run_checks

    monkeypatch.setenv(variable, nonsense)
    assert [message for message in run_checks() if variable in message.msg]


def test_a_trusted_proxy_that_is_no_address_is_refused_by_name(tmp_path: Path) -> None:
    process = started(tmp_path, ["AUTH_ON"], COMFYDASH_TRUSTED_PROXIES="10.0.0.0/8, proxy.lan")
    assert process.returncode != 0
    assert "COMFYDASH_TRUSTED_PROXIES: 'proxy.lan' is no address" in process.stderr


def test_a_database_address_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    process = started(tmp_path, ["DATABASE_URL"], DATABASE_URL="nonsense")
    assert process.returncode != 0
    assert "DATABASE_URL" in process.stderr.strip().splitlines()[-1]
