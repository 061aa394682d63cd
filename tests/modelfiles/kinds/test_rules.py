"""Every row of every table is reached, whatever stands before it."""

from __future__ import annotations

import pytest

from modelfiles.header import Header, Tensor
from modelfiles.kind import kind_of
from modelfiles.kinds import borrowers, controlnets, diffusion_models, encoders, loras, upscalers, vaes
from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import OF_UNET, Kind, Rule, first_that_fits, rules_of
from tests.modelfiles.heads import head, kind

ROWS = [
    *(*borrowers.BEFORE_CHECKPOINTS, *borrowers.RULES, *controlnets.RULES, *vaes.RULES, *encoders.RULES),
    *(*upscalers.LATENT_RULES, *upscalers.RULES, *diffusion_models.HOLDING_ENCODERS, *diffusion_models.FAMILIES),
    *diffusion_models.SHARDS,
]


def made_for(row: Rule) -> Header:
    tensors = {f"{mark.replace('*', '0')}.weight": Tensor("F16", (8, 8)) for mark in row.marks}
    if row.length:
        name, axis, length = row.length
        shape = [8] * 5
        shape[axis] = length
        tensors[name] = Tensor("F16", tuple(shape))
    if row.dimensions:
        tensors[row.dimensions[0]] = Tensor("F16", (8,) * row.dimensions[1])
    return Header(tensors)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind} {row.base_model} {row.marks}")
def test_a_row_is_reached_by_its_own_marks(row: Rule) -> None:
    found = kind_of(made_for(row))
    assert found.kind == row.kind
    assert row.base_model in {found.base_model, OF_UNET}


@pytest.mark.parametrize(("base_model", "beginning", "width"), loras.BASES)
def test_a_lora_of_each_base_model_is_known_by_its_modules(base_model: str, beginning: str, width: int) -> None:
    module = f"lora_unet_{beginning.replace('*', '0')}_x"
    assert kind(f"{module}.lora_down.weight:16,{width or 8} {module}.lora_up.weight:8,16") == ("lora", base_model)


def test_the_first_row_that_fits_counts_and_a_row_fits_with_all_its_marks() -> None:
    row = rules_of("vae")
    rules = (row("both", "a.*.b", "c"), row("without", "a", but_not=("d",)), row("wide", "d", length=("d", 0, 7)))
    names = {
        "a.3.b.weight c.weight": "both",
        "a.3.b.weight": "without",
        "a.b.weight d:7": "wide",
        "x.a.3.b x.c": "both",
    }
    for tensors, base_model in names.items():
        found = first_that_fits(rules, Names(head(tensors).tensors), ("", "x."))
        assert found is not None
        assert found.base_model == base_model
    assert first_that_fits(rules, Names(head("a d:8").tensors)) is None


def test_a_number_in_a_mark_is_that_number_alone() -> None:
    names = Names(head("decoder.22.bias blocks.0.1.x.weight").tensors)
    assert names.has("decoder.22")
    assert not names.has("decoder.2")
    assert names.has("decoder.*")
    assert names.has("blocks.*.*")
    assert not names.has("blocks.*.x")
    assert names.has("blocks.0.1.x")


def test_why_shows_two_marks_at_most() -> None:
    rules = (rules_of("vae")("", "a.*.b", "c", "d"),)
    found = first_that_fits(rules, Names(head("a.3.b.weight c d").tensors))
    assert found == Kind("vae", "", "the header has a.N.b and c keys")
