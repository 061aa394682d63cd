"""A ComfyUI on loopback that imitates what two real versions were seen to do, and misbehaves on command."""

from tests.fakecomfy.server import FakeComfy
from tests.fakecomfy.state import GRAPH, Jobs, image

__all__ = ["GRAPH", "FakeComfy", "Jobs", "image"]
