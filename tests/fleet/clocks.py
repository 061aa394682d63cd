"""The wall clock of one process: off, and set while it runs. Its monotonic clock and the times of files stay right."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("off_clock.c")


def compiler() -> str | None:
    return shutil.which("cc")


class OffClock:
    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "off_clock.so", folder / "off_by"
        found = compiler()
        assert found
        subprocess.run([found, "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE], check=True)
        self.set(0)

    def set(self, seconds: int) -> None:
        """Ahead of the real time, or behind it."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:  # the same file: it is mapped
            file.write(struct.pack("q", seconds))

    @property
    def variables(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "OFF_CLOCK": str(self._file)}
