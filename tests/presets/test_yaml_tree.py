"""Documents from strangers: bounded time and memory, and the line of whatever is wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml

from presets.yaml_tree import DOCUMENT_MAX, NODES_MAX, BadDocument, Mapping, Scalar, Sequence, Tagged, parse
from tests.counting import counted

LARGE = DOCUMENT_MAX - 100


def refusal(data: bytes) -> str:
    with pytest.raises(BadDocument) as caught:
        parse(data)
    return str(caught.value)


def test_scalars_stay_the_text_that_was_written() -> None:
    root = parse(b"version: 1.5.0\nsize: 010\nwhen: 2025-10-25\nyes: no\nnothing: ~\nquoted: '~'\n")
    assert isinstance(root, Mapping)
    assert [(key.text, value.text, value.is_null) for key, value in root.pairs if isinstance(value, Scalar)] == [
        ("version", "1.5.0", False),
        ("size", "010", False),
        ("when", "2025-10-25", False),
        ("yes", "no", False),
        ("nothing", "~", True),
        ("quoted", "~", False),
    ]


def test_everything_knows_its_line() -> None:
    root = parse(b"# note\na:\n- x\n- y: 1\n")
    assert isinstance(root, Mapping)
    ((key, items),) = root.pairs
    assert isinstance(items, Sequence)
    assert (key.line, items.line, [item.line for item in items.items]) == (2, 3, [3, 4])


def test_an_alias_stands_for_what_it_names() -> None:
    root = parse(b"a: &files [x]\nb: *files\n")
    assert isinstance(root, Mapping)
    assert root.pairs[0][1] == root.pairs[1][1]


def test_aliases_of_aliases_cost_nothing() -> None:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)]
    _, steps = counted(lambda: parse(b"\n".join(lines)))
    assert steps < 100 * len(lines) * 10


def test_a_ring_is_refused() -> None:
    assert refusal(b"a: &a [*a]") == "Line 1: the alias *a names nothing complete."


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!secret", "!!set", "!!binary"])
def test_what_has_a_tag_of_its_own_is_not_built(tag: str) -> None:
    root = parse(f"a: {tag} [x]\n".encode())
    assert isinstance(root, Mapping)
    assert isinstance(root.pairs[0][1], Tagged)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The document is empty."),
        (b"# nothing but a comment\n", "The document is empty."),
        (b"a: b\nc: [d\ne: f", "Line 3, column 2: the [ of line 2 is not closed, or a comma is missing."),
        (b"a:\n\t- b", "Line 2, column 1: a tab cannot stand here. Indent with spaces."),
        (
            b"\n <!doctype html><title>Log in</title>",
            "This is a web page, not a catalogue. Use the address of the raw file.",
        ),
        (b"a: 1\nb: \xff\xfe", "Line 2 is not UTF-8 text. Save the file as UTF-8."),
        (b"a: \x00", "Line 1: a control or other character that no text file has (#x0000). Remove it."),
        (b"a" * 50 * 2**20, "It is larger than 4 MB. A catalogue has some hundred kB at the most."),
        (b"a: " + b"[" * 100, "Line 1: nested deeper than 20 levels."),
    ],
)
def test_what_is_wrong_is_a_sentence(data: bytes, sentence: str) -> None:
    assert refusal(data) == sentence


@pytest.mark.parametrize(
    "data",
    [
        b"[" * LARGE,
        b"{" * LARGE,
        b"- " * (LARGE // 2),
        b"? " * (LARGE // 2),
        b'"' + b"a" * LARGE,
        b"[" + b"a," * (LARGE // 2) + b"]",
        b"a:\n" * (LARGE // 3),
        b"".join(b"- &a%d x\n" % n for n in range(200_000)),
        b"".join(b" " * n + b"a:\n" for n in range(2500)),
        b"a: |\n" + b" x\n" * (LARGE // 3),
        b"!" * LARGE,
        b"---\n" * (LARGE // 4),
    ],
    ids=lambda data: ascii(data[:8]),
)
def test_the_largest_documents_take_few_steps(data: bytes) -> None:
    def read() -> None:
        with suppress(BadDocument):
            parse(data)

    _, steps = counted(read)
    assert steps < 50 * NODES_MAX


def test_without_libyaml_the_same_tree_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"a: {b: [1, ~, 'x']}\nc: |\n  two\n  lines\n"
    fast = parse(text)
    monkeypatch.setattr("presets.yaml_tree._Loader", yaml.SafeLoader)
    assert parse(text) == fast


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def each_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr("presets.yaml_tree._Loader", getattr(yaml, request.param))
    return str(request.param)


@pytest.mark.parametrize("depth", [21, 999, 10_000])
@pytest.mark.parametrize("open_", ["[", "[ ", "{", "- ", "? "])
def test_depth_is_refused_in_our_words_whichever_loader_reads(each_loader: str, open_: str, depth: int) -> None:
    text = b"a:\n" + b" " + open_.encode() * depth
    assert refusal(text).endswith("nested deeper than 20 levels.")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a:\n\t- b", "Line 2, column 1: a tab cannot stand here. Indent with spaces."),
        (b'a: "x\nb: c\n', "Line 3, column 1: the quotation mark of line 1 is never closed."),
        (b"a: b: c", "Line 1, column 5: a second “:” cannot stand here."),
        (b"a: @x", "Line 1, column 4: a text cannot begin with @ here. Put it into quotes."),
        (b"- a\nb: c", "Line 2, column 1: this is not YAML."),
        (b'a: "\\ud83d"', "Line 1"),
    ],
)
def test_each_loader_is_explained_in_the_same_words(each_loader: str, data: bytes, sentence: str) -> None:
    said = refusal(data)
    assert said.startswith(sentence)
    assert not any(words in said for words in ("did not find", "found", "expected"))


def test_an_emoji_that_json_wrote_as_two_escapes_is_one_letter(each_loader: str) -> None:
    root = parse(rb'{"a": "\ud83d\ude80 x", "b": "\\ud83d\\ude80"}')
    assert isinstance(root, Mapping)
    assert [value.text for _, value in root.pairs if isinstance(value, Scalar)] == ["🚀 x", r"\ud83d\ude80"]


def test_half_an_emoji_is_named_with_its_line(each_loader: str) -> None:
    said = refusal(b'{"a": 1,\n "b": "\\ud83d"}')
    assert said.startswith("Line 2")
    assert "surrogate" in said


def test_json_indented_with_tabs_is_read(each_loader: str) -> None:
    root = parse(b'{\n\t"a":\t[\n\t\t"x\\ty"\n\t]\n}\n')
    assert root == parse(b'{\n "a": [\n  "x\\ty"\n ]\n}\n')


def test_what_follows_the_first_document_is_said(each_loader: str) -> None:
    notes: list[str] = []
    parse(b"---\na: 1\n---\nb: 2\n", notes)
    assert notes == ["Line 3: a second document begins here (---) and is not read. Put all into one."]


def test_a_merge_key_brings_what_is_not_there(each_loader: str) -> None:
    root = parse(b"a: &a {x: 1, y: 2}\nb: &b {z: 3, x: 9}\nc: {<<: [*a, *b], y: own}\n")
    assert isinstance(root, Mapping)
    merged = root.pairs[2][1]
    assert isinstance(merged, Mapping)
    assert [(key.text, value.text) for key, value in merged.pairs if isinstance(value, Scalar)] == [
        ("y", "own"),
        ("x", "1"),
        ("z", "3"),
    ]


@pytest.mark.parametrize("text", [b"b: {<<: 7}", b"b: {'<<': {x: 1}}", b"b: {<<: [{x: 1}, 7]}"])
def test_a_merge_key_that_names_no_mapping_stays_a_key(text: bytes) -> None:
    root = parse(text)
    assert isinstance(root, Mapping)
    merged = root.pairs[0][1]
    assert isinstance(merged, Mapping)
    assert [key.text for key, _ in merged.pairs] == ["<<"]


def test_merges_of_merges_end_by_the_count_of_their_pairs() -> None:
    lines = [b"a0: &a0 {" + b", ".join(b"k%d: 1" % n for n in range(1000)) + b"}"]
    lines += [b"a%d: &a%d {<<: [%s]}" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 50)) for n in range(1, 30)]
    assert refusal(b"\n".join(lines)).endswith(f"more than {100_000} entries.")
