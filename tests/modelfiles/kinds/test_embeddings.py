"""A handful of vectors, and hypernetworks."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import kind


@pytest.mark.parametrize(
    ("names", "base_model"),
    [
        ("emb_params:8,768", "sd1"),
        ("emb_params:8,1024", "sd2"),
        ("clip_l:2,768 clip_g:2,1280", "sdxl"),
        ("clip_l:2,768 t5xxl:2,4096", "flux"),
        ("clip_l:2,768 clip_g:2,1280 t5xxl:2,4096", "sd3"),
        ("<my-token>:768", "sd1"),
        ("string_to_param.*:4,768", "sd1"),
        ("clip_g:2,1280", ""),
    ],
)
def test_vectors_with_the_names_of_embeddings_are_one(names: str, base_model: str) -> None:
    assert kind(names) == ("embedding", base_model)


def test_the_widths_of_a_lying_file_break_nothing() -> None:
    assert kind("emb_params:0") == ("embedding", "")


@pytest.mark.parametrize(
    "names",
    [
        "clip_l:2,768 clip_g:2,1280 something.weight",
        "emb_params:2,3,4",
        "weight:768",
        " ".join(f"<{number}>:768" for number in range(5)),
    ],
)
def test_other_vectors_are_not_judged(names: str) -> None:
    assert kind(names)[0] == "unknown"


def test_a_hypernetwork_is_known_by_its_widths() -> None:
    assert kind("768.0.linear.0.weight 768.1.linear.0.bias 320.0.linear.2.weight") == ("hypernetwork", "")
