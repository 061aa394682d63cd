"""Who did what: rows by triggers in PostgreSQL, bytes by the Hub's log, published files by looking at the folder."""

from __future__ import annotations

import threading
import time
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from tests.comfydash.serving import wait_for
from tests.fakehub import FakeHub
from tests.fakehub.faults import Asked

TABLES = ("download_history", "download_file", "model_file")
TRIGGERS = """
CREATE TABLE fleet_ledger (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL DEFAULT current_setting('application_name'),
    what text NOT NULL,
    note text NOT NULL
);
CREATE FUNCTION fleet_note() RETURNS trigger AS $$ BEGIN
    INSERT INTO fleet_ledger (what, note) VALUES (TG_TABLE_NAME, NEW.id::text);
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE FUNCTION fleet_lease() RETURNS trigger AS $$ BEGIN
    IF NEW.fence <> OLD.fence THEN
        INSERT INTO fleet_ledger (what, note) VALUES ('taken', NEW.fence::text);
    ELSIF NEW.holder = '' THEN
        INSERT INTO fleet_ledger (what, note) VALUES ('given back', NEW.fence::text);
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER fleet AFTER UPDATE ON worker_lease FOR EACH ROW EXECUTE FUNCTION fleet_lease();
""" + "".join(
    f"CREATE TRIGGER fleet AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fleet_note();\n"
    for table in TABLES
)
AT_ONCE_SECONDS = 0.5  # in which bytes to two workers count as sent at the same time
ON_THE_WAY_SECONDS = 0.05  # in which a worker that has just hung up may be sent to


@dataclass(frozen=True)
class Entry:
    who: str
    what: str
    note: str


def prepare(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TRIGGERS)


def do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(statement)


def entries(url: str) -> list[Entry]:
    return [Entry(*row) for row in rows(url, "SELECT who, what, note FROM fleet_ledger ORDER BY id")]


def rows(url: str, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Asked again while PostgreSQL is restarted."""
    answers: list[list[tuple[Any, ...]]] = []

    def answered() -> bool:
        try:
            with psycopg.connect(url, autocommit=True) as database:
                answers.append(database.execute(question, values).fetchall())
        except psycopg.OperationalError:
            return False
        return True

    wait_for(answered, name="PostgreSQL answers")
    return answers[0]


def foreign_writes(written: list[Entry], workers: set[str]) -> list[str]:
    """Writes of a worker that was not the last one to take the lease."""
    holder, wrong = "", []
    for entry in written:
        if entry.what == "taken":
            holder = entry.who
        elif entry.what in TABLES and entry.who in workers and entry.who != holder:
            wrong.append(f"{entry.who} wrote {entry.what} {entry.note} under the lease of {holder or 'nobody'}")
    return wrong


class Publishes:
    """Looks at a folder all the time: how often each final name led to another file."""

    def __init__(self, folder: Path) -> None:
        self.count: Counter[str] = Counter()
        self._folder = folder
        self._seen: dict[str, int] = {}
        self._over = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            for file in self._folder.glob("*.safetensors"):
                inode = file.stat().st_ino
                if self._seen.get(file.name) != inode:
                    self._seen[file.name] = inode
                    self.count[file.name] += 1

    def stop(self) -> None:
        self._over.set()


class Transfers:
    """Which worker each of the Hub's connections belongs to: by the address where each has its own, else by the
    kernel's tables, asked while it is open."""

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        self.addresses: dict[str, str] = {}  # of a host → worker
        self.pids: dict[int, str] = {}  # process → worker; one that ended stays
        self.excused: list[tuple[str, float, float]] = []  # worker, from, until: frozen, and waking up
        self._owner: dict[int, str] = {}  # identity of a line of the log: ports come again
        self._over = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            unknown = [line for line in list(self.hub.log) if id(line) not in self._owner]
            if unknown and not self.addresses:
                owners = _owners({line.port for line in unknown}, self.pids)
                self._owner |= {id(line): owners[line.port] for line in unknown if line.port in owners}

    def stop(self) -> None:
        self._over.set()

    def clear(self) -> None:
        self.hub.log.clear()
        self.excused.clear()
        self._owner.clear()

    def at_once(self) -> list[str]:
        """Files of which bytes went to two workers at the same time: to one, to another, and then to both of them."""
        sent = sorted(
            (moment, who, line.path)
            for line in list(self.hub.log)
            if (who := self.worker_of(line))
            for moment in line.moments
        )
        wrong = set()
        for (before, first, path), (after, second, other) in pairwise(sent):
            if first == second or after - before > AT_ONCE_SECONDS or self._is_excused(first, second, after):
                continue
            start = bisect(sent, (after + ON_THE_WAY_SECONDS,))
            end = bisect(sent, (after + AT_ONCE_SECONDS,))
            if {first, second} <= {who for _, who, _ in sent[start:end]}:
                wrong.add(f"{first} fetched {path} while {second} fetched {other}")
        return sorted(wrong)

    def worker_of(self, line: Asked) -> str:
        """ "" where nobody knows."""
        return self.addresses.get(line.client, "") or self._owner.get(id(line), "")

    def last_byte(self, worker: str) -> float:
        """When the Hub last sent one to it, in seconds since the epoch."""
        moments = [moment for line in list(self.hub.log) if self.worker_of(line) == worker for moment in line.moments]
        return time.time() - time.monotonic() + max(moments)

    def _is_excused(self, first: str, second: str, moment: float) -> bool:
        return any(who in {first, second} and start <= moment <= end for who, start, end in self.excused)


def _owners(ports: set[int], pids: dict[int, str]) -> dict[int, str]:
    inodes = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        port = int(words[1].rpartition(":")[2], 16)
        if port in ports and words[9] != "0":
            inodes[f"socket:[{words[9]}]"] = port
    found = {}
    for pid, who in list(pids.items()):
        try:
            handles = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            continue
        for handle in handles:
            try:
                target = str(handle.readlink())
            except OSError:
                continue
            if target in inodes:
                found[inodes[target]] = who
    return found
