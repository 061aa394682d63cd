"""Every status of a preset and of a file, from what lies on the disk, what is on record and what is queued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from downloads.file_records import ModelFile, RemoteFile
from downloads.models import Status
from presets.catalogue import catalogue
from presets.states import PresetState, installed_presets_needing, preset_states
from tests.downloads.makers import make_install
from tests.presets.makers import HUB, file, preset, put_model, safetensors, write_catalogue

pytestmark = pytest.mark.django_db

A, B = "checkpoints/a.safetensors", "vae/b.safetensors"
URL_A = file(A)["url"]


def state(preset_id: str = "P") -> PresetState:
    return preset_states([catalogue().presets[preset_id]])[preset_id]


def make_record(path: str, data: bytes, **fields: Any) -> ModelFile:
    fields.setdefault("url", file(path)["url"])
    place = Path(settings.MODELS_DIR) / path
    mtime_ns = place.stat().st_mtime_ns if place.exists() else 0
    return ModelFile.objects.create(path=path, size=len(data), mtime_ns=mtime_ns, **fields)


def files(found: PresetState) -> list[str]:
    return [one.status for one in found.files]


def test_nothing_is_here() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"), file(B, size="1GB"))})
    found = state()
    assert (found.status, found.installed, files(found)) == ("available", False, ["missing", "missing"])
    assert (found.size_bytes, found.missing_bytes, found.gated, found.row) == (3 * 10**9, 3 * 10**9, False, None)


def test_what_somebody_else_put_there_is_here_but_unverified() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"))})
    place = put_model(A)
    found = state()
    assert (found.status, files(found)) == ("installed", ["unverified"])
    assert (found.size_bytes, found.missing_bytes) == (place.stat().st_size, 0)


def test_what_is_on_record_is_here() -> None:
    write_catalogue({"P": preset(file(A))})
    put_model(A)
    make_record(A, safetensors())
    assert (state().status, files(state())) == ("installed", ["here"])


def test_the_folders_other_name_counts() -> None:
    write_catalogue({"P": preset(file("unet/a.safetensors"))})
    put_model("diffusion_models/a.safetensors")
    assert state().installed


@pytest.mark.parametrize(
    "data",
    [b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", b"<!doctype html>", safetensors()[:-1]],
    ids=["empty", "pointer", "html", "truncated"],
)
def test_what_is_no_model_is_not_here(data: bytes) -> None:
    write_catalogue({"P": preset(file(A))})
    put_model(A, data)
    assert (state().status, files(state())) == ("available", ["broken"])


def test_other_bytes_under_its_path_are_a_conflict() -> None:
    write_catalogue({"P": preset(file(A))})
    put_model(A)
    make_record(A, safetensors(), sha256="1" * 64)
    RemoteFile.objects.create(url=URL_A, size=5000, sha256="2" * 64)
    found = state()
    assert (found.status, files(found), found.missing_bytes) == ("available", ["conflict"], 5000)


def test_some_files_make_it_partial_and_only_the_rest_is_to_fetch() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"), file(B, size="1GB"))})
    size = put_model(A).stat().st_size
    found = state()
    assert (found.status, found.size_bytes, found.missing_bytes) == ("partial", size + 10**9, 10**9)


def test_a_part_file_makes_it_partial() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"))})
    put_model(A + ".part", b"half")
    found = state()
    assert (found.status, files(found)) == ("partial", ["partial"])


def test_an_optional_file_does_not_hold_installed_up() -> None:
    write_catalogue({"P": preset(file(A), file(B, optional=True))})
    put_model(A)
    assert (state().status, files(state())) == ("installed", ["unverified", "missing"])


def test_where_all_files_are_optional_all_count() -> None:
    write_catalogue({"P": preset(file(A, optional=True), file(B, optional=True))})
    assert not state().installed
    put_model(A)
    assert state().status == "partial"
    put_model(B)
    assert state().status == "installed"


def test_a_preset_with_a_broken_file_is_never_installed() -> None:
    write_catalogue({"P": preset(file(A), file("../b.safetensors"))})
    put_model(A)
    assert (state().status, state().installed) == ("partial", False)


def test_the_host_knows_sizes_and_gates_better_than_the_catalogue() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"))})
    RemoteFile.objects.create(url=URL_A, size=1234, gated=True)
    assert (state().size_bytes, state().missing_bytes, state().gated) == (1234, 1234, True)


def test_files_of_unknown_size_share_what_the_sum_of_the_catalogue_leaves() -> None:
    write_catalogue({"P": preset(file(A), file(B), file("vae/c.pt", size="1GB"), download_size="5GB")})
    assert (state().size_bytes, state().missing_bytes) == (5 * 10**9, 5 * 10**9)


ACTIVE_WINS = [Status.QUEUED, Status.DOWNLOADING, Status.PAUSED, Status.WAITING]


@pytest.mark.parametrize("status", ACTIVE_WINS)
@pytest.mark.parametrize("here", [True, False])
def test_an_active_install_is_the_status_also_when_the_files_are_here(status: Status, here: bool) -> None:
    write_catalogue({"P": preset(file(A))})
    if here:
        put_model(A)
    row = make_install(status, preset_id="P")
    assert (state().status, state().row, state().installed) == (status, row, here)


def test_installed_comes_before_failed_and_failed_before_partial() -> None:
    write_catalogue({"P": preset(file(A), file(B))})
    row = make_install(Status.FAILED, preset_id="P")
    put_model(A)
    assert (state().status, state().row) == ("failed", row)
    put_model(B)
    assert (state().status, state().row) == ("installed", None)


@pytest.mark.parametrize("newer", [Status.CANCELLED, Status.COMPLETED])
def test_only_the_newest_install_can_make_it_failed(newer: Status) -> None:
    write_catalogue({"P": preset(file(A))})
    make_install(Status.FAILED, preset_id="P")
    make_install(newer, preset_id="P")
    assert (state().status, state().row) == ("available", None)


def test_known_differences_between_presets_are_warned_of() -> None:
    other = f"{HUB}/other/repo/resolve/main/a.safetensors"
    write_catalogue({"P": preset(file(A)), "Q": preset(file(A, other))})
    RemoteFile.objects.create(url=URL_A, sha256="1" * 64)
    RemoteFile.objects.create(url=other, sha256="1" * 64)
    assert not any("has other content" in warning for warning in state().warnings)
    RemoteFile.objects.filter(url=other).update(sha256="2" * 64)
    assert any(f"{A} has other content in Q: " in warning for warning in state().warnings)


@pytest.mark.usefixtures("settings_read_once")
def test_the_number_of_queries_does_not_grow_with_the_presets(django_assert_num_queries: Any) -> None:
    write_catalogue({f"P{n}": preset(file(f"vae/{n}.pt")) for n in range(40)})
    presets = list(catalogue().presets.values())
    for n in range(40):
        make_install(Status.FAILED if n % 2 else Status.QUEUED, preset_id=f"P{n}")
    with django_assert_num_queries(4):
        assert len(preset_states(presets)) == len(presets) > 300
    with django_assert_num_queries(4):
        preset_states(presets[:1])


def test_who_needs_a_file() -> None:
    write_catalogue(
        {
            "HERE": preset(file(A), name="Here"),
            "COMING": preset(file(A), file(B), name="Coming"),
            "ABSENT": preset(file(A), file(B), name="Absent"),
        }
    )
    put_model(A)
    make_install(Status.PAUSED, preset_id="COMING")
    assert installed_presets_needing([A, B]) == {A: ["Here", "Coming"], B: ["Coming"]}
    assert installed_presets_needing([A], besides=["HERE", "COMING"]) == {}
