from __future__ import annotations

import os

import pytest

from comfydash.serve.locks import RoleLock
from comfydash.serve.trouble import CannotStart


def test_a_lock_belongs_to_one_and_says_to_whom(tmp_path):
    first, second = RoleLock(tmp_path, "web"), RoleLock(tmp_path, "web")
    first.take()
    first.sign("http://127.0.0.1:8082")
    with pytest.raises(CannotStart, match=rf"process {os.getpid()} on .* \(http://127.0.0.1:8082\), since 20"):
        second.take()
    assert not second.is_free()
    assert RoleLock(tmp_path, "worker").is_free()
    first.release()
    assert second.is_free()
    second.take()
    second.release()
