"""Files that are made to hurt end quickly, in little memory, with a verdict."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counting import counted
from tests.workflows import make
from tests.workflows.make import dump, node, subgraph, ui
from workflowfiles import scan_bytes, scan_file

MB = 2**20
MOST_STEPS = 3_000_000  # calls of functions; an ordinary template takes some 10,000


def unfolding(levels: int, width: int) -> bytes:
    """A few KB that unfold to width ** levels nodes."""
    subgraphs = [subgraph(f"s{n}", *(node(f"s{n + 1}", (), id=i) for i in range(width))) for n in range(levels)]
    return dump(ui(node("s0", ()), subgraphs=[*subgraphs, subgraph(f"s{levels}", node())]))


def wide_json(item: bytes, size: int) -> bytes:
    return b'{"nodes": [' + b",".join([item] * (size // (len(item) + 1))) + b"]}"


def many_slots(count: int) -> dict[str, Any]:
    """A subgraph with that many promoted widgets of one node."""
    inner = node("X", (), inputs=[make.widget_input(f"w{n}", link=n) for n in range(count)])
    links = [(n, -10, n, 1, n) for n in range(count)]
    return subgraph("s", inner, slots=tuple(f"w{n}" for n in range(count)), links=links)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a subgraph in itself": lambda: dump(ui(node("s", ()), subgraphs=[subgraph("s", node("s", ()))])),
    "two subgraphs in each other": lambda: dump(
        ui(node("a", ()), subgraphs=[subgraph("a", node("b", ())), subgraph("b", node("a", ()))])
    ),
    "twelve to the seventh": lambda: unfolding(7, 12),
    "a chain of a thousand": lambda: unfolding(1000, 1),
    "nested lists": lambda: b'{"nodes":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an open list": lambda: b"[" * 100_000,
    "many empty objects": lambda: wide_json(b"{}", 24 * MB),
    "many small objects": lambda: wide_json(b'{"":0}', 24 * MB),
    "many lists": lambda: wide_json(b"[]", 24 * MB),
    "one long string": lambda: dump(ui(node("Note", ("x" * 20 * MB,)))),
    "one emoji in a long string": lambda: ('{"nodes": [], "links": "' + "x" * 30 * MB + '🙂"}').encode(),
    "many values": lambda: dump(ui(node("X", (["a.pt"] * 250_000,)))),
    "many different values": lambda: dump(ui(node("X", tuple(f"{n}.pt" for n in range(100_000))))),
    "many long names": lambda: dump(ui(node("X", tuple("é\u200b" * 190 + f"{n}.pt" for n in range(20_000))))),
    "many declarations": lambda: dump(
        ui(
            node("X", tuple(f"{n}.pt" for n in range(3_000)), models=[make.entry(f"{n}.pt") for n in range(3_000)]),
            models=[make.entry("same.pt") for n in range(9_000)],
        )
    ),
    "many links in notes": lambda: dump(ui(node("Note", ("https://a.example/b.pt " * 500_000,)), node())),
    "many slots": lambda: dump(ui(node("s", (1,) * 5_000), subgraphs=[many_slots(5_000)])),
    "a number without end": lambda: b'{"nodes": [' + b"9" * 100_000 + b"]}",
    "a compressed bomb": lambda: make.png((b"zTXt", b"workflow\0\0" + zlib.compress(b"{" * 200 * MB))),
    "a picture of blocks without end": lambda: make.png() + b"\0\0\0\0tEXt" * MB,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_ends_quickly_and_small(kind: str):
    data = HOSTILE[kind]()
    tracemalloc.start()
    try:
        scan_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    found, steps = counted(lambda: scan_bytes(data))
    assert steps < MOST_STEPS
    assert peak < 100 * MB
    assert found.kind in {"unreadable", "not_workflow", "ui"}
    assert bool(found.error) == (found.kind != "ui")


def test_two_hundred_megabytes_are_refused_unread(tmp_path: Path):
    big = tmp_path / "big.json"
    with big.open("wb") as file:
        file.write(b'{"nodes": [')
        file.truncate(200 * MB)
    found, steps = counted(lambda: scan_file(big))
    assert steps < 10_000
    assert found.kind == "unreadable"
    assert "larger than 32 MB" in found.error


ODD_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["a.safetensors", "../b.pt", "sub", "VAELoader", "workflow>g", "MarkdownNote", "PrimitiveNode", -10, 4, 2, 1]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "type",
                    "mode",
                    "name",
                    "inputs",
                    "outputs",
                    "widget",
                    "link",
                    "models",
                    "properties",
                    "widgets_values",
                    "widgets_values_named",
                    "proxyWidgets",
                    "url",
                    "directory",
                    "hash",
                    "on",
                    "class_type",
                    "nodes",
                    "links",
                    "extra",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
ODD_NODE = st.fixed_dictionaries(
    {"type": st.sampled_from(["VAELoader", "sub", "sub2", "workflow>g", "Note", "Custom", "PrimitiveNode"])},
    optional={
        "id": ODD_JSON,
        "mode": ODD_JSON,
        "inputs": ODD_JSON,
        "outputs": ODD_JSON,
        "widgets_values": ODD_JSON,
        "widgets_values_named": ODD_JSON,
        "properties": st.fixed_dictionaries({}, optional={"models": ODD_JSON, "proxyWidgets": ODD_JSON}),
    },
)
ODD_GRAPH = st.fixed_dictionaries(
    {"nodes": st.lists(ODD_NODE | ODD_JSON, max_size=4)},
    optional={"links": ODD_JSON, "inputs": ODD_JSON, "models": ODD_JSON},
)


@given(ODD_GRAPH, ODD_GRAPH, ODD_GRAPH, ODD_JSON)
@settings(max_examples=120, deadline=None)
def test_no_workflow_makes_the_scanner_raise(graph: Any, sub: Any, sub2: Any, group: Any):
    workflow = graph | {
        "definitions": {"subgraphs": [sub | {"id": "sub"}, sub2 | {"id": "sub2"}]},
        "extra": {"groupNodes": {"g": group}},
    }
    found = scan_bytes(dump(workflow))
    for use in found.models:
        use.path.encode()


@given(ODD_JSON)
@settings(max_examples=200, deadline=None)
def test_no_json_makes_the_scanner_raise(document: Any):
    scan_bytes(dump(document))
    scan_bytes(dump({"workflow": document, "prompt": document}))


@given(
    st.sampled_from([b"", b"{", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPEXIF", b"\xff\xd8\xff\xe1", b"fLaC", b"OggS",
                     b"\0\0\0\x08ftyp"]),
    st.binary(max_size=200),
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_no_bytes_make_the_scanner_raise(head: bytes, rest: bytes):
    scan_bytes(head + rest)


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_flipped_byte_never_makes_the_scanner_raise(at: int, value: int):
    text = dump(ui(node()))
    for whole in (
        make.mp4(workflow=text),
        make.webp(make.exif((0x10F, b"workflow:" + text))),
        make.png((b"zTXt", b"workflow\0\0" + zlib.compress(text))),
        make.flac(workflow=text),
        make.opus(workflow=text),
    ):
        changed = bytearray(whole)
        changed[at % len(changed)] = value
        scan_bytes(bytes(changed))
