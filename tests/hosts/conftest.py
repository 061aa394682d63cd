"""The Hub and the models folder of the engine's own tests: what a host answers shows in what arrives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosts import stale_tokens
from tests.downloads.transfer.conftest import bring, free_port, hub, root

__all__ = ["bring", "free_port", "hub", "root"]


@pytest.fixture(autouse=True)
def every_token_is_believed() -> Iterator[None]:
    stale_tokens.forget()
    yield
    stale_tokens.forget()
