"""The kind of a file: bounded, never an exception, and whatever the file says of itself."""

from __future__ import annotations

import json
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfiles.header import Header, NeedsBytes, Tensor
from modelfiles.kind import FIRST_READ, Kind, kind_by_reading, kind_of, kind_of_start
from modelfiles.kinds.names import MOST_TENSORS, Names
from modelfiles.model_folders import FOLDERS
from tests.modelfiles.heads import gguf_start, head, kind, safetensors_start
from tests.modelfiles.kinds import (
    test_borrowers,
    test_checkpoints,
    test_controlnets,
    test_diffusion_models,
    test_encoders,
    test_loras,
    test_upscalers,
    test_vaes,
)

HEADS = [
    *(names for names, _ in test_borrowers.BORROWERS.values()),
    *(names for names, _ in test_checkpoints.CHECKPOINTS.values()),
    *(names for names, _ in test_controlnets.CONTROLNETS.values()),
    *(names for names, _ in test_diffusion_models.FAMILIES.values()),
    *(names for names, _ in test_encoders.TEXT.values()),
    *(names for names, _ in test_encoders.VISIONS.values()),
    *(names for names, _ in test_loras.LORAS.values()),
    *(names for names, _ in test_vaes.VAES.values()),
    *test_upscalers.UPSCALERS.values(),
]
LIES = {
    "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    "modelspec.title": "A lora, a VAE and a checkpoint",
    "ss_network_module": "networks.lora",
    "ss_base_model_version": "sdxl_base_v1-0",
    "format": "pt",
}
# Pieces of real names, put together at random: what nobody has thought of.
PIECES = st.sampled_from(
    sorted({piece for names in HEADS for word in names.split() for piece in word.partition(":")[0].split(".")})
)
NAMES = st.lists(PIECES, min_size=1, max_size=6).map(".".join)
TENSORS = st.builds(
    Tensor, st.sampled_from(["F16", "U8", "new"]), st.lists(st.integers(0, 9999), max_size=5).map(tuple)
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | NAMES


@pytest.mark.parametrize("names", HEADS)
def test_the_order_of_the_names_and_what_the_file_says_of_itself_do_not_matter(names: str) -> None:
    words = names.split()
    random.Random(1).shuffle(words)
    assert kind_of(head(words, LIES)) == kind_of(head(sorted(words))) == kind_of(head(names))


@pytest.mark.parametrize("names", HEADS)
def test_each_says_why_in_words(names: str) -> None:
    found = kind_of(head(names))
    assert found.kind in FOLDERS
    assert found.why.startswith(("the header has ", "all keys of the header begin with "))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("", "the header has no tensors"),
        ("__marker__ model_ema.decay", "the header has no tensors"),
        ("a.b.weight c.d.bias", "its keys are those of no kind that is known here"),
    ],
)
def test_what_is_not_known_is_unknown(names: str, why: str) -> None:
    assert kind_of(head(names)) == Kind("unknown", "", why)


def test_too_many_tensors_are_not_judged() -> None:
    tensor = Tensor("F16", (1,))
    tensors = {f"lora_unet_{number}.lora_up.weight": tensor for number in range(MOST_TENSORS + 1)}
    assert kind_of(Header(tensors)).kind == "unknown"


def test_the_first_bytes_say_it_or_how_many_are_needed() -> None:
    start, size = safetensors_start(head(test_diffusion_models.FLUX, LIES))
    needs = kind_of_start(start[:100], size)
    assert isinstance(needs, NeedsBytes)
    found = kind_of_start(start[: needs.count], size)
    assert isinstance(found, Kind)
    assert (found.kind, found.base_model) == ("diffusion_model", "flux")


def test_a_text_encoder_in_gguf_is_known_before_its_vocabulary_has_arrived() -> None:
    start = gguf_start({"general.architecture": "qwen2vl"}, "blk.0.attn_q.weight", vocabulary=10_000)[:5000]
    found = kind_of_start(start, 10**9)
    assert isinstance(found, Kind)
    assert (found.kind, found.why) == ("text_encoder", "its architecture is qwen2vl")


def test_an_adapter_in_gguf_is_none_of_them_whatever_has_arrived() -> None:
    metadata = {"general.architecture": "llama", "general.type": "adapter"}
    start = gguf_start(metadata, "blk.0.attn_q.weight", vocabulary=10_000)
    answers = [kind_of_start(start[:arrived], 10**9) for arrived in (4, 30, 60, 90, 5000, len(start))]
    assert not any(isinstance(answer, Kind) and answer.kind != "unknown" for answer in answers)


def test_a_diffusion_model_in_gguf_waits_for_its_names() -> None:
    start = gguf_start({"general.architecture": "flux"}, test_diffusion_models.FLUX)
    assert isinstance(kind_of_start(start[:-10], 10**9), NeedsBytes)


LONG_VOCABULARY = struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 0, 10**8)
NOT_JUDGED = {
    "a page": (
        b"<html><body>",
        "it is a web page, not a model. Open its address in a browser to see what the host says",
    ),
    "a pickle": (
        b"PK\x03\x04" + bytes(50),
        "it is a PyTorch file, which has to be run to be read",
    ),
    "a header of 90 MB": (struct.pack("<Q", 90_000_000) + b'{"a', "its header is larger than 16 MB"),
    "a vocabulary of 100 MB": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + LONG_VOCABULARY,
        "its header is larger than 16 MB",
    ),
}


@pytest.mark.parametrize("title", NOT_JUDGED)
def test_what_cannot_be_judged_says_so(title: str) -> None:
    start, why = NOT_JUDGED[title]
    assert kind_of_start(start, 10**9) == Kind("unknown", "", why)


def test_reading_asks_for_no_more_than_the_header() -> None:
    start, size = safetensors_start(head(test_diffusion_models.FLUX, {"notes": "x" * 2 * FIRST_READ}))
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return (start + bytes(1000))[:count]

    assert kind_by_reading(read, size).kind == "diffusion_model"
    assert asked == [FIRST_READ, len(start)]


def test_reading_keeps_to_its_limit_and_ends_where_the_bytes_end() -> None:
    start, size = safetensors_start(head(test_diffusion_models.FLUX, {"notes": "x" * 2 * FIRST_READ}))
    assert kind_by_reading(lambda count: start[:count], size, most=FIRST_READ) == Kind(
        "unknown", "", "its header is larger than 262 kB"
    )
    assert kind_by_reading(lambda count: start[: min(count, 1000)], size).why == "its header could not be read"


@given(st.dictionaries(NAMES, TENSORS, max_size=40), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_any_mixture_of_names_is_judged_alike_in_any_order(
    tensors: dict[str, Tensor], metadata: dict[str, str]
) -> None:
    found = kind_of(Header(tensors, metadata))
    assert found == kind_of(Header(dict(reversed(tensors.items()))))
    assert found.kind in FOLDERS or found.kind == "unknown"


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30))
def test_any_json_is_judged(content: object) -> None:
    data = json.dumps(content).encode()
    found = kind_of_start(struct.pack("<Q", len(data)) + data, 10**9)
    assert isinstance(found, Kind | NeedsBytes)


@given(st.binary(max_size=400))
def test_any_bytes_are_judged(data: bytes) -> None:
    for start in (data, b"GGUF\x03\0\0\0" + data, struct.pack("<Q", len(data)) + data):
        assert isinstance(kind_of_start(start, 10**9), Kind | NeedsBytes)


def test_the_work_grows_with_the_length_of_the_names_and_no_faster() -> None:
    """Counted in the pieces that are indexed: names without end, of dots alone, and thousands of families."""
    for name in ("a." * 50_000 + "weight", "." * 100_000, "x" * 1_000_000):
        names = Names({name: Tensor("F16", ())})
        assert names.patterns == set()
    many = Names({f"m{number}.a.b.c.weight": Tensor("F16", (1,)) for number in range(2000)})
    assert sum(1 for _ in many.patterns) == 2000


def test_kinds_are_told_apart_whatever_stands_beside_them() -> None:
    """The order of the tests, as the traps of real files demand it."""
    lora = test_loras.kohya("lora_unet_double_blocks_0_img_attn_qkv")
    assert kind(f"{test_checkpoints.CHECKPOINTS['sdxl'][0]} {lora}")[0] == "checkpoint"
    assert kind(f"{test_diffusion_models.FLUX} {lora}")[0] == "diffusion_model"
    assert kind(f"{test_borrowers.BORROWERS['photomaker'][0]} {lora}")[0] == "photomaker"
