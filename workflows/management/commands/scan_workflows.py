from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from values.sizes import human_size
from volumes.file_names import on_one_line, shown
from webclient.url_policy import masked
from workflowfiles import scan_file
from workflows.library import workflow_files
from workflows.matching import ModelState, matcher
from workflows.readiness import Judged, entries, judge

Result = tuple[str, Judged]


class Command(BaseCommand):
    help = "What workflows need, what is here, what is missing. Without a path: every workflow this machine knows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a file or a folder")
        parser.add_argument("--json", action="store_true", help="print a list of objects")

    def handle(self, *args: Any, **options: Any) -> None:
        paths: list[Path] = options["paths"]
        results = _of_paths(paths) if paths else [(entry.id, entry) for entry in entries().values()]
        if options["json"]:
            self.stdout.write(json.dumps([_described(*result) for result in results], indent=1, ensure_ascii=False))
        else:
            for result in results:
                self.stdout.write(_line(*result))
        # A verdict is an answer, whatever it is; a path where nothing stands is a mistake.
        if gone := [shown(str(path)) for path in paths if not path.exists()]:
            raise CommandError(f"There is nothing at {on_one_line(', '.join(gone))}. Check the path.", returncode=1)


def _of_paths(paths: list[Path]) -> list[Result]:
    """A file that is named is judged whatever it is; in a folder, pictures without a workflow are left out."""
    at = matcher()
    results = []
    for path in paths:
        if not path.is_dir():
            results.append((shown(str(path)), judge(scan_file(path), at)))
            continue
        for file in workflow_files(path):
            judged = judge(scan_file(file), at)
            if file.suffix.lower() == ".json" or judged.scan.kind in {"ui", "api"}:
                results.append((shown(str(file)), judged))
    return results


def _described(path: str, judged: Judged) -> dict[str, Any]:
    return {
        "path": path,
        "kind": judged.scan.kind,
        "verdict": judged.verdict,
        "error": judged.scan.error,
        "models": [_model(state) for state in judged.states],
    }


def _model(state: ModelState) -> dict[str, Any]:
    return {
        "directory": state.use.directory,
        "name": state.use.name,
        "url": masked(state.provider.url if state.provider else state.use.url),
        "needed": state.use.needed,
        "status": state.status,
        "providers": [vars(provider) for provider in state.providers],
    }


def _line(path: str, judged: Judged) -> str:
    """One line per workflow, and one below it for each model that is not where it should be."""
    if judged.scan.error:
        return on_one_line(f"{judged.verdict:<12} {path}: {judged.scan.error}")
    size = f", {human_size(judged.missing_bytes)} to fetch" if judged.missing_bytes else ""
    here = len(judged.needed) - len(judged.missing)
    lines = [f"{judged.verdict:<12} {path}: {here} of {len(judged.needed)} models here{size}"]
    for state in judged.missing:
        lines.append(f"    {state.status:<12} {state.path}{_remedy(state)}")
    return "\n".join(map(on_one_line, lines))


def _remedy(state: ModelState) -> str:
    if state.problem:
        return f": {state.problem}"
    if state.found is not None and state.to_fix:
        return f", found at {state.found.path}"
    return f" from {masked(state.provider.url)}" if state.provider else ", and nobody says from where"
