"""The licences of everything that the image installs, from the packages' own metadata, into docs/licences.md.

python -m bench.licences
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from bench.machine import ROOT

# What decides in the lock's markers, as in the image.
IMAGE = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
LOCK, LIST = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
HEAD = """# Licences

What the image installs, by `requirements.lock`, each under its own licence as its metadata names it. Made by
`python -m bench.licences`.

| package | version | licence |
|---|---|---|
"""


def locked() -> dict[str, str]:
    """Version by package of what the image (CPython on Linux) installs, in the order of the lock."""
    lines = re.findall(r"^(\w[^\\\n]*==[^\\\n]*)", LOCK.read_text(), re.MULTILINE)
    wanted = [Requirement(line.strip()) for line in lines]
    return {
        each.name: next(iter(each.specifier)).version
        for each in wanted
        if each.marker is None or each.marker.evaluate(IMAGE)
    }


def licence(package: Distribution) -> str:
    """The SPDX expression, else the classifiers', else the short field's, else the first line of the licence's text."""
    metadata = package.metadata.json  # names in lower case, with underscores
    if expression := metadata.get("license_expression"):
        return str(expression)
    if classifiers := [line for line in metadata.get("classifier", []) if line.startswith("License ::")]:
        return ", ".join(line.rpartition(" :: ")[2] for line in classifiers)
    short = str(metadata.get("license", ""))
    if short and "\n" not in short and len(short) < 60:
        return short
    texts = [file for file in package.files or [] if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING"))]
    return by_text(texts[0].read_text()) if texts else "not said"


def by_text(text: str) -> str:
    """For packages that come with the text alone."""
    if text.lstrip().lower().startswith("mit license") or "Permission is hereby granted, free of charge" in text:
        return "MIT (by its text)"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "not said")
    return f"{first} (by its text)"


def main() -> int:
    lines = []
    for name, version in locked().items():
        try:
            lines.append(f"| {name} | {version} | {licence(distribution(name))} |\n")
        except PackageNotFoundError:
            print(f"{name} is not installed here, so its licence cannot be read: pip install -r {LOCK.name}")
            return 1
    LIST.write_text(HEAD + "".join(lines))
    print(f"{len(lines)} packages: {LIST.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
