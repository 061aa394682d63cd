"""Asks a real ComfyUI and the fake the same questions and prints where their answers differ.

    python -m tests.fakecomfy.compare http://127.0.0.1:8188 [0.33|0.3.64]

It queues two tiny workflows there and saves and deletes one file. A new version of ComfyUI is best met with this.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.fakecomfy import FakeComfy, image
from tests.fakecomfy.server import Profile

SHOWN = 300  # characters of an answer
FILE = "/userdata/workflows%2Fcompared%2Fa%20b.json"


@dataclass(frozen=True)
class Question:
    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def ask(self, base: str) -> tuple[int, Any]:
        """Status and shape of the answer: what has no JSON counts by its status alone."""
        answer = requests.request(self.method, base + self.path, json=self.body, headers=dict(self.headers), timeout=30)
        try:
            return answer.status_code, _shape(answer.json())
        except ValueError:
            return answer.status_code, ""


def _shape(value: Any, depth: int = 0) -> Any:
    """Names and kinds; of a list the first item, of an answer with ids for names those ids are not compared."""
    if isinstance(value, dict):
        named = {("ID" if _is_id(key) else key): item for key, item in value.items()}
        return {key: _shape(item, depth + 1) for key, item in named.items()} if depth < 4 else "…"
    if isinstance(value, list):
        return [_shape(item, depth + 1) for item in value[:1]]
    return type(value).__name__


def _is_id(key: str) -> bool:
    return len(key) == 36 and key.count("-") == 4


def questions(prompt_id: str) -> list[Question]:
    picture = {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 1}}
    keep = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "compared"}}
    graph = {"1": picture, "2": keep}
    refused = [
        {},
        {"prompt": {}},
        {"prompt": {"1": {"inputs": {}}}},
        {"prompt": {"1": {"class_type": "NoSuchNode", "inputs": {}}}},
        {"prompt": {"1": picture}},
        {"prompt": graph, "prompt_id": "no-uuid"},
    ]
    posts = [Question("POST", "/prompt", body) for body in refused]
    mine = {"prompt": graph, "prompt_id": prompt_id, "client_id": "compare", "extra_data": {"mine": {"a": 1}}}
    asked = [
        *("/system_stats", "/prompt", "/api/prompt", "/queue", "/users", "/models", "/models/unet", "/models/vae"),
        *(
            "/history?max_items=1",
            "/history?max_items=0",
            "/history?max_items=x",
            f"/history/{prompt_id}",
            "/history/x",
        ),
        *("/api/jobs?limit=1", "/api/jobs?limit=0", "/api/jobs?limit=x", "/api/jobs?status=x", "/api/jobs/x", "/jobs"),
        *("/view?filename=../x.png&type=output", "/view?filename=x.png&type=x", "/view?filename=x.txt&type=output"),
        *("/experiment/models", "/folder_paths", "/templates/none.json", "/api/workflow_templates/none/none.json"),
        *("/userdata/workflows%2Fnone.json", "/userdata/..%2F..%2Fx.json", "/nonsense"),
    ]
    files = [
        Question("POST", f"{FILE}?overwrite=false&full_info=true", {}),
        Question("POST", f"{FILE}?overwrite=false&full_info=true", {}),
        Question("GET", FILE),
        Question("DELETE", FILE),
        Question("DELETE", FILE),
    ]
    origins = [
        Question("GET", "/", headers=(("Sec-Fetch-Site", "cross-site"),)),
        Question("GET", "/system_stats", headers=(("Origin", "http://evil.example"),)),
        Question("GET", "/system_stats", headers=(("Origin", "null"),)),
        Question("POST", "/interrupt", {"prompt_id": "x"}),
        Question("POST", "/system_stats"),
    ]
    return [*posts, Question("POST", "/prompt", mine), *(Question("GET", path) for path in asked), *files, *origins]


def answers(base: str, asked: list[Question], fake: FakeComfy | None = None) -> list[tuple[int, Any]]:
    found = []
    for question in asked:
        found.append(question.ask(base))
        if question.method == "POST" and question.path == "/prompt" and found[-1][0] == 200:
            _let_it_end(base, question.body["prompt_id"], fake)
    return found


def _let_it_end(base: str, prompt_id: str, fake: FakeComfy | None) -> None:
    if fake:
        fake.jobs.start()
        fake.jobs.finish({"2": {"images": [image()]}})
    while not requests.get(f"{base}/history/{prompt_id}", timeout=30).json():
        time.sleep(0.1)


def main() -> None:
    base, profile = sys.argv[1].rstrip("/"), (sys.argv[2:] or ["0.33"])[0]
    prompt_id = str(uuid.uuid4())
    asked = questions(prompt_id)
    real = answers(base, asked)
    version: Profile = "0.3.64" if profile == "0.3.64" else "0.33"
    with tempfile.TemporaryDirectory() as folder, FakeComfy(Path(folder) / "fake", version) as fake:
        ours = answers(fake.url, asked, fake)
    different = [line for line in zip(asked, real, ours, strict=True) if line[1] != line[2]]
    for question, there, here in different:
        print(f"{question.method} {question.path} {str(question.body or question.headers or '')[:100]}")
        for name, answer in (("real", there), ("fake", here)):
            print(f"  {name} {answer[0]} {str(answer[1])[:SHOWN]}")
    print(f"{len(asked)} questions, {len(different)} answered differently")


if __name__ == "__main__":
    main()
