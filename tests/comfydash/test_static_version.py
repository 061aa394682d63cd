"""A browser never puts an old module beside a new one: what changes has another address, what has one may be kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from comfydash.static_version import static_version


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("static/comfydash/main.js", "static/comfydash/live.js", "settings_app/static/settings_app/admin.css"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def test_the_same_files_have_the_same_address(project: Path) -> None:
    before = static_version(project)
    (project / "static/comfydash/main.js").touch()
    assert static_version(project) == before
    assert re.fullmatch(r"[0-9a-f]{8}", before)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "static/comfydash/live.js").write_text("another"),
        lambda root: (root / "static/comfydash/new.js").write_text(""),
        lambda root: (root / "static/comfydash/live.js").unlink(),
        lambda root: (root / "static/comfydash/live.js").rename(root / "static/comfydash/alive.js"),
        lambda root: (root / "settings_app/static/settings_app/admin.css").write_text("another"),
    ],
)
def test_each_change_gives_another_address(project: Path, change) -> None:
    before = static_version(project)
    change(project)
    assert static_version(project) != before


def answered(path: str) -> tuple[int, dict[str, str]]:
    answer = Client(SERVER_NAME="localhost").get(path)
    answer.close()
    return answer.status_code, dict(answer.headers)


@pytest.mark.django_db
def test_all_modules_are_told_beforehand_and_kept_for_ever() -> None:
    page = Client(SERVER_NAME="localhost").get("/login/").content.decode()
    modules = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    files = {file.name for file in (settings.BASE_DIR / "static/comfydash").glob("*.js")}
    assert {Path(module).name for module in modules} == files
    assert set(re.findall(r'<script src="([^"]+)" type="module">', page)) < set(modules)
    for module in modules:
        status, headers = answered(module)
        assert status == 200
        assert "immutable" in headers["Cache-Control"]
        assert headers["Content-Type"].startswith("text/javascript")


@pytest.mark.django_db
def test_an_address_of_another_version_is_not_answered_with_this_one() -> None:
    path = f"{settings.STATIC_URL}comfydash/main.js"
    assert answered(path)[0] == 200
    assert answered(path.replace(settings.STATIC_URL, "/static/00000000/"))[0] != 200
    assert answered("/static/comfydash/main.js")[0] != 200
