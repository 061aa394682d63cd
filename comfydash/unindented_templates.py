"""Templates are indented for those who edit them; browsers get their lines without it, a tenth of a page's bytes."""

from __future__ import annotations

import re

from django.template import Origin
from django.template.loaders import filesystem

INDENT = re.compile(r"\n[ \t]+")


class Loader(filesystem.Loader):
    """Django's own, less the indentation. The lines stay as many, so that an error still names the right one.

    A template with ``<pre>`` or ``<textarea>`` is left as it is: there spaces are shown.
    """

    def get_contents(self, origin: Origin) -> str:
        contents = super().get_contents(origin)
        return contents if "<pre" in contents or "<textarea" in contents else INDENT.sub("\n", contents)
