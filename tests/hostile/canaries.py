"""Secrets to look for, in the clear and as base64 or hex, and the places where they could have gone."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any


class Hunt:
    """Takes in what was seen, place by place, and says where a secret was among it.

    A part of a secret is one too: 12 characters from its middle are looked for, in whatever is around them.
    """

    def __init__(self, **secrets: str) -> None:
        self.found: list[tuple[str, str]] = []  # (name of the secret, place)
        self.places = 0
        self._traces: dict[str, list[bytes]] = {}
        for name, secret in secrets.items():
            self.learn(name, secret)

    def learn(self, name: str, secret: str) -> None:
        """One that is made in the middle of a story: looked for from now on."""
        self._traces[name] = list(traces(secret))

    def look_at(self, place: str, seen: object, *, but: Iterable[str] = ()) -> None:
        """``but`` names the secrets that belong there."""
        self.places += 1
        lower = (seen if isinstance(seen, bytes) else str(seen).encode(errors="replace")).lower()
        for name in self._traces.keys() - set(but):
            if any(trace in lower for trace in self._traces[name]):
                self.found.append((name, place))

    def look_at_files(self, folder: Path, *, skip: Iterable[Path] = ()) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file not in skip:
                self.look_at(str(file), file.name.encode() + file.read_bytes())

    def look_at_database(self, file: Path, *, allowed: dict[str, tuple[str, ...]]) -> None:
        """Every value of every table. ``allowed``: by ``table/first value of the row``, which secrets may be there."""
        with closing(sqlite3.connect(file)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    own = allowed.get(f"{table}/{row[0]}", ())
                    for number, value in enumerate(row):
                        if value is not None:
                            self.look_at(f"{file.name}: {table}, column {number}", value, but=own)

    def look_at_process(self, pid: int, *, environment_has: Iterable[str] = ()) -> None:
        process = Path("/proc") / str(pid)
        self.look_at(f"command line of {pid}", (process / "cmdline").read_bytes())
        self.look_at(f"environment of {pid}", (process / "environ").read_bytes(), but=environment_has)

    def look_at_answer(self, answer: Any, *, but: Iterable[str] = ()) -> None:
        place = f"{answer.request.method} {answer.request.path_url}: {answer.status_code}"
        self.look_at(place, answer.content, but=but)
        self.look_at(f"{place}, headers", json.dumps(dict(answer.headers)), but=but)


def traces(secret: str) -> Iterator[bytes]:
    """Byte strings (lower case) that betray the secret."""
    middle = len(secret) // 2
    core = secret[middle - 6 : middle + 6].encode()
    yield core.lower()
    yield core.hex().encode()
    for shift in range(3):  # base64 looks different at each place in a group of three; its ends belong to others
        coded = base64.b64encode(b"." * shift + core)
        yield coded[4 if shift else 0 : -4].lower()
