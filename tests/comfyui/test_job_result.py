"""An entry of the history may have any form: it is read or passed over, never a failure."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyui import generate, job_result
from comfyui.job_result import Output

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
messages = st.lists(
    st.one_of(
        values,
        st.tuples(
            st.sampled_from(["execution_start", "execution_error", "execution_cached", "execution_interrupted"]),
            values | st.fixed_dictionaries({"timestamp": values, "nodes": values, "exception_message": values}),
        ).map(list),
    ),
    max_size=4,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "prompt": values,
        "outputs": values | st.dictionaries(st.text(max_size=3), st.dictionaries(st.text(max_size=5), values)),
        "status": values | st.fixed_dictionaries({"status_str": values, "messages": messages | values}),
    },
)


@settings(max_examples=120, deadline=None)
@given(entries)
def test_any_entry_is_read(entry: dict[str, Any]) -> None:
    found = job_result.read(entry)
    assert found.ending in {"completed", "failed", "interrupted"}
    assert 0 <= found.started_ms < 2**63
    assert isinstance(found.summary, str)


@settings(max_examples=100, deadline=None)
@given(values)
def test_any_refusal_becomes_sentences(body: Any) -> None:
    found = generate.problems(body)
    assert found
    assert all(problem.sentence for problem in found)


@pytest.mark.parametrize(
    "output",
    [
        Output("a.png", "", "output"),
        Output("a.png", "sub/deep", "output"),
        Output("b.png", "", "temp"),
        Output("b [temp] [2].png", "x [y]", "output"),
    ],
)
def test_an_output_is_written_in_one_line_and_read_again(output: Output) -> None:
    assert Output.of(output.annotated) == output


def test_a_long_message_is_cut_and_on_one_line() -> None:
    failure = {"exception_message": "word\n" * 500, "node_type": "KSampler", "node_id": "12:4"}
    entry = {"status": {"status_str": "error", "messages": [["execution_error", failure]]}}
    found = job_result.read(entry)
    assert (found.node, len(found.error), "\n" in found.error) == ("KSampler", 400, False)
