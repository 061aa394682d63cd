from __future__ import annotations

from pathlib import Path

import pytest
from django.template import Context, Engine, TemplateSyntaxError

PAGE = """<ul>
  {% for name in names %}
    <li class="row"
        id="{{ name }}">{{ name }}</li>
  {% endfor %}
</ul>
"""


def engine(folder: Path) -> Engine:
    return Engine(dirs=[str(folder)], loaders=["comfydash.unindented_templates.Loader"])


def test_lines_come_without_their_indentation(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    page = engine(tmp_path).get_template("page.html").render(Context({"names": ["a"]}))
    assert page == '<ul>\n\n<li class="row"\nid="a">a</li>\n\n</ul>\n'


def test_spaces_of_what_is_filled_in_stay(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>\n  {{ text }}\n</p>")
    page = engine(tmp_path).get_template("page.html").render(Context({"text": "one\n  two"}))
    assert page == "<p>\none\n  two\n</p>"


@pytest.mark.parametrize("tag", ["pre", "textarea"])
def test_a_template_that_shows_its_spaces_keeps_them(tmp_path: Path, tag: str) -> None:
    text = f"<{tag}>\n  indented\n</{tag}>"
    (tmp_path / "page.html").write_text(text)
    assert engine(tmp_path).get_template("page.html").render(Context()) == text


def test_an_error_names_the_line_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<ul>\n  <li>\n\n    {% nonsense %}\n</ul>")
    with pytest.raises(TemplateSyntaxError) as error:
        engine(tmp_path).get_template("page.html")
    assert error.value.token.lineno == 4  # type: ignore[attr-defined]
