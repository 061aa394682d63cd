"""What each process remembers for a moment, a test must not inherit from the one before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from downloads import disk
from settings_app import preferences


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    preferences.forget()
    disk.forget()
    yield
    preferences.forget()
    disk.forget()
