"""HTTP to the ComfyUI beside us: every answer bounded in size and time, every failure a sentence."""

from __future__ import annotations

import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import requests
from requests.auth import HTTPBasicAuth
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from comfyui.address import Address

Trouble = Literal["down", "slow", "login", "certificate", "not_comfyui", "missing", "broken", "too_large", "refused"]

CONNECT = 2.0  # seconds
READ = 10.0
READ_OBJECT_INFO = 30.0  # it blocks ComfyUI itself for seconds with many node packs
MOST = 16 * 2**20  # bytes of one answer
MOST_LARGE = 64 * 2**20  # of those that carry whole graphs or all node types
CHUNK = 64 * 2**10

# What OpenSSL says of a certificate that is good, but not for this name (X509_V_ERR_…), or too old.
OTHER_NAME, EXPIRED = {62, 64}, 10
BUNDLE, EMPTY_BUNDLE = "REQUESTS_CA_BUNDLE", "NO_CERTIFICATE_OR_CRL_FOUND"


class ComfyError(Exception):
    """ComfyUI did not give what was asked for; the text is a sentence for a person."""

    def __init__(self, sentence: str, trouble: Trouble, status: int = 0, body: Any = None) -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.status = status
        self.body = body  # of a 400: why ComfyUI refused, as it said it


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Client:
    """Questions to one ComfyUI. Each raises ComfyError. Not for several threads at once."""

    def __init__(self, address: Address, connect: float = CONNECT, read: float = READ) -> None:
        self.address = address
        self._timeout = (connect, read)
        user, password = address.credentials or ("", "")
        self._session = requests.Session()
        # The environment's proxies would be asked for loopback too, and .netrc would replace our header.
        self._session.trust_env = False
        if address.credentials:
            # As UTF-8: requests takes a text for Latin-1, and breaks over every letter beyond.
            self._session.auth = HTTPBasicAuth(user.encode(), password.encode())
        self._session.verify = os.environ.get(BUNDLE) or True
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = "ComfyDash"
        if not address.is_loopback:
            self._session.proxies.update(get_environ_proxies(address.base))
        self.requests = 0  # since the start, for whoever measures what we cause
        self.bytes = 0
        self.seconds = 0.0

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- how it is -----------------------------------------------------------------------------------------------

    def system_stats(self) -> dict[str, Any]:
        """``{system, devices}``; raises ComfyError("not_comfyui") where something else answers."""
        found = self.get("/system_stats")
        system = found.get("system") if isinstance(found, dict) else None
        if not isinstance(system, dict) or not ("comfyui_version" in system or "devices" in found):
            raise ComfyError(
                f"{self.address.base} answers, but it is not ComfyUI. Correct the address in Settings.", "not_comfyui"
            )
        return dict(found)

    def queue_remaining(self) -> int | None:
        """Jobs running and pending: the cheapest question there is (37 bytes)."""
        found = self.get("/prompt")
        info = found.get("exec_info") if isinstance(found, dict) else None
        count = info.get("queue_remaining") if isinstance(info, dict) else None
        return count if isinstance(count, int) else None

    # --- jobs ----------------------------------------------------------------------------------------------------

    def jobs(self, statuses: str = "", limit: int | None = None, offset: int = 0) -> dict[str, Any]:
        """ComfyUI 0.6.0 and later; 404 before. Newest created first."""
        query = {"status": statuses, "limit": limit, "offset": offset or None}
        return self._object("/api/jobs", {key: value for key, value in query.items() if value not in ("", None)})

    def queue(self) -> dict[str, Any]:
        """With the whole graph of every job: heavy, and on 0.3.64 with the users' API keys."""
        return self._object("/queue", most=MOST_LARGE)

    def history(self, newest: int, most: int = MOST) -> dict[str, Any]:
        """The newest finished jobs by id, oldest of them first. Without a number it could be gigabytes."""
        return self._object("/history", {"max_items": newest}, most=most)

    def history_of(self, prompt_id: str) -> dict[str, Any] | None:
        """One finished job; None where ComfyUI knows nothing of it (any more)."""
        entry = self._object(f"/history/{quote(prompt_id, safe='')}").get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """POST /prompt. A refusal is ComfyError("refused") with ComfyUI's own answer in ``body``."""
        return self._checked(self._object("/prompt", method="POST", data=json.dumps(body).encode()))

    def view(self, filename: str, subfolder: str, kind: str, most: int) -> Answer:
        """An output file as it is, at most ``most`` bytes."""
        query = {"filename": filename, "subfolder": subfolder, "type": kind}
        return self._ask("GET", f"/view?{urlencode(query)}", most=most)

    # --- models, nodes, templates -------------------------------------------------------------------------------

    def models(self, kind: str) -> list[str]:
        found = self.get(f"/models/{quote(kind, safe='')}")
        return [name.replace("\\", "/") for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def model_folders(self) -> Any:
        return self.get("/experiment/models")

    def folder_paths(self) -> Any:
        return self.get("/internal/folder_paths")

    def object_info(self) -> dict[str, Any]:
        return self._object("/object_info", most=MOST_LARGE, read=READ_OBJECT_INFO)

    def template_index(self) -> Any:
        return self.get("/templates/index.json")

    def template_picture(self, name: str, most: int) -> bytes:
        """The first picture of an official template, at most ``most`` bytes."""
        return self._ask("GET", f"/templates/{quote(name, safe='')}-1.webp", most=most).body

    def pack_has(self, pack: str, name: str) -> bool:
        """Whether ``?template=NAME&source=PACK`` would find its file."""
        try:
            self._ask("GET", f"/api/workflow_templates/{quote(pack, safe='')}/{quote(name, safe='')}.json")
        except ComfyError as error:
            if error.trouble == "missing":
                return False
            raise
        return True

    # --- the user's files ----------------------------------------------------------------------------------------

    def users(self) -> dict[str, str]:
        """Name by id in multi-user mode; empty where there is one user."""
        found = self._object("/users").get("users")
        return {str(key): str(name) for key, name in found.items()} if isinstance(found, dict) else {}

    def userdata(self, path: str, user: str = "") -> bytes:
        return self._ask("GET", f"/userdata/{quote(path, safe='')}", headers=_user(user)).body

    def save_userdata(self, path: str, data: bytes, user: str = "") -> bool:
        """False where a file of that name is there already; it is never overwritten. The path is ONE segment."""
        where = f"/userdata/{quote(path, safe='')}?overwrite=false&full_info=true"
        try:
            self._ask("POST", where, data=data, headers=_user(user))
        except ComfyError as error:
            if error.status == 409:
                return False
            raise
        return True

    # --- one request ---------------------------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, Any] | None = None, **options: Any) -> Any:
        method = options.pop("method", "GET")
        if query:
            path += "?" + urlencode(query, safe=",")
        answer = self._ask(method, path, **options)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise ComfyError(
                f"{self.address.base} answers with something that is not JSON. Is ComfyUI at this address?",
                "not_comfyui",
                answer.status,
            ) from error

    def _object(self, path: str, query: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        found = self.get(path, query, **options)
        if not isinstance(found, dict):
            raise ComfyError(f"ComfyUI's answer to {path} has another form than expected.", "broken")
        return found

    def _checked(self, found: dict[str, Any]) -> dict[str, Any]:
        if "prompt_id" not in found:
            raise ComfyError("ComfyUI took the workflow and gave no number for it.", "broken")
        return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        most: int = MOST,
        read: float | None = None,
    ) -> Answer:
        timeout = (self._timeout[0], read or self._timeout[1])
        sent = {**(headers or {}), **({"Content-Type": "application/json"} if data is not None else {})}
        self.requests += 1
        started = time.monotonic()
        try:
            with self._session.request(
                method,
                self.address.base + path,
                data=data,
                headers=sent,
                timeout=timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                body = self._read(response, most, time.monotonic() + timeout[1])
                answer = Answer(response.status_code, response.headers.get("Content-Type", ""), body)
        # HTTPError: while the body is read. ValueError: a proxy variable that is no address.
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        finally:
            self.seconds += time.monotonic() - started
        if answer.status != 200:
            raise self._refusal(answer, path)
        return answer

    def _read(self, response: requests.Response, most: int, deadline: float) -> bytes:
        """The body piece by piece: a server that trickles or never ends must not hold us."""
        body = bytearray()
        # read1 returns what one recv gave; read(n) would wait until n bytes have trickled in.
        while piece := response.raw.read1(CHUNK):
            body += piece
            self.bytes += len(piece)
            if len(body) > most:
                response.raw.close()
                raise ComfyError(f"ComfyUI's answer is larger than {most // 2**20} MB and was left.", "too_large")
            if time.monotonic() > deadline:
                raise ComfyError(f"ComfyUI at {self.address.base} answers too slowly.", "slow")
        return bytes(body)

    def _unreachable(self, error: Exception) -> ComfyError:
        base = self.address.base
        if base.startswith("https:") and (refusal := self._not_trusted(error)):
            return refusal
        if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
            return ComfyError(f"ComfyUI at {base} does not answer in time. It may be busy or still loading.", "slow")
        hint = " It may want https." if "RemoteDisconnected" in repr(error) and base.startswith("http:") else ""
        return ComfyError(f"Nothing answers at {base}. ComfyUI is starting, stopped, or elsewhere.{hint}", "down")

    def _not_trusted(self, error: Exception) -> ComfyError | None:
        """Why TLS did not come about, and what to do; None where TLS is not the matter."""
        base, bundle, said = self.address.base, os.environ.get(BUNDLE, ""), _cause(error)
        reason = getattr(said, "reason", "")
        if bundle and (not Path(bundle).exists() or reason == EMPTY_BUNDLE):  # nothing was even sent
            what = "holds no certificate" if Path(bundle).exists() else "is not there"
            return ComfyError(f"{BUNDLE} names {bundle}, which {what}. Correct it and restart.", "certificate")
        if not isinstance(error, requests.exceptions.SSLError):
            return None
        if not isinstance(said, ssl.SSLCertVerificationError):
            hint = "Does its address begin with http: instead?"
            return ComfyError(f"{base} does not speak https as it should ({reason or said}). {hint}", "down")
        if said.verify_code in OTHER_NAME:
            what = "was made for another name. Put the name that it was made for into the address."
        elif said.verify_code == EXPIRED:
            what = "has expired. Renew it where ComfyUI runs."
        else:
            what = (
                f"is not trusted ({said.verify_message}). Set {BUNDLE} to a file that has it, or that of its "
                "authority, beside the usual ones, and restart."
            )
        return ComfyError(f"The certificate of {base} {what}", "certificate")

    def _refusal(self, answer: Answer, path: str) -> ComfyError:
        base, status = self.address.base, answer.status
        if status in {401, 403, 407} or 300 <= status < 400:
            return ComfyError(
                f"{base} wants a login. Put it into COMFYUI_URL, like http://user:password@host:8188, and restart.",
                "login",
                status,
            )
        if status == 404:
            return ComfyError(f"ComfyUI at {base} does not know {path.partition('?')[0]}.", "missing", status)
        if status == 400:
            try:
                body = json.loads(answer.body)
            except (ValueError, RecursionError):
                body = None
            return ComfyError("ComfyUI refused the request.", "refused", status, body)
        if status in {502, 503, 504}:
            return ComfyError(f"The proxy at {base} does not reach ComfyUI (HTTP {status}).", "down", status)
        return ComfyError(f"ComfyUI answered with an error of its own (HTTP {status}).", "broken", status)


def _cause(error: BaseException) -> BaseException:
    """What lies at the bottom of the layers that requests and urllib3 put around it."""
    inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
    return _cause(inner) if isinstance(inner, Exception) else error


def _user(user: str) -> dict[str, str]:
    return {"comfy-user": user} if user else {}
