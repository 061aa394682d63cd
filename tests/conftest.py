"""What each process remembers for a moment, a test must not inherit from the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from comfyui import folders
from downloads.inventory import scan
from presets import catalogue
from settings_app import preferences
from tests.sampling import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_report_header,
)
from tests.settings import TEMP_WORKSPACE

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_report_header",
]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    preferences.forget()
    scan.forget()
    yield
    preferences.forget()
    scan.forget()
    shared = TEMP_WORKSPACE / "config" / "presets.yaml"
    if shared.exists():  # a retry elsewhere would fetch what its ids say
        shared.unlink()
        catalogue.forget()


@pytest.fixture
def settings_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For counts of queries: a slow machine would read settings and folders again in one of them, and not the other."""
    for kept in (preferences._rows, folders._roots, scan._contents):
        monkeypatch.setattr(kept, "seconds", math.inf)
