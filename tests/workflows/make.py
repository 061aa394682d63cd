"""Small workflow files for tests: each maker has defaults, a test names only what it is about."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

HUB = "https://huggingface.co/acme/models/resolve/main"


def entry(name: str = "a.safetensors", directory: str = "checkpoints", **more: Any) -> dict[str, Any]:
    """One item of properties.models."""
    return {"name": name, "url": f"{HUB}/{directory}/{name}", "directory": directory, **more}


def node(node_type: str = "CheckpointLoaderSimple", values: Any = ("a.safetensors",), **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": more.pop("id", 1),
        "type": node_type,
        "mode": more.pop("mode", 0),
        "inputs": more.pop("inputs", []),
        "outputs": [{"name": kind, "type": kind} for kind in more.pop("outputs", ())],
        "properties": {},
        "widgets_values": list(values) if isinstance(values, tuple) else values,
    }
    if "models" in more:
        made["properties"]["models"] = more.pop("models")
    if "proxies" in more:
        made["properties"]["proxyWidgets"] = more.pop("proxies")
    return made | more


def widget_input(name: str, link: int | None = None) -> dict[str, Any]:
    return {"name": name, "type": "COMBO", "widget": {"name": name}, "link": link}


def subgraph(sub_id: str, *nodes: dict[str, Any], slots: tuple[str, ...] = (), links: Any = ()) -> dict[str, Any]:
    """A definition. A link is (id, origin, origin slot, target, target slot); origin -10 is the subgraph's input."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": sub_id,
        "name": sub_id,
        "inputs": [{"name": slot, "type": "COMBO"} for slot in slots],
        "outputs": [],
        "nodes": list(nodes),
        "links": [dict(zip(keys, link, strict=True)) for link in links],
    }


def ui(*nodes: dict[str, Any], subgraphs: Any = (), links: Any = (), **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"version": 0.4, "nodes": list(nodes), "links": list(links), **more}
    if subgraphs:
        made["definitions"] = {"subgraphs": list(subgraphs)}
    return made


def api(**classes: Any) -> dict[str, Any]:
    """``api(CheckpointLoaderSimple={"ckpt_name": "a.safetensors"})``; ids are 1, 2, …"""
    return {
        str(number): {"class_type": node_type, "inputs": inputs}
        for number, (node_type, inputs) in enumerate(classes.items(), start=1)
    }


def dump(workflow: Any) -> bytes:
    return json.dumps(workflow).encode()


# --- pictures, sound, video ----------------------------------------------------------------------------------------


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in body)


def exif(*tags: tuple[int, bytes], order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    at = 8 + 2 + 12 * len(tags) + 4
    rows, data = b"", b""
    for tag, value in tags:
        rows += struct.pack(order + "HHII", tag, 2, len(value), at + len(data))
        data += value
    return head + struct.pack(order + "H", len(tags)) + rows + b"\0\0\0\0" + data


def webp(exif_data: bytes) -> bytes:
    chunks = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
        for kind, data in ((b"VP8X", b"\x08" + b"\0" * 9), (b"EXIF", exif_data))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def jpeg(exif_data: bytes) -> bytes:
    data = b"Exif\0\0" + exif_data
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(data) + 2) + data + b"\xff\xda\0\x02\xff\xd9"


def vorbis_comments(**comments: bytes) -> bytes:
    items = [key.encode() + b"=" + text for key, text in comments.items()]
    return struct.pack("<I", 0) + struct.pack("<I", len(items)) + b"".join(struct.pack("<I", len(i)) + i for i in items)


def flac(**comments: bytes) -> bytes:
    block = vorbis_comments(**comments)
    return b"fLaC" + b"\0\0\0\x22" + b"\0" * 34 + b"\x84" + len(block).to_bytes(3, "big") + block


def opus(**comments: bytes) -> bytes:
    def page(packet: bytes) -> bytes:
        lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
        return b"OggS" + b"\0" * 22 + bytes([len(lacing)]) + bytes(lacing) + packet

    return page(b"OpusHead" + b"\0" * 11) + page(b"OpusTags" + vorbis_comments(**comments))


def mp4(**texts: bytes) -> bytes:
    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", len(data) + 8, kind) + data

    names = b"".join(struct.pack(">I4s", len(key) + 8, b"mdta") + key.encode() for key in texts)
    keys = box(b"keys", struct.pack(">II", 0, len(texts)) + names)
    values = b"".join(
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", 1, 0) + text))
        for number, text in enumerate(texts.values(), start=1)
    )
    meta = box(b"meta", b"\0\0\0\0" + box(b"hdlr", b"\0" * 25) + keys + box(b"ilst", values))
    return box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", b"\0" * 100) + box(b"moov", box(b"udta", meta))
