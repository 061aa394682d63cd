"""A web server of a fleet: on a host of its own, or of another version."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.comfydash.serving import Serve
from tests.fleet.places import Place


class Web(Serve):
    def __init__(self, place: Place, code: Path, workspace: Path, *arguments: str, **environment: str) -> None:
        self.place, self.code = place, code
        super().__init__(workspace, *arguments, **environment)

    def command(self, *arguments: str) -> list[str]:
        return self.place.command(sys.executable, str(self.code / "manage.py"), *arguments)
