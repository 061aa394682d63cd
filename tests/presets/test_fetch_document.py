from __future__ import annotations

import gzip
import socket
import zlib
from typing import Any

import pytest

from presets.fetch_document import Unacceptable, Unreachable, fetch_document
from presets.yaml_tree import DOCUMENT_MAX
from tests.presets.document_server import DocumentServer


def test_a_document_comes_as_it_is(documents: DocumentServer) -> None:
    assert fetch_document(documents.put("/presets.yaml", b"presets:")) == b"presets:"


def test_redirects_are_followed(documents: DocumentServer) -> None:
    documents.put("/there", b"here it is")
    assert fetch_document(documents.redirect("/here", "/there")) == b"here it is"


def test_nobody_who_is_redirected_for_ever_gets_there(documents: DocumentServer) -> None:
    with pytest.raises(Unreachable, match="redirects more than 5 times"):
        fetch_document(documents.redirect("/ring", "/ring"))
    assert len(documents.requests) == 6


@pytest.mark.parametrize("status", [204, 403, 404, 429, 500, 503])
def test_another_status_than_200_is_no_document(documents: DocumentServer, status: int) -> None:
    with pytest.raises(Unreachable, match=f"answered with status {status} instead of a document"):
        fetch_document(documents.put("/x", b"", status))


def test_reading_stops_one_byte_after_the_limit(documents: DocumentServer) -> None:
    data = fetch_document(documents.put("/large", b"a" * (3 * DOCUMENT_MAX)))
    assert DOCUMENT_MAX < len(data) <= DOCUMENT_MAX + 2**16


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_document_is_unpacked_no_further_than_the_limit(
    documents: DocumentServer, name: str, pack: Any
) -> None:
    bomb = pack(bytes(64 * 2**20))
    assert len(fetch_document(documents.put("/bomb", bomb, Content_Encoding=name))) == DOCUMENT_MAX + 1
    assert fetch_document(documents.put("/small", pack(b"small"), Content_Encoding=name)) == b"small"


def test_an_unknown_packing_is_refused(documents: DocumentServer) -> None:
    with pytest.raises(Unacceptable, match="packed as br"):
        fetch_document(documents.put("/x", b"..", Content_Encoding="br"))


def test_damaged_packing_is_no_document(documents: DocumentServer) -> None:
    with pytest.raises(Unreachable, match="broke off"):
        fetch_document(documents.put("/x", b"not packed at all", Content_Encoding="gzip"))


def test_a_document_that_breaks_off_is_none(documents: DocumentServer) -> None:
    with pytest.raises(Unreachable):
        fetch_document(documents.put("/x", b"half", Content_Length="8"))


def test_a_server_that_trickles_is_left_at_the_deadline(documents: DocumentServer) -> None:
    with pytest.raises(Unreachable, match=r"did not send the document within 0\.5 seconds"):
        fetch_document(documents.trickle("/slow"), deadline=0.5)


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            fetch_document(f"http://127.0.0.1:{taken.getsockname()[1]}/x")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "http://user:secret@host/x", "//host/x", "x", ""]
)
def test_other_addresses_are_never_asked(url: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        fetch_document(url)
    assert "secret" not in str(caught.value)


def test_private_addresses_are_refused_also_behind_a_redirect(documents: DocumentServer, settings: Any) -> None:
    url = documents.put("/x", b"private")
    settings.ALLOW_PRIVATE_HOSTS = False
    with pytest.raises(Unacceptable, match="COMFYDASH_ALLOW_PRIVATE_HOSTS"):
        fetch_document(url)
    assert documents.requests == []


def test_a_redirect_to_a_file_is_refused(documents: DocumentServer) -> None:
    with pytest.raises(Unacceptable):
        fetch_document(documents.redirect("/x", "file:///etc/passwd"))
