"""Queueing a workflow and taking it back: what is refused is refused in the words of the real one."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from tests.fakecomfy.question import CRASH, Question, Refused

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLASSES = {"CheckpointLoaderSimple", "EmptyImage", "SaveImage"}


def prompt(ask: Question) -> dict[str, Any]:
    jobs, body = ask.jobs, ask.json()
    number = jobs.counter
    jobs.counter += 1  # refusals leave a gap too
    graph = body.get("prompt")
    if not isinstance(graph, dict):
        raise _refused("no_prompt", "No prompt provided", "No prompt provided")
    prompt_id = str(body.get("prompt_id") or uuid4())
    if ask.is_modern:
        if body.get("extra_data", {}) is None:
            raise Refused(500, CRASH)
        if not UUID.fullmatch(prompt_id):
            raise _refused("invalid_prompt_id", "prompt_id must be a valid UUID", "omit it to let the server make one")
    _check_classes(ask, graph)
    errors = _wrong_values(ask, graph)
    if errors:
        raise _refused("prompt_outputs_failed_validation", "Prompt outputs failed validation", nodes=errors)
    jobs.put(prompt_id, graph, body.get("extra_data"), number)
    return {"prompt_id": prompt_id, "number": number, "node_errors": {}}


def _check_classes(ask: Question, graph: dict[str, Any]) -> None:
    for node, what in graph.items():
        name = what.get("class_type")
        if name not in CLASSES:
            raise _missing_node(node, name) if ask.is_modern else _missing_node_of_old(node, name)
    if not any(what["class_type"] == "SaveImage" for what in graph.values()):
        raise _refused("prompt_no_outputs", "Prompt has no outputs")


def _missing_node(node: str, name: str | None) -> Refused:
    said = f"Node '{name}' not found. The custom node may not be installed."
    if name is None:
        said = f"Node 'ID #{node}' has no class_type. The workflow may be corrupted or a custom node is missing."
    return _refused("missing_node_type", said, f"Node ID '#{node}'", node_id=node, class_type=name, node_title=name)


def _missing_node_of_old(node: str, name: str | None) -> Refused:
    said = f"Cannot execute because node {name} does not exist."
    if name is None:
        said = "Cannot execute because a node is missing the class_type property."
    return _refused("invalid_prompt", said, f"Node ID '#{node}'")


def _wrong_values(ask: Question, graph: dict[str, Any]) -> dict[str, Any]:
    names = ask.fake.model_names("checkpoints")
    errors = {}
    for node, what in graph.items():
        wanted = what.get("inputs", {}).get("ckpt_name")
        if wanted is not None and wanted not in names:
            error = {
                "type": "value_not_in_list",
                "message": "Value not in list",
                "details": f"ckpt_name: '{wanted}' not in {names}",
                "extra_info": {"input_name": "ckpt_name", "received_value": wanted},
            }
            errors[node] = {"errors": [error], "dependent_outputs": ["3"], "class_type": what["class_type"]}
    return errors


def _refused(
    kind: str, message: str, details: str = "", nodes: dict[str, Any] | None = None, **info: str | None
) -> Refused:
    error = {"type": kind, "message": message, "details": details, "extra_info": info}
    return Refused(400, {"error": error, "node_errors": nodes or {}})


def queue(ask: Question) -> dict[str, Any]:
    jobs = ask.jobs
    return {"queue_running": [jobs.running] if jobs.running else [], "queue_pending": jobs.pending}


def change_queue(ask: Question) -> None:
    body = ask.json()
    every = {item[1] for item in ask.jobs.pending}
    ask.jobs.delete_pending(every if body.get("clear") else set(body.get("delete", [])))


def interrupt(ask: Question) -> None:
    try:
        wanted = json.loads(ask.data).get("prompt_id")
    except ValueError:  # no body, or none that can be read: whatever runs
        wanted = None
    running = ask.jobs.running
    if running and wanted in (None, running[1]):
        ask.jobs.interrupt()
