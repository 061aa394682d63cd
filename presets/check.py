"""Do the catalogue's addresses still lead to the files? Each one is asked once, no file is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from downloads import facts
from downloads.models import ModelFile
from downloads.transfer import Facts, TransferError
from presets.preset import Preset, PresetFile
from settings_app.sizes import human_size

Answer = Literal["ok", "gated", "missing", "html", "size", "hash", "unreachable", "refused"]
AT_ONCE = 24  # addresses that are asked before the next answers are given
TOLERANCE = 0.1  # of the catalogue's size; it is written by hand and rounded
BAD = frozenset({"missing", "html", "hash", "unreachable", "refused"})


@dataclass(frozen=True)
class Checked:
    """``size`` in bytes, as the host says it. size: the catalogue is off by more than a tenth; hash: the host has other
    content than what was installed from the same address."""

    preset_ids: tuple[str, ...]
    path: str
    url: str
    answer: Answer
    message: str
    size: int | None


def check(presets: Iterable[Preset]) -> Iterator[Checked]:
    """In the order of the catalogue, a file that several presets share once."""
    owners: dict[tuple[str, str], list[str]] = {}
    files: dict[tuple[str, str], PresetFile] = {}
    for preset in presets:
        for file in preset.files:
            owners.setdefault((file.path, file.url), []).append(preset.id)
            files.setdefault((file.path, file.url), file)
    installed = {(record.path, record.url): record.sha256 for record in ModelFile.objects.all()}
    keys = list(files)
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        answers = facts.ask_briefly((url for _, url in part), attempts=2)
        for key in part:
            answer, message, size = _judge(files[key], answers[key[1]], installed.get(key, ""))
            yield Checked(tuple(owners[key]), *key, answer, message, size)


def _judge(file: PresetFile, said: Facts | TransferError, installed: str) -> tuple[Answer, str, int | None]:
    if isinstance(said, TransferError):
        return _refusal(said), str(said), None
    if installed and said.sha256 and said.sha256 != installed:
        return "hash", "The host has other content now than what is installed.", said.size
    guess = file.size_guess
    if guess and said.size and abs(said.size - guess) > TOLERANCE * guess:
        return "size", f"It has {human_size(said.size)}; the catalogue says {file.size}.", said.size
    return ("gated", "It needs a token, and yours may read it.", said.size) if said.gated else ("ok", "", said.size)


def _refusal(said: TransferError) -> Answer:
    if said.reason in facts.GATED_REASONS:
        return "gated"
    if said.reason == "not_found":
        return "missing"
    if said.reason == "not_a_model":
        return "html"
    return "unreachable" if said.retry or said.reason == "network" else "refused"
