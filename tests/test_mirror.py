"""Tests mirror the tree: those of ``downloads/queue.py`` are ``tests/downloads/test_queue.py``.

Stories across modules stand in folders of their own: those below, and a room's ``stories``.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_imports import MODULES, ROOT

TESTS = ROOT / "tests"
STORIES = {"contract", "crash", "fleet", "hostile", "scale", "stories", "ui"}

# What wires the others together, and is at work in every test of a page or a process.
WIRING = {"__main__", "apps", "asgi", "settings", "urls", "home_urls", "generate_urls", "login_urls"}

# Modules without a test file of their own, each with the tests that cover it; a folder means its test files together.
COVERED_BY = {
    "activity.database_clock": "fleet/test_clocks.py",
    "activity.listing": "activity/test_views.py",
    "activity.redis_connections": "scale/test_redis_waits.py",
    "comfydash.actions": "comfydash/test_middleware.py",
    "comfydash.admin": "settings_app/test_admin.py",
    "comfydash.data_folders": "comfydash/test_checks.py",
    "comfydash.env": "contract/test_environment.py",
    "comfydash.management.commands.adopt_workspace": "scale/test_one_database.py",
    "comfydash.management.commands.backup_database": "comfydash/recovery/test_backup.py",
    "comfydash.management.commands.migrate": "scale/test_one_database.py",
    "comfydash.management.commands.serve": "comfydash/serve/test_prepare.py",
    "comfydash.migration_lock": "scale/test_one_database.py",
    "comfydash.pages.generate": "comfyui/test_generate.py",
    "comfydash.pages.uses": "comfydash/pages/test_home.py",
    "comfydash.postgresql.base": "scale/test_postgresql_waits.py",
    "comfydash.postgresql.connection": "scale/test_postgresql_waits.py",
    "comfydash.postgresql.limits": "scale/test_postgresql_waits.py",
    "comfydash.postgresql.pool": "scale/test_postgresql_pool.py",
    "comfydash.redis_channel_layer": "scale/test_redis_waits.py",
    "comfydash.schema": "comfydash/test_checks.py",
    "comfydash.serve.options": "comfydash/serve/test_prepare.py",
    "comfydash.serve.report": "comfydash/serve/test_supervisor.py",
    "comfydash.serve.setup": "comfydash/serve/test_supervisor.py",
    "comfydash.serve.web": "comfydash/serve/test_supervisor.py",
    "comfydash.shared_workspace": "scale/test_one_database.py",
    "comfydash.socket_access": "hostile/test_access_walk.py",
    "comfydash.templatetags.dash": "ui/test_looks.py",
    "comfyui.health": "comfyui/test_client.py",
    "comfyui.job_log": "comfyui/test_generations.py",
    "comfyui.models": "comfyui/test_poller.py",
    "comfyui.templatetags.comfyui": "comfyui/test_generate.py",
    "comfyui.views": "comfyui/test_generate.py",
    "downloads.api": "contract/test_downloads.py",
    "downloads.bulk": "downloads/stories/test_long_queue.py",
    "downloads.events": "downloads/test_consumers.py",
    "downloads.file_records": "downloads/inventory/test_state.py",
    "downloads.inventory.destinations": "comfyui/stories/test_chosen_folder.py",
    "downloads.inventory.free_space": "comfyui/stories/test_chosen_folder.py",
    "downloads.inventory.knowledge": "downloads/inventory/test_state.py",
    "downloads.inventory.remote": "downloads/worker/test_parked.py",
    "downloads.listing": "downloads/test_views.py",
    "downloads.queue_several": "downloads/stories/test_long_queue.py",
    "downloads.tasks": "downloads/worker/test_parked.py",
    "downloads.transfer.background": "downloads/transfer/test_fetch.py",
    "downloads.transfer.errors": "downloads/transfer/test_fetch.py",
    "downloads.transfer.locate": "hosts",
    "downloads.transfer.progress": "downloads/transfer/test_fetch.py",
    "downloads.transfer.remote_kind": "presets/management/commands/test_check_presets.py",
    "downloads.transfer.segments.connection": "downloads/transfer/stories",
    "downloads.transfer.segments.pool": "downloads/transfer/test_fetch.py",
    "downloads.transfer.segments.throughput": "downloads/transfer/test_fetch.py",
    "downloads.transfer.session": "downloads/worker/test_bring_files.py",
    "downloads.transfer.source": "downloads/transfer/stories/test_odd_servers.py",
    "downloads.worker.ask_hosts": "downloads/worker/test_installer.py",
    "downloads.worker.consumer": "hostile/test_locked_database.py",
    "downloads.worker.db_retry": "hostile/test_locked_database.py",
    "downloads.worker.drain": "downloads/worker/test_installer.py",
    "downloads.worker.install_state": "downloads/worker/test_installer.py",
    "downloads.worker.lease": "fleet/test_takeover.py",
    "downloads.worker.lock": "downloads/worker/test_installer.py",
    "downloads.worker.look_around": "downloads/stories/test_path_conflicts.py",
    "downloads.worker.name_files": "downloads/worker/test_bring_files.py",
    "downloads.worker.redis_queue": "scale/test_redis_waits.py",
    "downloads.worker.sqlite_queue": "downloads/worker/test_wake_ups.py",
    "downloads.worker.standby": "fleet/test_takeover.py",
    "downloads.workers": "downloads/worker/test_heartbeat.py",
    "hosts.huggingface.host": "hosts/huggingface",
    "hosts.huggingface.tokens": "hosts/test_stale_tokens.py",
    "library.listing": "library/test_views.py",
    "library.models": "library/test_duplicates.py",
    "library.needs": "library/test_delete.py",
    "modelfiles.gguf": "modelfiles/test_structure.py",
    "modelfiles.kinds.names": "modelfiles/test_kind.py",
    "modelfiles.kinds.unet": "modelfiles/kinds/test_loras.py",
    "modelfiles.safetensors": "modelfiles/test_structure.py",
    "modelfiles.torch_archive": "modelfiles/test_structure.py",
    "presets.check": "presets/management/commands/test_check_presets.py",
    "presets.file_source": "presets/test_catalogue.py",
    "presets.follow": "presets/management/commands/test_install_preset.py",
    "presets.listing": "presets/test_views.py",
    "presets.preset": "presets/test_document.py",
    "presets.verify": "presets/management/commands/test_verify_models.py",
    "settings_app.diagnostics": "settings_app/test_views.py",
    "settings_app.models": "settings_app/test_administrator.py",
    "settings_app.sessions": "settings_app/test_views.py",
    "volumes.checksum": "downloads/transfer/part/test_hasher.py",
    "webclient.credentials": "hosts/test_stale_tokens.py",
    "workflowfiles.loaders": "workflowfiles/stories/test_templates.py",
    "workflowfiles.result": "workflowfiles/test_ui_graph.py",
    "workflowfiles.selection": "workflowfiles/test_ui_graph.py",
    "workflows.listing": "workflows/test_views.py",
}


def is_story(file: Path) -> bool:
    """In a folder of stories, or about the tree as a whole, as this file is."""
    folders = file.relative_to(TESTS).parts[:-1]
    return not folders or bool(STORIES.intersection(folders))


def own_test_file(module: str) -> Path:
    *folders, name = module.split(".")
    return TESTS.joinpath(*folders, f"test_{name}.py")


def answers_to(file: Path) -> str:
    """The module that a test file is about, by its place."""
    return ".".join([*file.relative_to(TESTS).parts[:-1], file.stem.removeprefix("test_")])


DECISIONS = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.With,
    ast.Match,
    ast.BoolOp,
    ast.comprehension,
)


def does_something(source: str) -> bool:
    """Whether a function of it decides anything: what has none is types, errors, tables and Protocols."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(isinstance(node, DECISIONS) for function in functions for node in ast.walk(function))


def needs_a_test_file(module: str) -> bool:
    file = MODULES[module]
    is_wiring = file.name == "__init__.py" or file.stem in WIRING
    return not is_wiring and does_something(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", [str(file.relative_to(TESTS)) for file in sorted(TESTS.rglob("test_*.py"))])
def test_a_test_file_answers_to_a_module(file: str) -> None:
    place = TESTS / file
    assert is_story(place) or answers_to(place) in MODULES, f"no module {answers_to(place)}; a story across modules?"


@pytest.mark.parametrize("module", [module for module in MODULES if needs_a_test_file(module)])
def test_a_module_has_a_test_file_or_is_covered_by_another(module: str) -> None:
    own = own_test_file(module).exists()
    assert own or module in COVERED_BY, f"write {own_test_file(module).relative_to(ROOT)}, or say here what covers it"
    assert not (own and module in COVERED_BY), "it has a test file of its own: take it off the list"


def test_the_list_names_modules_and_test_files_that_are_there() -> None:
    assert set(COVERED_BY) <= {module for module in MODULES if needs_a_test_file(module)}
    named = set(COVERED_BY.values())
    assert {name for name in named if not (TESTS / name).exists()} == set()


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("WORDS = {'a': 1}", False),
        ("class Refused(Exception):\n    pass", False),
        ('class Face(Protocol):\n    def ask(self) -> str:\n        "Words."\n        ...', False),
        ("def ask():\n    return 1", False),
        ("def ask(a):\n    return 1 if a else 2", True),
        ("class A:\n    async def ask(self):\n        return self.a or 1", True),
    ],
)
def test_only_what_does_something_needs_tests(source: str, does: bool) -> None:
    assert does_something(source) is does


def test_places() -> None:
    assert own_test_file("downloads.worker.lock") == TESTS / "downloads" / "worker" / "test_lock.py"
    assert answers_to(TESTS / "downloads" / "worker" / "test_lock.py") == "downloads.worker.lock"
    assert is_story(TESTS / "downloads" / "stories" / "test_long_queue.py")
    assert is_story(TESTS / "test_mirror.py")
    assert not is_story(TESTS / "values" / "test_kept.py")
