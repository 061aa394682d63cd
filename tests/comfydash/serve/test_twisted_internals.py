"""The names inside Twisted that the limits use."""

from __future__ import annotations

import pytest
from twisted.web.http import HTTPChannel

from comfydash.serve import twisted_internals


def test_the_locked_version_has_them_all() -> None:
    assert twisted_internals.missing() == []


def test_a_version_without_one_of_them_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ((HTTPChannel.requestDone, "_never_there"),)
    assert twisted_internals.missing(names) == ["HTTPChannel.requestDone uses _never_there"]
    monkeypatch.setattr(twisted_internals, "missing", lambda: twisted_internals.NAMES and ["HTTPChannel.x uses _y"])
    with pytest.raises(ImportError, match=r"HTTPChannel\.x uses _y no more.*requirements\.lock"):
        twisted_internals.check()
