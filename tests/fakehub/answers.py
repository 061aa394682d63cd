"""What the Hub and its CDN say to a request, as hub.md observed them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import quote

from tests.fakehub.content import Bytes, Content
from tests.fakehub.faults import Fault
from tests.fakehub.hub import FakeHub, File, Repo, Token

Headers = Message  # what http.server makes of them: names in any case


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: Content | None = None
    start: int = 0
    end: int = 0
    length: bool = True  # whether Content-Length is sent


def answer(hub: FakeHub, origin: str, path: str, query: Mapping[str, str], headers: Headers, fault: Fault) -> Answer:
    if fault.redirect:
        return Answer(302, {"Location": fault.redirect})
    if fault.status is not None or fault.body is not None:
        return _text(fault.status or 200, fault.body or b"", fault.content_type or "text/plain")
    if path in hub.documents and hub.documents[path].origin == origin:
        file = hub.documents[path]
        return _bytes(file, headers, fault, _document_headers(file))
    if origin == "cdn":
        return _cdn(hub, path, query, headers, fault)
    if path == "api/whoami-v2":
        return _whoami(hub, headers)
    if path.startswith("api/models/"):
        return _about(hub, path.removeprefix("api/models/"))
    if path.startswith("api/resolve-cache/"):
        return _resolve_cache(hub, path, headers, fault)
    if found := re.fullmatch(r"([^/]+/[^/]+)/(resolve|blob)/([^/]+)/(.+)", path):
        return _resolve(hub, found[1], found[2], found[3], found[4], headers)
    return _refusal(404, "", "Not found")


# --- the Hub -----------------------------------------------------------------------------------------------------


def _resolve(hub: FakeHub, name: str, verb: str, revision: str, path: str, headers: Headers) -> Answer:
    repo = hub.repos.get(name)
    secret = headers.get("Authorization", "").removeprefix("Bearer ")
    token = hub.tokens.get(secret)
    if refusal := _refuse(hub, repo, secret, token):
        return refusal
    assert repo
    if verb == "blob":
        return _text(200, b"<!doctype html><title>A file</title>", "text/html; charset=utf-8")
    if repo.moved_to:
        return Answer(307, {"Location": f"/{repo.moved_to}/resolve/{revision}/{quote(path)}"})
    if revision not in {"main", repo.commit}:
        return _refusal(404, "RevisionNotFound", "Invalid rev id: " + revision)
    file = hub.files.get((name, path))
    if file is None:
        return _refusal(404, "EntryNotFound", "Entry not found")
    facts = {"X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes", **hub.rate_limit}
    if not file.lfs:
        location = f"/api/resolve-cache/models/{name}/{repo.commit}/{quote(path)}"
        return Answer(307, {**facts, "Location": location, "ETag": f'"{file.git_id}"'})
    expires = int(time.time() + hub.link_seconds)
    signature = f"Expires={expires}&Signature={_signature(path, expires)}&Key-Pair-Id=K1"
    link = f"{hub.cdn_url}/repos/{name}/{quote(path)}?{signature}"
    return Answer(
        302,
        {
            **facts,
            "Location": link,
            "X-Linked-Size": str(file.size),
            "X-Linked-ETag": f'"{file.sha256}"',
            "X-Xet-Hash": file.sha256[::-1],
            "ETag": f'"{file.sha256[:32]}"',
        },
    )


def _refuse(hub: FakeHub, repo: Repo | None, secret: str, token: Token | None) -> Answer | None:
    """The rows of the refusal table; None when the way is free."""
    if repo and repo.disabled:
        return _refusal(403, "", "Access to this resource is disabled.")
    if repo and repo.gated:
        return _refuse_gated(repo, token)
    if secret and not token:
        return _refusal(401, "", "Invalid credentials in Authorization header")
    if repo is None or (repo.private and not (token and repo.name in token.sees)):
        return (
            _refusal(404, "RepoNotFound", "Repository not found")
            if token
            else _refusal(401, "", "Invalid username or password.")
        )
    return None


def _refuse_gated(repo: Repo, token: Token | None) -> Answer | None:
    if token is None:
        return _refusal(
            401, "GatedRepo", f"Access to model {repo.name} is restricted. You must be authenticated to access it."
        )
    if not token.reads_gated:
        return _refusal(
            403, "", "Please enable access to public gated repositories in your fine-grained token settings."
        )
    if repo.name in token.pending:
        return _refusal(
            403, "GatedRepo", "Your request to access this model is awaiting a review from the repo authors."
        )
    if repo.name not in token.accepted:
        return _refusal(
            403, "GatedRepo", f"Access to model {repo.name} is restricted and you are not in the authorized list."
        )
    return None


def _whoami(hub: FakeHub, headers: Headers) -> Answer:
    token = hub.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
    if token is None:
        return _text(401, b'{"error":"Invalid username or password."}', "application/json")
    access = {"displayName": "test", "role": token.role, "fineGrained": {"canReadGatedRepos": token.reads_gated}}
    body = {"type": "user", "name": token.name, "auth": {"type": "access_token", "accessToken": access}}
    return _text(200, json.dumps(body).encode(), "application/json")


def _about(hub: FakeHub, name: str) -> Answer:
    repo = hub.repos.get(name)
    if repo is None or repo.private:
        return _refusal(401, "RepoNotFound", "Invalid username or password.")
    said = {"id": name, "sha": repo.commit, "private": False, "gated": "auto" if repo.gated else False}
    return _text(200, json.dumps(said).encode(), "application/json")


def _resolve_cache(hub: FakeHub, path: str, headers: Headers, fault: Fault) -> Answer:
    _, _, _, owner, name, _, rest = path.split("/", 6)
    file = hub.files.get((f"{owner}/{name}", rest))
    if file is None:
        return _refusal(404, "EntryNotFound", "Entry not found")
    return _bytes(file, headers, fault, {"ETag": f'"{file.git_id}"', "Content-Type": "text/plain; charset=utf-8"})


# --- the CDN -----------------------------------------------------------------------------------------------------


def _cdn(hub: FakeHub, path: str, query: Mapping[str, str], headers: Headers, fault: Fault) -> Answer:
    if headers.get("Authorization"):
        return _text(400, b"<Error><Code>InvalidArgument</Code></Error>", "application/xml")
    found = re.fullmatch(r"repos/([^/]+/[^/]+)/(.+)", path)
    file = hub.files.get((found[1], found[2])) if found else None
    if file is None:
        return _text(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
    expires = query.get("Expires", "")
    if query.get("Signature") != _signature(file.path, int(expires or 0)) or float(expires) < time.time():
        return _text(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
    return _bytes(file, headers, fault, {"ETag": f'"{file.sha256[::-1]}"'})


def _signature(path: str, expires: int) -> str:
    return f"{sum(path.encode()) * 7919 + expires:x}"


# --- bytes -------------------------------------------------------------------------------------------------------


def _document_headers(file: File) -> dict[str, str]:
    etag = f'"{file.sha256[:16]}"' if file.etag is None else file.etag
    return {"Content-Type": file.content_type, **({"ETag": etag} if etag else {}), **file.headers}


def _bytes(file: File, headers: Headers, fault: Fault, extra: dict[str, str]) -> Answer:
    content, size = file.content, file.size
    said = {"Content-Type": "application/octet-stream", **extra}
    if file.ranges:
        said["Accept-Ranges"] = "bytes"
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
    condition = headers.get("If-Range", "")
    if not asked or fault.ignore_range or not file.ranges or (condition and condition != said.get("ETag")):
        return Answer(200, said, content, 0, size, file.length)
    start, end = int(asked[1]), min(int(asked[2] or size - 1), size - 1) + 1
    if start >= size:
        return Answer(416, {**said, "Content-Range": f"bytes */{size}"})
    start = min(start + fault.shift, size - 1)
    said["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Answer(206, said, content, start, max(start, end), file.length)


def asked_bytes(header: str) -> range:
    asked = re.match(r"bytes=(\d+)-(\d*)", header)
    return range(int(asked[1]), int(asked[2] or 1 << 60) + 1) if asked else range(1 << 60)


def _text(status: int, body: bytes, content_type: str) -> Answer:
    return Answer(status, {"Content-Type": content_type}, Bytes(body), 0, len(body))


def _refusal(status: int, code: str, message: str) -> Answer:
    answer = _text(status, message.encode(), "text/plain; charset=utf-8")
    answer.headers["X-Error-Message"] = message
    if code:
        answer.headers["X-Error-Code"] = code
    return answer
