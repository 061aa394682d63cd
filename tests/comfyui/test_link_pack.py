"""The folder that lets ComfyUI open a workflow by a link."""

import re

import pytest
from django.template import Context, Template
from django.test import Client as Browser

from comfyui import link_pack
from comfyui.poller import Poller
from tests.comfyui.conftest import post
from tests.fakecomfy import FakeComfy
from tests.workflows.conftest import templates, workspace  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db


def test_the_folder_opens_workflows_after_one_restart(mine: str, comfy: FakeComfy, admin_browser: Browser) -> None:
    admin_browser.post("/generate/links/set-up/")
    folder = comfy.root / "custom_nodes" / link_pack.PACK
    assert "NODE_CLASS_MAPPINGS = {}" in (folder / "__init__.py").read_text()
    assert "Restart ComfyUI once" in post(admin_browser, "open", mine)
    comfy.restart()
    page, slug = post(admin_browser, "open", mine), link_pack.slug_of("My café")
    assert f'href="http://localhost:{comfy.port}/?template={slug}&amp;source={link_pack.PACK}"' in page
    admin_browser.post("/generate/links/remove/")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "slug"),
    [("portrait-2", "portrait-2"), ("My café", "my-cafe-[0-9a-f]{6}"), ("工作流一", "workflow-[0-9a-f]{6}")],
)
def test_an_address_carries_any_name(name: str, slug: str) -> None:
    assert re.fullmatch(slug, link_pack.slug_of(name))


def test_names_that_an_address_cannot_carry_stay_apart() -> None:
    names = ("工作流一", "工作流二", "workflow", "a b", "a_b", "a-b", "A b")
    assert len({link_pack.slug_of(name) for name in names}) == 7


def test_an_old_frontend_is_not_promised_links(older: FakeComfy, watched_older: Poller) -> None:
    watched_older.step()
    shown = Template("{% load comfyui %}{% comfyui_settings %}").render(Context({"csrf_token": "t"}))
    assert "frontend 1.27.10) opens no workflow by a link; from frontend 1.32.9 on it does" in " ".join(shown.split())
    assert "Make the folder" not in shown


def test_removing_spares_what_is_not_ours(mine: str, comfy: FakeComfy) -> None:
    folder = link_pack.set_up()
    (folder / "notes.txt").write_text("mine")
    link_pack.remove()
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_without_comfyuis_folders_here_nothing_is_offered(db: None, admin_browser: Browser) -> None:
    assert link_pack.place().folder is None
    with pytest.raises(link_pack.CannotSetUp):
        link_pack.set_up()
