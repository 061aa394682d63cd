from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from presets import locks
from presets.install import UnknownPreset, find_preset


class Command(BaseCommand):
    help = "Write down what is installed, exactly: path, address pinned to its commit, size, SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="only the files of these presets")
        parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="instead of standard output")

    def handle(self, *args: Any, ids: list[str], output: Path | None, **options: Any) -> None:
        try:
            paths = {file.path for preset_id in ids for file in find_preset(preset_id).files} if ids else None
        except UnknownPreset as unknown:
            raise CommandError(str(unknown)) from unknown
        export = locks.export(paths)
        for path in export.left_out:
            self.stderr.write(f"Left out: {path}. Where it comes from is not on record: run verify_models.")
        for path in export.signed:
            self.stderr.write(f"Left out: {path}. Its address holds a signature, which is yours and ends.")
        if not export.files:
            raise CommandError("There is nothing to write down: no file here was installed by ComfyDash.")
        text = locks.to_text(export.files)
        if output is None:
            self.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} could not be written ({error.strerror}).") from error
        self.stdout.write(f"{len(export.files)} file{pluralize(export.files)} written to {output}")
