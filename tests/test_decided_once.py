"""What is decided in one place only. A second place that grows fails here, with the name of the first."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_imports import MODULES, ROOT


def nodes(module: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8")))


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _called(node: ast.AST) -> str:
    """The dotted name of what a call calls: ``hashlib.sha256``, ``.objects.create``."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def attaches_a_token(node: ast.AST) -> bool:
    """A header or a keyword that carries one: ``sent["Authorization"] = …``, ``{"Authorization": …}``, ``auth=…``."""
    if isinstance(node, ast.Assign):
        return any(isinstance(one, ast.Subscript) and _text(one.slice) == "Authorization" for one in node.targets)
    if isinstance(node, ast.Dict):
        return any(key is not None and _text(key) == "Authorization" for key in node.keys)
    return False


def opens_connections(node: ast.AST) -> bool:
    return _called(node) in {"requests.Session", "requests.get", "requests.post", "requests.request", "urlopen"}


def asks_who_a_token_is(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any("whoami-v2" in _text(value) for value in node.values)
    return "/api/whoami-v2" in _text(node)


def creates_installs(node: ast.AST) -> bool:
    return _called(node) in {"DownloadHistory", "DownloadHistory.objects.create", "DownloadHistory.objects.bulk_create"}


def parks_for_a_token(node: ast.AST) -> bool:
    is_park = _called(node).endswith(".park")
    return is_park and isinstance(node, ast.Call) and bool(node.args) and _text(node.args[0]) == "token_required"


def changes_a_status(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and _called(node).endswith(".update")):
        return False
    names = {keyword.arg for keyword in node.keywords}
    return "status" in names and "DownloadFile" not in ast.unparse(node) and "files" not in ast.unparse(node.func)


def compares_with_a_record(node: ast.AST) -> bool:
    """``record.mtime_ns`` beside another time, or ``record.size`` beside another size."""
    if not isinstance(node, ast.Compare):
        return False
    said = ast.unparse(node)
    return "record.size" in said or ("record.mtime_ns" in said and said.count("mtime_ns") > 1)


def hashes_a_file(node: ast.AST) -> bool:
    """A SHA-256 that is fed bit by bit."""
    return _called(node) in {"hashlib.sha256", "sha256", "hashlib.file_digest"} and (
        not getattr(node, "args", True) or _called(node) == "hashlib.file_digest"
    )


def locks_a_file(node: ast.AST) -> bool:
    return _called(node) in {"fcntl.flock", "fcntl.lockf"}


def knows_loopback(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "is_loopback" and not isinstance(node.value, ast.Name)


def knows_on_and_off(node: ast.AST) -> bool:
    return isinstance(node, ast.Set) and {"on", "yes"} <= {_text(item) for item in node.elts}


def makes_a_draft_whole(node: ast.AST) -> bool:
    """A file that gets its name over another one."""
    return _called(node) in {"os.replace", "os.rename"}


PLACES: list[tuple[Callable[[ast.AST], bool], set[str]]] = [
    (attaches_a_token, {"webclient.client"}),
    # ComfyUI beside us is no host of models: it has a client of its own, and it never gets a token.
    (opens_connections, {"webclient.client", "comfyui.client"}),
    (asks_who_a_token_is, {"hosts.huggingface.tokens"}),
    # The import of the older dashboard writes ended rows.
    (creates_installs, {"downloads.queue", "downloads.queue_several", "comfydash.recovery.older_dashboard"}),
    (parks_for_a_token, {"downloads.queue"}),
    (changes_a_status, {"downloads.models", "downloads.queue_several"}),
    (compares_with_a_record, {"downloads.inventory.state"}),
    # The engine's own hasher goes in step with what arrives.
    (hashes_a_file, {"volumes.checksum", "downloads.transfer.part.hasher"}),
    (locks_a_file, {"volumes.locks"}),
    (knows_loopback, {"webclient.networks"}),
    (knows_on_and_off, {"values.words"}),
    # Below the models folder nothing is opened by its path.
    (makes_a_draft_whole, {"volumes.files", "downloads.transfer.disk.confined"}),
]


@pytest.mark.parametrize(("decides", "places"), PLACES, ids=[decides.__name__ for decides, _ in PLACES])
def test_it_is_decided_there_and_nowhere_else(decides: Callable[[ast.AST], bool], places: set[str]) -> None:
    assert {module for module in MODULES if any(map(decides, nodes(module)))} == places


def test_what_is_kept_is_kept_by_one_class() -> None:
    """A module that keeps what it derived has a ``Kept``; these few ``global`` ones say why they are none."""
    keepers = {module for module in MODULES if any(isinstance(node, ast.Global) for node in nodes(module))}
    assert keepers == {
        "comfyui.poller",  # its thread
        "downloads.consumers",  # one picture for the sockets of one event loop
        "downloads.inventory.scan",  # asked for each of thousands of paths
        "downloads.tasks",  # that the worker has begun
        "downloads.worker.consumer",  # the worker's own stop flag
        "downloads.worker.heartbeat",  # when the next sign of life is due
        "presets.thumbnails",  # until when a host is left alone
        "workflows.library",  # read in a thread, while everybody else sees what was known
    }


@pytest.mark.parametrize(
    ("decides", "source"),
    [
        (attaches_a_token, 'headers["Authorization"] = f"Bearer {token}"'),
        (attaches_a_token, 'get(url, headers={"Authorization": token})'),
        (opens_connections, "requests.get(url)"),
        (asks_who_a_token_is, 'f"{endpoint}/api/whoami-v2"'),
        (creates_installs, "DownloadHistory.objects.create(title='x')"),
        (parks_for_a_token, 'row.park("token_required", why)'),
        (changes_a_status, "DownloadHistory.objects.filter(pk=1).update(status='paused')"),
        (compares_with_a_record, "record.mtime_ns == file.mtime_ns"),
        (compares_with_a_record, "record.size != found.size"),
        (hashes_a_file, "digest = hashlib.sha256()"),
        (hashes_a_file, "hashlib.file_digest(file, 'sha256')"),
        (locks_a_file, "fcntl.flock(handle, 2)"),
        (knows_loopback, "ipaddress.ip_address(host).is_loopback"),
        (knows_on_and_off, 'word in {"on", "yes", "1"}'),
        (makes_a_draft_whole, "os.replace(draft, file)"),
    ],
)
def test_a_second_place_would_be_seen(decides: Callable[[ast.AST], bool], source: str) -> None:
    assert any(map(decides, ast.walk(ast.parse(source))))


def test_the_modules_are_those_of_the_project() -> None:
    assert all(file.is_relative_to(ROOT) and isinstance(file, Path) for file in MODULES.values())
    assert {"webclient.client", "downloads.models", "comfydash.settings"} <= MODULES.keys()
