"""Putting a workflow in front of the user: links that ComfyUI's page understands, saved files, queued jobs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from comfyui import reports
from comfyui.client import Client, ComfyError
from comfyui.models import ComfyState

FOLDER = "ComfyDash"  # among the workflows of ComfyUI's user
OPENS_TEMPLATES = (1, 32, 9)  # the first frontend that knows ?template=; older ones ignore it without a word
MOST_NAMES = 20  # "name-2" to "name-20" before a person has to choose
MARK = {"comfydash": {"source": "comfydash"}}


class CannotSave(ValueError):
    """The message is a sentence. ``users`` has name by id where ComfyUI must be told whose workflows are meant."""

    def __init__(self, sentence: str, users: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.users = users or {}


@dataclass(frozen=True)
class NodeProblem:
    """Why a node keeps a workflow from running; ``node`` is its id and class, "" for the workflow as a whole."""

    node: str
    sentence: str


class NotQueued(ValueError):
    """ComfyUI refused the workflow."""

    def __init__(self, problems: list[NodeProblem]) -> None:
        super().__init__("ComfyUI refused the workflow.")
        self.problems = problems


@dataclass(frozen=True)
class Queued:
    prompt_id: str
    problems: list[NodeProblem]  # outputs that will not be made although others will


# --- opening ---------------------------------------------------------------------------------------------------------


def template_link(base: str, name: str) -> str:
    """The address that opens an official template in a new tab of ComfyUI; "" when that one cannot."""
    return template_links(base, [name]).get(name, "")


def template_links(base: str, names: list[str]) -> dict[str, str]:
    """template_link() of many at the cost of one; names that cannot be opened are left out."""
    if _version(ComfyState.get().frontend) < OPENS_TEMPLATES:
        return {}
    installed = reports.template_names()
    openable = (name for name in names if name in installed and re.fullmatch(r"[A-Za-z0-9_.-]+", name))
    return {name: f"{base}/?{urlencode({'template': name})}" for name in openable}


def pack_link(base: str, pack: str, slug: str) -> str:
    """The address that opens a file of a node pack's example_workflows."""
    return f"{base}/?{urlencode({'template': slug, 'source': pack})}"


def opens_links() -> bool:
    """Whether the frontend that was seen last understands links to workflows."""
    return _version(ComfyState.get().frontend) >= OPENS_TEMPLATES


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,6}", text)[:3])


# --- saving ----------------------------------------------------------------------------------------------------------


def save(client: Client, name: str, workflow: bytes, user: str = "") -> str:
    """Put it among the workflows of ComfyUI's user; answers the path below them. Never overwrites.

    Raises CannotSave (with ``users`` to choose from in multi-user mode) and ComfyError.
    """
    users = client.users()
    if users and user not in users:
        if len(users) > 1 or user:
            raise CannotSave("This ComfyUI has several users. Choose whose workflows it goes to.", users)
        user = next(iter(users))
    safe = re.sub(r"[^\w .()+-]+", "-", name).strip(" .-")[:80] or "workflow"
    for number in range(1, MOST_NAMES + 1):
        path = f"{FOLDER}/{safe}{f'-{number}' if number > 1 else ''}.json"
        if client.save_userdata(f"workflows/{path}", workflow, user):
            return path
        if client.userdata(f"workflows/{path}", user) == workflow:
            return path
    raise CannotSave(f"ComfyUI has {MOST_NAMES} other workflows named {safe} already. Save yours under another name.")


# --- queueing --------------------------------------------------------------------------------------------------------


def is_graph(workflow: Any) -> bool:
    """Whether it has ComfyUI's API format, the only one that can be queued: nodes by id, each with its class."""
    return (
        isinstance(workflow, dict)
        and bool(workflow)
        and all(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in workflow.values())
    )


def queue(client: Client, text: bytes | str) -> Queued:
    """Queue a workflow in API format. Raises NotQueued with a sentence per node, and ComfyError."""
    try:
        graph = json.loads(text)
    except (ValueError, RecursionError):
        graph = None
    if not is_graph(graph):
        raise NotQueued([NodeProblem("", "Only a workflow in API format can be queued. Open this one in ComfyUI.")])
    # Without a client_id of its own everybody's page would get the progress of this job.
    body = {"prompt": graph, "client_id": str(uuid4()), "prompt_id": str(uuid4()), "extra_data": MARK}
    try:
        answer = client.submit(body)
    except ComfyError as error:
        if error.trouble == "slow":  # seen: a ComfyUI that was stopped for a while took it when it woke
            hint = "It may take the workflow later all the same: look at Activity before you queue it again."
            raise ComfyError(f"{error} {hint}", "slow") from error
        if error.trouble != "refused":
            raise
        raise NotQueued(problems(error.body)) from error
    return Queued(str(answer["prompt_id"]), _node_problems(answer.get("node_errors")))


def problems(body: Any) -> list[NodeProblem]:
    """A refusal of ComfyUI, per node where it says so; the whole message otherwise."""
    found = _node_problems(body.get("node_errors") if isinstance(body, dict) else None)
    if found:
        return found
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return [NodeProblem("", error[:400])]
    error = error if isinstance(error, dict) else {}
    info = error.get("extra_info")
    info = info if isinstance(info, dict) else {}
    # Before 0.6 the node stands in the details alone: "Node ID '#4'".
    told = re.search(r"Node ID '#([^']+)'", str(error.get("details") or ""))
    node = _node(str(info.get("node_id") or (told[1] if told else "")), str(info.get("class_type") or ""))
    return [NodeProblem(node, str(error.get("message") or "ComfyUI gave no reason.")[:400])]


def _node_problems(node_errors: Any) -> list[NodeProblem]:
    found = []
    for node_id, said in node_errors.items() if isinstance(node_errors, dict) else ():
        said = said if isinstance(said, dict) else {}
        errors = said.get("errors")
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                sentence = ": ".join(str(error[key]) for key in ("message", "details") if error.get(key))
                found.append(NodeProblem(_node(str(node_id), str(said.get("class_type") or "")), sentence[:400]))
    return found


def _node(node_id: str, name: str) -> str:
    return " ".join(part for part in (name, f"#{node_id}" if node_id else "") if part)
