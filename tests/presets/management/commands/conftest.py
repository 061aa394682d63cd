from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakehub import FakeHub
from tests.presets.makers import file, preset, write_catalogue

SIZE = 200_000


@pytest.fixture
def models(hub: FakeHub, settings: Any) -> Path:
    """Two presets on the Hub, with a file in common."""
    one = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    two = hub.add_file("org/two", "two.safetensors", size=SIZE, seed=2)
    write_catalogue(
        {
            "ONE": preset(file("checkpoints/one.safetensors", one.url, size="200kB"), name="One"),
            "BOTH": preset(
                file("checkpoints/one.safetensors", one.url), file("vae/two.safetensors", two.url), name="Both"
            ),
        }
    )
    folder: Path = settings.MODELS_DIR
    return folder
