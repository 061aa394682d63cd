"""The part of /static/… that changes with the files, so that browsers keep them for ever and never mix two versions.

ManifestStaticFilesStorage would give each file a name of its own, but needs a collectstatic step after each git pull.
Modules, styles and icons name each other by relative paths, so one part in front serves for all.
"""

from __future__ import annotations

import zlib
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "django-htmx", "django-ninja")  # that bring static files of their own


def static_version(base: Path) -> str:
    """Eight hexadecimal digits over the project's own static files and the versions of the packages that bring more."""
    checksum = zlib.crc32(" ".join(version(package) for package in PACKAGES).encode())
    for folder in sorted([base / "static", *base.glob("*/static")]):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            checksum = zlib.crc32(str(file.relative_to(folder)).encode() + file.read_bytes(), checksum)
    return f"{checksum:08x}"
