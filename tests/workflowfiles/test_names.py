from __future__ import annotations

import pytest

from workflowfiles.names import clean_url, url_key


@pytest.mark.parametrize(
    ("written", "fetched"),
    [
        ("https://huggingface.co/o/r/blob/main/x.pt?download=true", "https://huggingface.co/o/r/resolve/main/x.pt"),
        ("https://hf.co/o/r/raw/main/x.pt", "https://hf.co/o/r/resolve/main/x.pt"),
        ("https://huggingface.co/o/r/resolve/main/blob/x.pt", "https://huggingface.co/o/r/resolve/main/blob/x.pt"),
        ("https://huggingface.co/datasets/o/r/blob/v1/x.pt", "https://huggingface.co/datasets/o/r/resolve/v1/x.pt"),
        (" http://h/a b.safetensors ", "http://h/a%20b.safetensors"),
        ("https://u:pw@h.example/x?token=T&v=1&HF_TOKEN=T&api_key=K", "https://h.example/x?v=1"),
    ],
)
def test_an_address_gets_the_form_that_fetches(written: str, fetched: str) -> None:
    assert clean_url(written) == fetched


def test_what_names_another_file_is_no_part_to_leave_out() -> None:
    assert url_key("https://h.example/x?fileId=1&sig=A") == url_key("https://h.example/x?fileId=1&sig=B")
    assert url_key("https://h.example/x?fileId=1") != url_key("https://h.example/x?fileId=2")
