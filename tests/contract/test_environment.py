"""Each variable does what it says, in a process that was started with it; nonsense is refused by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from comfydash import env
from settings_app import preferences

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HF_ENDPOINT", "ann:hush@hub example"),
        ("HF_ENDPOINT", "http:ann:hush@hub.example"),
        ("HF_ENDPOINT", "ann:hush@hub.example"),
        ("COMFYDASH_PRESETS_URL", "https://ann:hu/hush@hub.example:x"),
        ("COMFYDASH_TRUSTED_ORIGINS", "ann:hush@dash.example"),
        ("COMFYDASH_ALLOWED_HOSTS", "https://ann:hush@dash.example"),
        ("COMFYDASH_ALLOWED_HOSTS", "ann:hush@dash example"),
    ],
)
def test_no_password_is_shown_of_an_address_that_is_misspelt(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    said: list[str] = []
    monkeypatch.setattr(env, "remarks", said)
    read = {"COMFYDASH_TRUSTED_ORIGINS": env.origins, "COMFYDASH_ALLOWED_HOSTS": env.hosts}
    try:
        read.get(variable, lambda name: env.web_address(name, "https://hub.example"))(variable)
    except ImproperlyConfigured as refusal:
        said.append(str(refusal))
    assert variable in " ".join(said)
    assert "hush" not in " ".join(said)


def test_a_login_in_an_address_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://ann:hush@hub.example:8443/hf/")
    said: list[str] = []
    monkeypatch.setattr(env, "remarks", said)
    assert env.web_address("HF_ENDPOINT", "") == "https://hub.example:8443/hf"
    assert len(said) == 1 and "HF_ENDPOINT" in said[0] and "hush" not in said[0]


def test_a_trusted_proxy_that_is_no_address_is_refused_by_name(tmp_path: Path) -> None:
    process = started(tmp_path, ["AUTH_ON"], COMFYDASH_TRUSTED_PROXIES="10.0.0.0/8, proxy.lan")
    assert process.returncode != 0
    assert "COMFYDASH_TRUSTED_PROXIES: 'proxy.lan' is no address" in process.stderr


def test_a_database_address_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    process = started(tmp_path, ["DATABASE_URL"], DATABASE_URL="nonsense")
    assert process.returncode != 0
    assert "DATABASE_URL" in process.stderr.strip().splitlines()[-1]


def test_a_secret_key_is_taken_as_it_is_and_no_file_is_made(tmp_path: Path) -> None:
    key = "'0123456789abcdef0123456789abcdef'"
    process = started(tmp_path, ["SECRET_KEY"], COMFYDASH_SECRET_KEY=key)
    assert json.loads(process.stdout) == {"SECRET_KEY": key}
    assert not (tmp_path / "data" / "secret_key").exists()


def test_a_secret_key_that_can_be_guessed_is_refused_and_not_shown(tmp_path: Path) -> None:
    process = started(tmp_path, ["SECRET_KEY"], COMFYDASH_SECRET_KEY="hunter2")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "COMFYDASH_SECRET_KEY has 7 characters" in last
    assert "openssl rand -hex 32" in last
    assert "hunter2" not in process.stderr


@pytest.mark.parametrize(
    ("variable", "name", "written", "read"),
    [
        ("HF_ENDPOINT", "HF_ENDPOINT", "hub.example", "https://hub.example"),
        ("HF_ENDPOINT", "HF_ENDPOINT", '"https://hub.example/"', "https://hub.example"),
        ("HF_ENDPOINT", "HF_ENDPOINT", "'hub.example:8443/hf'", "https://hub.example:8443/hf"),
        ("COMFYDASH_PRESETS_URL", "PRESETS_URL", "raw.example/p.yaml?x=1", "https://raw.example/p.yaml?x=1"),
        ("COMFYDASH_TRUSTED_ORIGINS", "CSRF_TRUSTED_ORIGINS", "https://dash.example/", ["https://dash.example"]),
        ("COMFYDASH_TRUSTED_ORIGINS", "CSRF_TRUSTED_ORIGINS", '"https://Dash.example:443/x"', ["https://dash.example"]),
        ("COMFYDASH_TRUSTED_ORIGINS", "CSRF_TRUSTED_ORIGINS", "https://*.example", ["https://*.example"]),
        ("COMFYDASH_TRUSTED_ORIGINS", "CSRF_TRUSTED_ORIGINS", "dash.example", ["https://dash.example"]),
        ("COMFYDASH_TRUSTED_ORIGINS", "CSRF_TRUSTED_ORIGINS", "https://*, *, ftp://x", []),
        ("COMFYDASH_ALLOWED_HOSTS", "EXTRA_ALLOWED_HOSTS", "https://dash.example:8443/x", ["dash.example"]),
        (
            "COMFYDASH_ALLOWED_HOSTS",
            "EXTRA_ALLOWED_HOSTS",
            '"Dash.example",.a.example,*.b.c',
            "dash.example .a.example .b.c",
        ),
        (
            "COMFYDASH_ALLOWED_HOSTS",
            "EXTRA_ALLOWED_HOSTS",
            "a b;c\nd, [::1]:80 2001:db8::1",
            ["a", "b", "c", "d", "[::1]"],
        ),
        (
            "COMFYDASH_ALLOWED_HOSTS",
            "EXTRA_ALLOWED_HOSTS",
            """['a.example', "b.example."]""",
            ["a.example", "b.example"],
        ),
        (
            "COMFYDASH_TRUSTED_ORIGINS",
            "CSRF_TRUSTED_ORIGINS",
            "wss://a.b 'https://c.d'",
            ["https://a.b", "https://c.d"],
        ),
        ("HF_ENDPOINT", "HF_ENDPOINT", "https:/hub.example", "https://hub.example"),
        ("HF_ENDPOINT", "HF_ENDPOINT", "http//hub.example/x/", "http://hub.example/x"),
        ("HF_ENDPOINT", "HF_ENDPOINT", "“https://hub.example”", "https://hub.example"),
        ("COMFYDASH_PRESETS_URL", "PRESETS_URL", "https://raw.example/p.yaml#L3", "https://raw.example/p.yaml"),
        ("COMFYDASH_WORKFLOW_DIRS", "WORKFLOW_DIRS", '"/a b":"/c"', ["/a b", "/c"]),
        ("COMFYDASH_CONNECTIONS", "preference:connections", '"4"', 4),
        ("COMFYDASH_AUTH", "AUTH_ON", "'off'", False),
        ("COMFYDASH_PASSWORD", "PASSWORD", '"quoted"', '"quoted"'),
        ("COMFYDASH_MODELS_DIR", "MODELS_DIR", '"/m"', "/m"),
    ],
)
def test_what_people_write_is_read_as_they_mean_it(
    tmp_path: Path, variable: str, name: str, written: str, read: Any
) -> None:
    process = started(tmp_path, [name], **{variable: written})
    expected = read.split() if isinstance(read, str) and name == "EXTRA_ALLOWED_HOSTS" else read
    assert json.loads(process.stdout) == {name: expected}, process.stderr


@pytest.mark.parametrize(
    ("variable", "nonsense"),
    [
        ("HF_ENDPOINT", "ftp://hub.example"),
        ("HF_ENDPOINT", "https://"),
        ("HF_ENDPOINT", "https://hub.example?x=1"),
        ("HF_ENDPOINT", "https://hub.example:99999"),
        ("HF_ENDPOINT", "two words"),
        ("HF_ENDPOINT", "/etc/hub"),
        ("HF_ENDPOINT", "https:"),
        ("COMFYDASH_PRESETS_URL", "./presets.yaml"),
        ("COMFYDASH_PRESETS_URL", "presets.yaml"),
        ("REDIS_URL", "redis://h:port/0"),
        ("REDIS_URL", "redis://h:99999/0"),
        ("REDIS_URL", "redis://h/name"),
        *(
            (name, "~nobody_of_that_name/x")
            for name in ("COMFYDASH_WORKSPACE", "COMFYDASH_MODELS_DIR", "COMFYDASH_EXTRA_MODEL_PATHS")
        ),
        ("COMFYDASH_WORKFLOW_DIRS", "/a:~nobody_of_that_name/x"),
        ("COMFYDASH_PRESETS_URL", "file:///etc/presets.yaml"),
        ("REDIS_URL", "localhost:6379"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
    ],
)
def test_an_address_that_is_none_is_refused_in_a_sentence(tmp_path: Path, variable: str, nonsense: str) -> None:
    process = started(tmp_path, ["HF_ENDPOINT"], **{variable: nonsense})
    assert process.returncode != 0
    assert variable in process.stderr.strip().splitlines()[-1]


def checked(tmp_path: Path, **variables: str) -> str:
    """What `manage.py check` says."""
    environment = {"PATH": os.environ["PATH"], "COMFYDASH_WORKSPACE": str(tmp_path), **variables}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_the_start_names_what_was_read_otherwise_and_what_is_unknown(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    said = checked(
        tmp_path,
        COMFYDASH_TRUSTED_ORIGINS="https://dash.example/",
        COMFYDASH_ALLOWED_HOSTS="a.*.b",
        COMFYDASH_MODEL_DIR="/m",
        COMFYDASH_WORKFLOW_DIRS="/no/such",
        REQUESTS_CA_BUNDLE=str(empty),
        HF_ENDPOINT="hub.example",
    )
    assert "COMFYDASH_TRUSTED_ORIGINS: “https://dash.example/” is read as https://dash.example." in said
    assert "COMFYDASH_ALLOWED_HOSTS: “a.*.b” is no name of a host" in said
    assert "COMFYDASH_MODEL_DIR is not known" in said
    assert "Is COMFYDASH_MODELS_DIR meant?" in said
    assert "COMFYDASH_WORKFLOW_DIRS names /no/such" in said
    assert f"REQUESTS_CA_BUNDLE names {empty}, which holds no certificate" in said
    assert "HF_ENDPOINT=hub.example is read as https://hub.example." in said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"COMFYDASH_MODELS_DIR": "/no/such"}, "COMFYDASH_MODELS_DIR names /no/such, which is not there"),
        ({"MODEL_BASE_PATH": "/no/such"}, "MODEL_BASE_PATH names /no/such, which is not there"),
        ({"COMFYDASH_LOG_DIR": "/tmp/$USER"}, "COMFYDASH_LOG_DIR=/tmp/$USER: “$” is a letter"),
        ({"COMFYDASH_RUN_DIR": "/dev/null"}, "COMFYDASH_RUN_DIR=/dev/null: the local sockets cannot lie there"),
        ({"COMFYDASH_RUN_DIR": "/tmp/" + "r" * 50}, "more than 45 bytes"),
        ({"COMFYDASH_HF_TOKEN": "x"}, "Is HF_TOKEN meant, without COMFYDASH_ in front?"),
        ({"COMFY_DASH_PASSWORD": "x"}, "Is COMFYDASH_PASSWORD meant?"),
        ({"COMFYDASH_PORT": "1"}, "--port 8082"),
        ({"SSL_CERT_DIR": "/no/such"}, "SSL_CERT_DIR names /no/such, which is not there: the usual"),
        ({"REQUESTS_CA_BUNDLE": "/proc/self/fd"}, "holds no certificate under the hash of its name"),
        ({"NO_PROXY": "localhost, http://hub.example"}, "NO_PROXY: “http://hub.example” excepts nothing"),
        ({"no_proxy": "*.example"}, "no_proxy: “*.example” excepts nothing"),
        ({"HTTP_PROXY": "http//proxy:3128"}, "HTTP_PROXY cannot be used: a proxy's address ends with its port"),
    ],
)
def test_what_names_nothing_or_does_nothing_is_said(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    assert said in checked(tmp_path, **variables)


def test_what_is_as_it_should_be_is_not_spoken_of(tmp_path: Path) -> None:
    said = checked(
        tmp_path,
        COMFYDASH_MODELS_DIR=str(tmp_path),
        COMFYDASH_RUN_DIR="/tmp",
        NO_PROXY="localhost,127.0.0.1,::1,.example.com,10.0.0.0/8,host:80",
        HTTPS_PROXY="http://user:password@proxy:3128/",
        COMFYDASH_ALLOWED_HOSTS="a.example b.example",
        HF_ENDPOINT="https://hub.example/",
    )
    assert "no issues" in said


def test_a_folder_of_hashed_certificates_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_text("")
    process = started(tmp_path, ["AUTH_ON"], SSL_CERT_DIR=str(tmp_path))
    assert process.returncode == 0
    code = "import os; from comfydash import settings; print(os.environ.get('REQUESTS_CA_BUNDLE'))"
    environment = {"PATH": os.environ["PATH"], "COMFYDASH_WORKSPACE": str(tmp_path), "SSL_CERT_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(tmp_path), done.stderr


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authorities_that_are_not_there_are_said_by_the_name_that_was_set(tmp_path: Path, variable: str) -> None:
    assert f"{variable} names /no/such, which is not there" in checked(tmp_path, **{variable: "/no/such"})


def test_every_variable_of_ours_that_the_code_reads_is_known() -> None:
    """The other way round it would be called a slip at the start."""
    code = [place.read_text() for app in ("comfydash", "settings_app", "downloads", "presets", "workflows", "comfyui",
            "storage", "activity") for place in (ROOT / app).rglob("*.py")]  # fmt: skip
    names = set(re.findall(r"COMFYDASH_[A-Z_]*[A-Z]", "\n".join([*code, (ROOT / "README.md").read_text()])))
    assert names <= env.KNOWN | preferences.variables()
