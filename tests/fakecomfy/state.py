"""What a ComfyUI remembers: a counter, a heap of pending jobs, one running job, an ordered history. All in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

Item = tuple[float, str, dict[str, Any], dict[str, Any], list[str]]

GRAPH: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "Keep the picture"}},
}


def image(number: int = 1, kind: str = "output") -> dict[str, str]:
    return {"filename": f"drive_{number:05}_.png", "subfolder": "", "type": kind}


@dataclass
class Jobs:
    """The queue and the history. Times are milliseconds of a clock that moves by itself with each event."""

    remembers_create_time: bool = True
    strips_keys: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.clock = 1_795_238_018_000
        self.forget()

    def forget(self) -> None:
        """A restart: nothing is left, and numbers begin at 0."""
        self.counter = 0
        self.pending: list[Item] = []
        self.running: Item | None = None
        self.started = 0
        self.history: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, dict[str, Any]] = {}  # of ended jobs in /api/jobs: ten thousand are not made anew

    def now(self) -> int:
        self.clock += 7
        return self.clock

    # --- the life of a job ---------------------------------------------------------------------------------------

    def put(
        self,
        prompt_id: str,
        graph: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        number: float | None = None,
    ) -> float:
        with self.lock:
            if number is None:
                number = self.counter
                self.counter += 1
            extra = dict(extra or {})
            if self.strips_keys:
                extra = {key: value for key, value in extra.items() if "comfy_org" not in key}
            if self.remembers_create_time:
                extra.setdefault("create_time", self.now())
            self.pending.append((number, prompt_id, graph or GRAPH, extra, ["3"]))
            return number

    def start(self) -> str:
        """The pending job with the smallest number runs."""
        with self.lock:
            assert self.running is None, "one at a time"
            self.pending.sort(key=lambda item: item[0], reverse=True)
            self.running = self.pending.pop()
            self.started = self.now()
            return self.running[1]

    def finish(
        self,
        outputs: dict[str, Any] | None = None,
        *,
        cached: list[str] | None = None,
        ending: tuple[str, dict[str, Any]] | None = None,
        status: bool = True,
    ) -> str:
        """Running → history, overwriting in place what the same id left. ``ending`` is an error or an interruption."""
        with self.lock:
            assert self.running is not None, "nothing runs"
            prompt_id = self.running[1]
            messages: list[Any] = [
                ["execution_start", {"prompt_id": prompt_id, "timestamp": self.started}],
                ["execution_cached", {"nodes": cached or [], "prompt_id": prompt_id, "timestamp": self.now()}],
            ]
            name, said = ending or ("execution_success", {})
            messages.append([name, {**said, "prompt_id": prompt_id, "timestamp": self.now()}])
            good = ending is None
            self.history[prompt_id] = {
                "prompt": list(self.running),
                "outputs": {"3": {"images": [image()]}} if outputs is None else outputs,
                "status": {"status_str": "success" if good else "error", "completed": good, "messages": messages}
                if status
                else None,
                "meta": {node: _meta(node) for node in outputs or ()},
            }
            self._lines[prompt_id] = _finished(self.history[prompt_id])
            self.running = None
            return prompt_id

    def run(self, prompt_id: str, outputs: dict[str, Any] | None = None, **how: Any) -> str:
        """Put, start and finish in one go: an instant job that no poll sees running."""
        self.put(prompt_id)
        self.start()
        return self.finish(outputs, **how)

    def fail(self, node: str = "3", message: str = "CUDA out of memory.\n", **more: Any) -> str:
        said = {
            "node_id": node,
            "node_type": "SaveImage",
            "executed": ["1"],
            "exception_message": message,
            "exception_type": "RuntimeError",
            "traceback": ['  File "/home/me/secret_path/nodes.py", line 1'],
            "current_inputs": {"text": ["a very private prompt"]},
            "current_outputs": ["1"],
        }
        return self.finish(more.get("outputs", {}), ending=("execution_error", said))

    def interrupt(self) -> str:
        said = {"node_id": "3", "node_type": "SaveImage", "executed": ["1"]}
        return self.finish({}, ending=("execution_interrupted", said))

    def delete_pending(self, prompt_ids: set[str]) -> None:
        with self.lock:
            self.pending = [item for item in self.pending if item[1] not in prompt_ids]

    # --- as the routes tell it -----------------------------------------------------------------------------------

    @property
    def remaining(self) -> int:
        return len(self.pending) + (self.running is not None)

    def newest(self, count: int | None, offset: int | None) -> dict[str, Any]:
        ids = list(self.history)
        if offset is not None:
            ids = ids[offset : None if count is None else offset + count]
        elif count is not None:
            ids = ids[-count:] if count else []
        return {prompt_id: self.history[prompt_id] for prompt_id in ids}

    def whole(self, prompt_id: str) -> dict[str, Any]:
        """What /api/jobs/ID adds to the line of the list, once the job has ended."""
        entry = self.history.get(prompt_id)
        if entry is None:
            return {}
        workflow = {"prompt": entry["prompt"][2], "extra_data": entry["prompt"][3]}
        return {"outputs": entry["outputs"], "execution_status": entry["status"], "workflow": workflow}

    def listed(self) -> list[dict[str, Any]]:
        """Running, pending and history in one list, without graphs: newest created first."""
        found = [_listed(item, "pending") for item in self.pending]
        if self.running:
            found.append(_listed(self.running, "in_progress"))
        found += [self._lines[prompt_id] for prompt_id in self.history]
        return sorted(found, key=lambda job: job.get("create_time") or 0, reverse=True)


def _meta(node: str) -> dict[str, Any]:
    return {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}


def _listed(item: Item | list[Any], status: str) -> dict[str, Any]:
    job = {"id": item[1], "status": status, "priority": item[0], "outputs_count": 0}
    return {**job, "create_time": item[3]["create_time"]} if "create_time" in item[3] else job


def _finished(entry: dict[str, Any]) -> dict[str, Any]:
    job = _listed(entry["prompt"], "completed")
    status = entry["status"] or {"status_str": "success", "messages": []}
    for name, said in status["messages"]:
        if name == "execution_start":
            job["execution_start_time"] = said["timestamp"]
        elif name == "execution_interrupted":
            job["status"] = "cancelled"
        elif name == "execution_error":
            job["status"], job["execution_error"] = "failed", said
        job["execution_end_time"] = said["timestamp"]
    files = [
        {**file, "nodeId": node, "mediaType": kind}
        for node, outputs in entry["outputs"].items()
        for kind, found in outputs.items()
        for file in found
        if isinstance(file, dict)
    ]
    job |= {"outputs_count": len(files), "previewable_outputs_count": len(files)}
    return {**job, "preview_output": files[-1]} if files else job
