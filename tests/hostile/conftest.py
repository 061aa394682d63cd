"""The Hub and the empty models folder of the queue's own tests."""

from __future__ import annotations

from tests.downloads.conftest import hub, models

__all__ = ["hub", "models"]
