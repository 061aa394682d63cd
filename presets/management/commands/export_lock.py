from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from presets import lock_file
from presets.install import UnknownPreset, find_preset
from presets.states import preset_states
from volumes.file_names import on_one_line, shown
from volumes.files import write_whole


class Command(BaseCommand):
    help = "Write down what is installed, exactly: path, address pinned to its commit, size, SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="only the files of these presets")
        parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="instead of standard output")

    def handle(self, *args: Any, ids: list[str], output: Path | None, **options: Any) -> None:
        try:
            presets = [find_preset(preset_id) for preset_id in ids]
        except UnknownPreset as unknown:
            raise CommandError(str(unknown)) from unknown
        states = preset_states(presets).values()
        export = lock_file.export({file.place for state in states for file in state.files} if ids else None)
        for sentence in export.left_out:
            self.stderr.write(on_one_line(f"Left out: {sentence}"))
        if not export.files:
            raise CommandError(
                "There is nothing to write down. Run verify_models first, then export again."
                if export.unverified
                else "There is nothing to write down: no file here was installed by ComfyDash."
            )
        text = lock_file.to_text(export.files)
        if output is None:
            self.stdout.write(text)
            return
        try:
            if output.exists() and not output.is_file():  # /dev/stdout, a pipe
                output.write_text(text, encoding="utf-8")
            else:
                write_whole(output.resolve(), text.encode(), mode=0o666)
        except OSError as error:
            raise CommandError(f"{shown(str(output))} could not be written ({error.strerror}).") from error
        self.stdout.write(f"{len(export.files)} file{pluralize(export.files)} written to {shown(str(output))}")
