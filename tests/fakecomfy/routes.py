"""The routes, in the order of the section that lists them: what is asked for, what comes back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

if TYPE_CHECKING:
    from tests.fakecomfy.server import FakeComfy

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
STATUSES = {"pending", "in_progress", "completed", "failed", "cancelled"}


class Refused(Exception):
    def __init__(self, status: int, body: bytes = b"") -> None:
        self.status, self.body = status, body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms for an ACK

    @property
    def fake(self) -> FakeComfy:
        return self.server.fake  # type: ignore[no-any-return]

    def log_message(self, format: str, *args: Any) -> None:
        """The log of requests is kept by the fake."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        from tests.fakecomfy.server import Request

        self.data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.fake.log.append(Request(method, self.path, dict(self.headers), self.client_address[1]))
        self.fake.wait_if_hanging()
        try:
            self._gate()
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(self.fake.prefix)
            self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            with self.fake.jobs.lock:
                body = self._route(method, path)
        except Refused as refused:
            self._send(refused.status, refused.body, "text/plain")
        else:
            kind = "application/json"
            if isinstance(body, bytes):
                kinds = {b"\x89PNG": "image/png", b"<!do": "text/html"}
                kind = kinds.get(body[:4], "application/octet-stream")
            self._send(200, body if isinstance(body, bytes) else json.dumps(body).encode(), kind)

    def _gate(self) -> None:
        """What stands before every route: the proxy's login, the rules on origin, whoever else holds the port."""
        fake = self.fake
        if fake.login:
            wanted = "Basic " + base64.b64encode(":".join(fake.login).encode()).decode()
            if self.headers.get("Authorization") != wanted:
                raise Refused(401)
        if self.path.partition("?")[0] in fake.fixed:
            raise Refused(*fake.fixed[self.path.partition("?")[0]])
        if fake.html:
            raise Refused(200, b"<!doctype html><title>Something else</title>")
        if fake.profile != "0.3.64" and self.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Refused(403)
        origin = self.headers.get("Origin")
        if origin and urlsplit(origin).netloc != self.headers.get("Host"):
            raise Refused(403)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.fake.sent += len(body)
        if self.fake.trickle:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                self.fake._released.wait(0.02)
        else:
            self.wfile.write(body)

    def _route(self, method: str, path: str) -> Any:
        modern = self.fake.profile != "0.3.64"
        jobs = re.fullmatch(r"/api/jobs(?:/([^/]+))?", path)
        if jobs:
            if not modern:
                raise Refused(404)
            return self._jobs(jobs[1])
        if path.startswith("/api/") and not path.startswith("/api/workflow_templates/"):
            path = path.removeprefix("/api")
        for pattern, handler in ROUTES.items():
            match = re.fullmatch(pattern, path)
            if match:
                return handler(self, method, *match.groups())
        raise Refused(404)

    def _json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.data)
        except ValueError:
            raise Refused(500, b"500 Internal Server Error") from None
        if not isinstance(found, dict):
            raise Refused(500, b"500 Internal Server Error")
        return found

    # --- health --------------------------------------------------------------------------------------------------

    def page(self, method: str) -> bytes:
        return b"<!doctype html><title>ComfyUI</title>"

    def system_stats(self, method: str) -> dict[str, Any]:
        fake, modern = self.fake, self.fake.profile != "0.3.64"
        system: dict[str, Any] = {
            "os": "linux" if modern else "posix",
            "ram_total": 25_276_514_304,
            "ram_free": 24_470_106_112,
            "comfyui_version": fake.comfyui_version,
            "required_frontend_version": fake.frontend_version,
            "python_version": "3.11.7",
            "pytorch_version": "2.13.0+cpu",
            "embedded_python": False,
            "argv": ["main.py", "--listen", "127.0.0.1", "--secret-flag"],
        }
        if modern:
            package = {"name": "comfyui-frontend-package", "installed": fake.frontend_version, "required": "1.0"}
            system |= {"comfy_package_versions": [package], "installed_templates_version": "0.11.44"}
        device = {
            "name": "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync" if fake.gpu else "cpu",
            "type": "cuda" if fake.gpu else "cpu",
            "index": 0 if fake.gpu else None,
            "vram_total": 25_276_514_304,
            "vram_free": 24_470_106_112,
        }
        return {"system": system, "devices": [device]}

    def prompt(self, method: str) -> dict[str, Any]:
        jobs = self.fake.jobs
        if method == "GET":
            return {"exec_info": {"queue_remaining": jobs.remaining}}
        body = self._json()
        graph = body.get("prompt")
        jobs.counter += 1  # refusals leave a gap too
        if not isinstance(graph, dict) or not graph:
            raise Refused(400, _refusal("no_prompt", "No prompt provided", {}))
        if body.get("extra_data", {}) is None:
            raise Refused(500, b"500 Internal Server Error")
        known = {"CheckpointLoaderSimple", "SaveImage", "EmptyImage"}
        for node, what in graph.items():
            if what.get("class_type") not in known:
                name = str(what.get("class_type"))
                raise Refused(400, _missing_node(node, name, self.fake.profile))
        errors = self._wrong_values(graph)
        if errors:
            what = "Prompt outputs failed validation"
            raise Refused(400, _refusal("prompt_outputs_failed_validation", what, errors))
        prompt_id = str(body.get("prompt_id") or uuid4())
        number = float(jobs.counter - 1)
        jobs.put(prompt_id, graph, body.get("extra_data"), number)
        return {"prompt_id": prompt_id, "number": number, "node_errors": {}}

    def _wrong_values(self, graph: dict[str, Any]) -> dict[str, Any]:
        names = self.fake.model_names("checkpoints")
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

    # --- queue, history, jobs ------------------------------------------------------------------------------------

    def queue(self, method: str) -> Any:
        jobs = self.fake.jobs
        if method == "GET":
            return {"queue_running": [jobs.running] if jobs.running else [], "queue_pending": jobs.pending}
        body = self._json()
        every = {item[1] for item in jobs.pending}
        jobs.delete_pending(every if body.get("clear") else set(body.get("delete", [])))
        return b""

    def history(self, method: str) -> Any:
        jobs = self.fake.jobs
        if method == "POST":
            body = self._json()
            for prompt_id in list(jobs.history) if body.get("clear") else body.get("delete", []):
                jobs.history.pop(prompt_id, None)
            return b""
        try:
            count = int(self.query["max_items"]) if "max_items" in self.query else None
            offset = int(self.query["offset"]) if "offset" in self.query else None
        except ValueError:
            raise Refused(500) from None
        return jobs.newest(count, offset)

    def history_of(self, method: str, prompt_id: str) -> dict[str, Any]:
        prompt_id = unquote(prompt_id)
        entry = self.fake.jobs.history.get(prompt_id)
        return {prompt_id: entry} if entry else {}

    def _jobs(self, prompt_id: str | None) -> dict[str, Any]:
        if self.fake.jobs_broken:
            raise Refused(500, b"500 Internal Server Error")
        found = self.fake.jobs.listed()
        if prompt_id:
            for job in found:
                if job["id"] == prompt_id:
                    return job
            raise Refused(404, b'{"error":"Job not found"}')
        wanted = set(filter(None, self.query.get("status", "").split(",")))
        if wanted - STATUSES:
            raise Refused(400, b'{"error":"Invalid status"}')
        if wanted:
            found = [job for job in found if job["status"] in wanted]
        offset = int(self.query.get("offset", 0))
        limit = int(self.query["limit"]) if "limit" in self.query else None
        page = found[offset:] if limit is None else found[offset : offset + limit]
        more = offset + len(page) < len(found)
        return {
            "jobs": page,
            "pagination": {"offset": offset, "limit": limit, "total": len(found), "has_more": more},
        }

    def interrupt(self, method: str) -> bytes:
        wanted = json.loads(self.data).get("prompt_id") if self.data else None
        jobs = self.fake.jobs
        if jobs.running and wanted in (None, jobs.running[1]):
            jobs.interrupt()
        return b""

    def view(self, method: str) -> bytes:
        if self.query.get("filename", "").endswith(".png"):
            return PNG
        if self.query.get("filename", "").endswith(".mp4"):
            return b"\x00\x00\x00\x18ftypmp42"
        raise Refused(404)

    # --- users ---------------------------------------------------------------------------------------------------

    def users(self, method: str) -> dict[str, Any]:
        if self.fake.users:
            return {"storage": "server", "users": self.fake.users}
        return {"storage": "server", "migrated": True}

    def userdata(self, method: str, segment: str) -> Any:
        user = self.headers.get("comfy-user", "") if self.fake.users else "default"
        if self.fake.users and user not in self.fake.users:
            raise Refused(500, b"500 Internal Server Error")
        if "/" in segment:
            raise Refused(405)
        path = unquote(unquote(segment))
        if ".." in path:
            raise Refused(403)
        file = self.fake.root / "user" / user / path
        if method == "GET":
            if not file.is_file():
                raise Refused(404)
            return file.read_bytes()
        if method == "DELETE":
            file.unlink(missing_ok=True)
            raise Refused(204)
        if file.exists() and self.query.get("overwrite") == "false":
            raise Refused(409, b"File already exists")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.data)
        return {"path": path, "size": len(self.data)}

    # --- models, nodes, templates --------------------------------------------------------------------------------

    def models(self, method: str, kind: str | None = None) -> Any:
        if kind is None:
            return self.fake.kinds()
        if kind not in self.fake.kinds():
            raise Refused(404)
        return self.fake.model_names(kind)

    def model_folders(self, method: str) -> Any:
        modern = self.fake.profile != "0.3.64"
        return [
            {"name": kind, "folders": [str(folder) for folder in self.fake.folders(kind)]}
            | ({"extensions": [".safetensors", ".ckpt"]} if modern else {})
            for kind in self.fake.kinds()
        ]

    def folder_paths(self, method: str) -> Any:
        found = {kind: [str(folder) for folder in self.fake.folders(kind)] for kind in self.fake.kinds()}
        return {**found, "custom_nodes": [str(self.fake.root / "custom_nodes")]}

    def object_info(self, method: str, name: str | None = None) -> Any:
        found = self.fake.object_info()
        return found if name is None else {key: value for key, value in found.items() if key == name}

    def template_index(self, method: str) -> Any:
        return [{"moduleName": "default", "templates": [{"name": name} for name in self.fake.templates]}]

    def template(self, method: str, name: str) -> Any:
        if name not in self.fake.templates:
            raise Refused(404)
        return self.fake.templates[name]

    def pack_template(self, method: str, pack: str, name: str) -> bytes:
        file = self.fake.root / "custom_nodes" / pack / "example_workflows" / f"{name}.json"
        if pack not in self.fake.packs or not file.is_file():
            raise Refused(404)
        return file.read_bytes()


def _refusal(kind: str, message: str, node_errors: dict[str, Any], **info: Any) -> bytes:
    error = {"type": kind, "message": message, "details": info.pop("details", ""), "extra_info": info}
    return json.dumps({"error": error, "node_errors": node_errors}).encode()


def _missing_node(node: str, name: str, profile: str) -> bytes:
    if profile == "0.3.64":
        return _refusal("invalid_prompt", f"Cannot execute because node {name} does not exist.", {})
    said = f"Node '{name}' not found. The custom node may not be installed."
    return _refusal(
        "missing_node_type", said, {}, details=f"Node ID '#{node}'", node_id=node, class_type=name, node_title=name
    )


ROUTES: dict[str, Callable[..., Any]] = {
    r"/": Handler.page,
    r"/system_stats": Handler.system_stats,
    r"/prompt": Handler.prompt,
    r"/queue": Handler.queue,
    r"/history": Handler.history,
    r"/history/([^/]+)": Handler.history_of,
    r"/interrupt": Handler.interrupt,
    r"/view": Handler.view,
    r"/users": Handler.users,
    r"/userdata/(.+)": Handler.userdata,
    r"/models": Handler.models,
    r"/models/([^/]+)": Handler.models,
    r"/experiment/models": Handler.model_folders,
    r"/internal/folder_paths": Handler.folder_paths,
    r"/object_info": Handler.object_info,
    r"/object_info/([^/]+)": Handler.object_info,
    r"/templates/index\.json": Handler.template_index,
    r"/templates/([^/]+)\.json": Handler.template,
    r"/api/workflow_templates/([^/]+)/([^/]+)\.json": Handler.pack_template,
}
