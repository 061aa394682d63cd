from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.template import Context, Template
from django.urls import resolve

from comfydash.templatetags.actions import ACTIONS


@dataclass
class Row:
    id: object = 7
    title: str = "A & B"


def rendered(tag: str, **context: object) -> str:
    template = Template("{% load actions %}" + tag)
    return " ".join(template.render(Context({"row": Row(), "csrf_token": "secret", **context})).split())


@pytest.mark.parametrize("verb", ACTIONS)
def test_every_verb_posts_to_a_view_with_the_token(verb: str) -> None:
    page = rendered("{% act verb row %}", verb=verb)
    path = page.partition('action="')[2].partition('"')[0]
    assert resolve(path).view_name == ACTIONS[verb].path
    assert f'hx-post="{path}"' in page and 'value="secret"' in page


def test_a_button_says_its_verb_and_whose_it_is() -> None:
    page = rendered('{% act "cancel" row %}')
    assert 'aria-label="Cancel A &amp; B"' in page and "> Cancel </button>" in page


def test_a_button_that_is_only_drawn_says_in_words_what_it_does() -> None:
    page = rendered('{% act "top" row id="top-7" %}')
    assert 'aria-label="Move A &amp; B to the top" id="top-7" title="To the top" data-move="top"' in page
    assert '<input type="hidden" name="to" value="top">' in page


def test_the_name_can_be_given() -> None:
    assert 'aria-label="Pause a workflow"' in rendered('{% act "pause" row name="a workflow" %}')
