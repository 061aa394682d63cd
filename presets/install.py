"""Installing a preset: the same for button, API and command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from downloads.queue import Outcome, ask_for, queued_before, token_sentence
from downloads.queue_several import Wish, enqueue_several
from downloads.transfer import TransferError
from presets.catalogue import catalogue, wanted_files
from presets.preset import Preset
from presets.states import PresetState, preset_states
from settings_app.hub_token import hub_token
from values.counts import apportioned


class UnknownPreset(LookupError):
    pass


class NotInstallable(ValueError):
    """The catalogue's own fault keeps it from being installed."""


def find_preset(preset_id: str) -> Preset:
    """Raises UnknownPreset."""
    preset = catalogue().presets.get(preset_id)
    if preset is None:
        raise UnknownPreset(
            f"The catalogue has no preset “{preset_id[:200]}”. Refresh it, or look the id up in its list."
        )
    return preset


def install(preset_id: str, *, force: bool = False, conflict: str = "") -> Outcome:
    """Queue what is missing; with ``force`` everything, replacing each file once its successor is complete.

    ``conflict`` (replace, keep_both) says what to do where other bytes have the place of a file; else it is asked.
    Raises UnknownPreset and NotInstallable.
    """
    preset = find_preset(preset_id)
    state = preset_states([preset])[preset.id]
    if state.row is not None and state.row.is_active:
        state.row.wish(conflict)
        return queued_before(state.row, preset.name)
    files = wanted_files(preset.id)
    if not files:
        raise NotInstallable(_not_installable(preset))
    if state.installed and not force:
        return Outcome("already_installed", None, f"{preset.name} is installed already.")
    gated = _is_gated(state, force)
    return ask_for(preset.id, preset.name, files, force=force, conflict=conflict, gated=gated)


@dataclass(frozen=True)
class Several:
    """What became of several presets that were asked for at once. ``queued`` are also those that are ``parked`` for a
    token; ``refused``: a sentence for each that cannot be."""

    asked: int
    queued: int
    parked: int
    refused: tuple[str, ...]

    @property
    def sentence(self) -> str:
        refused = len(self.refused)
        return apportioned(
            {
                "queued": self.queued - self.parked,
                "waiting for a Hugging Face token": self.parked,
                "here or in the queue already": self.asked - self.queued - refused,
                "refused": refused,
            }
        )


def install_several(presets: Sequence[Preset]) -> Several:
    """Queue what is missing of all of them, in a fixed number of statements."""
    states, has_token = preset_states(presets), bool(hub_token())
    wishes: list[Wish] = []
    refused: list[str] = []
    for preset in presets:
        state = states[preset.id]
        if state.row is not None and state.row.is_active:
            continue
        try:
            files = Wish.parsed(wanted_files(preset.id) or ())
        except TransferError as refusal:
            refused.append(str(refusal))
            continue
        if not files:
            refused.append(_not_installable(preset))
        elif not state.installed:
            parked = _is_gated(state) and not has_token
            wishes.append(
                Wish(preset.id, preset.name, files, token_sentence=token_sentence(preset.name) if parked else "")
            )
    queued = enqueue_several(wishes)
    parked_ids = {wish.preset_id for wish in wishes if wish.token_sentence}
    return Several(len(presets), len(queued), len(queued & parked_ids), tuple(refused))


def _not_installable(preset: Preset) -> str:
    return f"“{preset.name}” cannot be installed: {preset.problem} Correct the catalogue first."


def _is_gated(state: PresetState, force: bool = False) -> bool:
    return any(file.gated for file in state.files if not file.optional and (force or not file.is_here))
