from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.make import node
from tests.workflows.put import judged, loader, put_model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


@pytest.mark.parametrize(
    ("nodes", "verdict"),
    [
        ((), "ready"),
        ((node("Custom", ("x.pt",)), loader("here.safetensors", id=2)), "unknown"),
        ((node("Custom", ("x.pt",)), loader("lies.safetensors", id=2)), "fixable"),
        ((loader("lies.safetensors"), loader("gone.safetensors", id=2)), "missing"),
    ],
)
def test_the_worst_model_decides(nodes: tuple[Any, ...], verdict: str) -> None:
    put_model("checkpoints/here.safetensors")
    put_model("loras/lies.safetensors")
    assert judged(*nodes).verdict == verdict


def test_a_missing_model_without_an_address_cannot_be_installed() -> None:
    found = judged(node())
    assert (found.verdict, found.installable) == ("missing", False)
