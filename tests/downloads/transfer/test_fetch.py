"""Pause, drop, kill -9, restart, a source that changes: what is fetched again, and what is not."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from downloads.transfer import (
    Progress,
    Published,
    TransferError,
    discard_partial,
    partial_bytes,
    reserved_bytes,
)
from downloads.transfer.segments.plan import SMALLEST
from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub, File, safetensors_bytes

MODEL = "vae/a.safetensors"
SIZE = 24_000_000
ON_THE_WAY = 6_000_000  # bytes that may be under way between server and disk when a transfer is stopped
PROJECT = Path(__file__).resolve().parents[3]


def stop_at(count: int):
    return lambda progress: progress.bytes_done < count


@pytest.mark.parametrize("connections", [1, 4])
def test_pause_keeps_the_bytes_and_resume_fetches_the_rest(connections: int, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.total_speed = 40_000_000
    paused = bring(file, tick=stop_at(8_000_000), connections=connections)
    assert paused.stopped
    kept = partial_bytes(bring.root, MODEL)
    assert kept >= paused.ticks[-1].bytes_done >= 8_000_000
    assert set(bring.on_disk()) == {MODEL + ".part", MODEL + ".part.state"}
    assert reserved_bytes(bring.root, MODEL) >= kept
    before = hub.sent()
    resumed = bring(file, connections=connections)
    assert resumed.published
    assert resumed.published.sha256 == file.sha256
    assert resumed.published.fetched_bytes == SIZE - kept
    assert hub.sent() - before == SIZE - kept
    assert resumed.ticks[0].bytes_done >= kept
    assert bring.on_disk() == {MODEL: SIZE}


def test_stopping_closes_every_connection(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.speed = 2_000_000
    assert bring(file, tick=stop_at(1_000_000), connections=4).stopped
    names = {thread.name for thread in threading.enumerate()}
    assert names.isdisjoint({"connection", "hasher", "syncer"})
    assert sum(line.sent for line in hub.asked(MODEL, "cdn")) < SIZE


def test_the_tick_is_called_in_the_thread_of_fetch_and_often(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.fault(file, origin="cdn", stall_after=100, times=3)
    threads = set()

    def tick(progress: Progress) -> bool:
        threads.add(threading.current_thread())
        return True

    brought = bring(file, tick=tick, read_timeout=0.6, retry_base=0.3, connections=1, tick_interval=0.1)
    assert brought.published
    assert threads == {threading.current_thread()}
    assert len(brought.ticks) > 12
    waits = [progress for progress in brought.ticks if progress.status == "retrying"]
    assert {progress.max_attempts for progress in waits} == {3}
    assert waits[0].attempt == 2
    assert 0.0 < waits[0].retry_in <= 0.3
    assert "tried again" in waits[0].error


def test_numbers_never_go_back(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.total_speed = 60_000_000
    hub.fault(file, origin="cdn", drop_after=2_500_000)
    brought = bring(file)
    done = [progress.bytes_done for progress in brought.ticks]
    assert done == sorted(done)
    assert brought.ticks[-1].bytes_done == SIZE == brought.ticks[-1].bytes_total
    assert brought.ticks[-1].status == "verifying"


def test_a_changed_source_starts_over_and_says_so(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    assert bring(file, tick=stop_at(4_000_000)).stopped
    file.replace(safetensors_bytes(9_000_000, seed=7))
    brought = bring(file)
    assert brought.published
    assert brought.published.sha256 == file.sha256
    assert "changed" in brought.published.warnings[0]


def test_a_source_that_changes_in_the_middle_is_fetched_anew(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    gate = hub.gate(file, at_byte=3_000_000)
    new = safetensors_bytes(SIZE, seed=9)

    def change(progress: Progress) -> bool:
        if gate.reached.is_set() and not gate.is_open:
            file.replace(new)
            gate.open()
        return True

    brought = bring(file, tick=change, connections=1)
    assert brought.published
    assert brought.published.sha256 == hashlib.sha256(new).hexdigest()
    assert any("changed" in warning or "checksum" in warning for warning in brought.published.warnings)


def test_bytes_of_another_address_are_not_continued(hub: FakeHub, bring: Bringer) -> None:
    one = hub.add_file("org/one", MODEL, size=SIZE, seed=1)
    other = hub.add_file("org/two", MODEL, size=SIZE, seed=2)
    assert bring(one, tick=stop_at(4_000_000)).stopped
    brought = bring(other)
    assert brought.published
    assert brought.published.sha256 == other.sha256


def test_the_same_bytes_at_another_address_are_continued(hub: FakeHub, bring: Bringer) -> None:
    one = hub.add_file("org/one", MODEL, size=SIZE)
    mirror = hub.add_file("org/mirror", MODEL, size=SIZE)
    assert bring(one, tick=stop_at(4_000_000)).stopped
    kept = partial_bytes(bring.root, MODEL)
    brought = bring(mirror)
    assert brought.published
    assert brought.published.fetched_bytes == SIZE - kept


@pytest.mark.parametrize(
    ("facts", "continues"),
    [({}, True), ({"etag": ""}, True), ({"etag": 'W/"x"'}, True), ({"ranges": False}, False)],
    ids=str,
)
def test_resume_from_other_hosts(facts: dict[str, object], continues: bool, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("files/a.safetensors", size=SIZE, **facts)  # type: ignore[arg-type]
    hub.total_speed = 60_000_000
    assert bring(file, tick=stop_at(6_000_000)).stopped
    brought = bring(file)
    assert brought.published
    assert brought.published.sha256 == file.sha256
    assert (brought.published.fetched_bytes < SIZE) is continues


def test_a_pinned_file_that_the_host_has_not_is_refused(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, safetensors_bytes())
    brought = bring(file, wanted={"sha256": "0" * 64})
    assert (brought.reason, hub.sent(), bring.on_disk()) == ("source_changed", 0, {})


def test_a_pinned_file_of_a_host_that_tells_no_hash_is_checked(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("a.safetensors", safetensors_bytes())
    assert bring(file, wanted={"sha256": "0" * 64}).reason == "checksum_mismatch"
    brought = bring(file, wanted={"sha256": file.sha256.upper()})
    assert brought.published
    assert brought.published.verified


def test_two_writers_are_impossible(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    gate = hub.gate(file, at_byte=5_000_000)
    first = threading.Thread(target=bring, args=(file,))
    first.start()
    assert gate.reached.wait(5)
    second = bring(file)
    with pytest.raises(TransferError, match="Another transfer"):
        discard_partial(bring.root, MODEL)
    gate.open()
    first.join(10)
    assert "Another transfer" in str(second.refusal)
    assert bring.on_disk() == {MODEL: SIZE}


def test_discard_leaves_nothing(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    assert bring(file, tick=stop_at(1)).stopped
    discard_partial(bring.root, MODEL)
    discard_partial(bring.root, MODEL)
    assert bring.on_disk() == {}
    assert partial_bytes(bring.root, MODEL) == 0


def test_expired_links_are_asked_for_again(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.link_seconds = 30  # nearer than 60 s before its end: no request starts on its last breath
    brought = bring(file, connections=2)
    assert brought.published
    assert len(hub.asked(MODEL, "hub")) > 3
    assert {line.status for line in hub.asked(MODEL, "cdn")} == {206}


def test_links_that_are_over_at_once_end_in_a_sentence(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    hub.link_seconds = -5
    brought = bring(file)
    assert brought.reason == "network"
    assert "clock" in str(brought.refusal)


def test_links_are_never_stored(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    assert bring(file, tick=stop_at(4_000_000)).stopped
    state = (bring.root / (MODEL + ".part.state")).read_text()
    assert "Signature" not in state
    assert json.loads(state.splitlines()[0])["identity"]["url"] == file.url


def test_cancel_in_the_last_second_publishes_nothing(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    asked: list[Published] = []

    def refuse(result: Published) -> bool:
        asked.append(result)
        return False

    brought = bring(file, publish=refuse)
    assert brought.stopped
    assert (asked[0].size, asked[0].sha256) == (SIZE, file.sha256)
    assert partial_bytes(bring.root, MODEL) == SIZE
    again = bring(file, publish=lambda result: True)
    assert again.published
    assert again.published.fetched_bytes == 0
    assert (bring.root / MODEL).stat().st_mtime_ns == again.published.mtime_ns


def test_a_file_in_the_way_is_only_replaced_when_asked(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, safetensors_bytes())
    place = bring.root / MODEL
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    assert bring(file).reason == "path_conflict"
    assert place.read_bytes() == b"mine"
    hub.fault(file, origin="cdn", flip=900)
    assert bring(file, wanted={"replace": True}).reason == "checksum_mismatch"
    assert place.read_bytes() == b"mine"
    hub.heal()
    assert bring(file, wanted={"replace": True}).published
    assert hashlib.sha256(place.read_bytes()).hexdigest() == file.sha256
    hub.log.clear()
    again = bring(file)
    assert again.published
    assert (again.published.fetched_bytes, hub.asked(origin="cdn")) == (0, [])


def test_a_connection_far_behind_its_siblings_is_opened_anew(hub: FakeHub, bring: Bringer) -> None:
    """One of four answers comes at a twentieth of the others' speed: its segment is asked for again."""
    file = hub.add_file("org/repo", MODEL, size=120_000_000)
    hub.speed = 6_000_000
    hub.fault(file, origin="cdn", trickle=300_000, times=1)
    brought = bring(file, connections=4)
    assert brought.published
    assert hub.asked(origin="cdn")[0].sent < SMALLEST  # not even the smallest segment was waited for
    assert brought.published.warnings == ()


# --- kill -9 --------------------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from downloads.transfer import Options, Wanted, fetch
hub, url, root, path = sys.argv[1:]
options = Options(hub_endpoint=hub, allow_private_hosts=True, retry_base=0.01)
print("up", flush=True)
fetch(Wanted(url, Path(root), path), options, lambda progress: True)
"""


def child(hub: FakeHub, file: File, root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", CHILD, hub.url, file.url, str(root), MODEL]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout
    process.stdout.close()


@pytest.mark.parametrize("at_byte", [0, 1, 2_000_000, 13_000_000, SIZE - 1])
def test_killed_at_a_byte_the_rest_is_fetched(at_byte: int, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=SIZE)
    gate = hub.gate(file, at_byte=at_byte)
    process = child(hub, file, bring.root)
    assert gate.reached.wait(10)
    kill(process)
    gate.open()
    assert MODEL not in bring.on_disk()
    kept = partial_bytes(bring.root, MODEL)
    twice = hub.sent() - kept
    brought = bring(file)
    assert brought.published
    assert brought.published.sha256 == file.sha256
    assert brought.published.fetched_bytes == SIZE - kept
    assert twice <= 16_000_000


@pytest.mark.slow
def test_twenty_kills_at_random_moments(hub: FakeHub, bring: Bringer) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    dice = random.Random(seed)
    file = hub.add_file("org/repo", MODEL, size=120_000_000, seed=5)
    hub.total_speed = 100_000_000
    kills = 0
    while kills < 20:
        process = child(hub, file, bring.root)
        try:
            process.wait(dice.uniform(0.02, 0.35))
        except subprocess.TimeoutExpired:
            kills += 1
        kill(process)
        if (bring.root / MODEL).exists():  # done, or killed between the rename and its exit
            assert hashlib.sha256((bring.root / MODEL).read_bytes()).hexdigest() == file.sha256
            (bring.root / MODEL).unlink()
        else:
            assert process.returncode != 0
    hub.total_speed = 0
    brought = bring(file)
    assert brought.published
    assert brought.published.sha256 == file.sha256
    assert bring.on_disk() == {MODEL: file.size}


def test_an_unwritable_folder_is_named(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    bring.root.mkdir()
    (bring.root / "vae").write_text("a file where a folder should be")
    assert bring(file).reason == "path_conflict"
