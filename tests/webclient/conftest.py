"""The Hub and the models folder of the engine's own tests: what a client may open shows in what arrives."""

from __future__ import annotations

from tests.certificates import loopback_tls
from tests.downloads.transfer.conftest import bring, free_port, hub, root

__all__ = ["bring", "free_port", "hub", "loopback_tls", "root"]
