"""What pages and verbs look at on PostgreSQL does not grow with a history of years, nor verbs with the queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from bench.postgresql.steps import verbs
from tests.comfydash.serving import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
Counts = dict[str, list[int]]
PRESETS = 650
SLACK = 500  # rows: tables of a few lines (sessions, settings) are read whole


def looked_at(url: str, folder: Path, queued: int, history: int) -> Counts:
    """Statements and rows, by page and verb, of a database with so many rows."""
    name = f"history_{queued}_{history}"
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {name}")
    own = f"{url.rpartition('/')[0]}/{name}"
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "config/presets.yaml").write_text(yaml.safe_dump(catalogue()))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("COMFYDASH_", "DJANGO_"))}
    environment = clean | {
        "DATABASE_URL": own,
        "COMFYDASH_WORKSPACE": str(folder),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    run("manage.py", "migrate", "-v0")
    run("-m", "bench.postgresql.rows", str(queued), str(history), "1000")
    with psycopg.connect(own, autocommit=True) as administrator:
        administrator.execute("VACUUM ANALYZE")
    answer: Counts = json.loads(run("-m", "bench.postgresql.counts", str(history + queued // 2)).splitlines()[-1])
    return answer


def catalogue() -> dict[str, Any]:
    presets = {
        f"P{number}": {
            "name": f"Preset {number}",
            "category": "All",
            "type": "image",
            "files": [{"path": f"checkpoints/{number}.safetensors", "url": f"http://127.0.0.1:9/{number}.safetensors"}],
        }
        for number in range(PRESETS)
    }
    return {"metadata": {"version": "1"}, "categories": {"All": {"type": "image"}}, "presets": presets}


def test_neither_pages_nor_verbs_look_at_more_of_a_longer_history(postgres_url: str, tmp_path: Path) -> None:
    short = looked_at(postgres_url, tmp_path / "short", 500, 4_000)
    long = looked_at(postgres_url, tmp_path / "long", 500, 16_000)
    deep = looked_at(postgres_url, tmp_path / "deep", 3_000, 4_000)

    pages = ["/", "/models/", "/activity/", "/api/presets/", "/api/presets/queue/status"]
    pages += ["/api/downloads/history?limit=500"]
    told = [step.name for step in verbs(0)]
    assert more(short, long, [*pages, *told]) == {}
    alone = [name for name in told if not name.startswith("install")]  # how many are before it is told; a small table
    assert more(short, deep, alone) == {}  # is read whole for five hundred ids
    for page in ("/downloads/", "/downloads/?page=99999"):  # how many there are is counted, and no more than once
        assert long[page][1] - short[page][1] <= 12_000 + SLACK


def more(few: Counts, many: Counts, names: Iterable[str]) -> dict[str, tuple[list[int], list[int]]]:
    """What takes more statements or rows where there are more; settings are read anew each few seconds."""
    return {
        name: (few[name], many[name])
        for name in names
        if many[name][0] > few[name][0] + 2 or many[name][1] > few[name][1] + SLACK
    }
