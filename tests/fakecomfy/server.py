"""The server around the state: start, stop, restart on the same port, and the knobs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from tests.fakecomfy.routes import Handler
from tests.fakecomfy.state import Jobs

Profile = Literal["0.33", "0.3.64"]

MODEL_SUFFIXES = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
KINDS = ("checkpoints", "diffusion_models", "text_encoders", "vae", "loras")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    client_port: int


class FakeComfy:
    """Use as a context manager, or start() and stop(). Everything may be changed while it runs."""

    def __init__(self, root: Path, profile: Profile = "0.33", tls: ssl.SSLContext | None = None) -> None:
        self.root = root
        self.profile = profile
        self.tls = tls
        modern = profile == "0.33"
        self.jobs = Jobs(remembers_create_time=modern, strips_keys=modern)
        self.comfyui_version = "0.33.0" if modern else "0.3.64"
        self.frontend_version = "1.49.6" if modern else "1.27.10"
        self.gpu = False
        self.prefix = ""
        self.login: tuple[str, str] | None = None
        self.users: dict[str, str] = {}
        self.html = False  # something else holds the port
        self.jobs_broken = False
        self.trickle = False
        self.fixed: dict[str, tuple[int, bytes]] = {}  # path → status and body, before anything else
        self.hanging = threading.Event()
        self.templates: dict[str, Any] = {"image_flux": {"nodes": [], "links": []}}
        self.packs: set[str] = set()  # node packs that were there when ComfyUI started
        self.extra_folders: dict[str, list[Path]] = {}
        self.extra_suffixes: dict[str, set[str]] = {}  # by kind, as node packs register them; empty: every file
        self.log: list[Request] = []
        self.sent = 0  # bytes of bodies
        self._released = threading.Event()
        self._server: _Server | None = None
        self.port = 0
        for kind in KINDS:
            (root / "models" / kind).mkdir(parents=True, exist_ok=True)
        (root / "custom_nodes").mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}{self.prefix}"

    def __enter__(self) -> FakeComfy:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._released.clear()
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_port
        self.packs = {
            folder.name for folder in (self.root / "custom_nodes").iterdir() if (folder / "__init__.py").exists()
        }
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._released.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    def restart(self) -> None:
        """As a restart of ComfyUI: queue, history and numbers are gone."""
        self.stop()
        self.jobs.forget()
        self.start()

    def hang(self) -> None:
        """From now on accept and never answer, until stop() or wake()."""
        self.hanging.set()

    def wake(self) -> None:
        self.hanging.clear()
        self._released.set()
        self._released = threading.Event()

    def wait_if_hanging(self) -> None:
        if self.hanging.is_set():
            self._released.wait()

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.log if request.path.partition("?")[0] == path]

    # --- what lies on its disk -----------------------------------------------------------------------------------

    def folders(self, kind: str) -> list[Path]:
        return [self.root / "models" / kind, *self.extra_folders.get(kind, [])]

    def kinds(self) -> list[str]:
        return [*KINDS, *(kind for kind in self.extra_folders if kind not in KINDS)]

    def suffixes(self, kind: str) -> set[str]:
        """What is listed of a kind; of one that only extra_model_paths.yaml names every file is."""
        return self.extra_suffixes.get(kind, MODEL_SUFFIXES if kind in KINDS else set())

    def model_names(self, kind: str) -> list[str]:
        suffixes = self.suffixes(kind)
        return sorted(
            {
                str(file.relative_to(folder))
                for folder in self.folders(kind)
                for file in folder.rglob("*")
                if file.is_file() and (not suffixes or file.suffix in suffixes)
            }
        )

    def object_info(self) -> dict[str, Any]:
        """Both forms of a list of choices that real versions use."""
        return {
            "CheckpointLoaderSimple": {
                "input": {"required": {"ckpt_name": [self.model_names("checkpoints"), {}]}},
                "python_module": "nodes",
            },
            "AudioEncoderLoader": {
                "input": {"required": {"audio_encoder_name": ["COMBO", {"options": []}]}},
                "python_module": "comfy_extras.nodes_audio",
            },
            "SaveImage": {"input": {"required": {"images": ["IMAGE"]}}, "python_module": "nodes"},
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], fake: FakeComfy) -> None:
        self.fake = fake
        self._open: list[socket.socket] = []
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.fake.tls:  # the handshake is the thread's: a client that refuses the certificate must not end us
            request = self.fake.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        self._open.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Kept connections would be answered by their threads although the server is gone."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away while it was answered is part of the tests."""
