"""Pages that can always be sent: the folders of this machine may have names that are no text."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.backends.django import DjangoTemplates, Template
from django.utils.safestring import SafeString

from volumes.file_names import legible


class LegiblePage(Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> SafeString:
        return SafeString(legible(super().render(context, request)))


class LegiblePages(DjangoTemplates):
    """Django's own templates; what is left of a name's bytes in a page is ``\\xNN``."""

    def from_string(self, template_code: str) -> LegiblePage:
        return LegiblePage(self.engine.from_string(template_code), self)

    def get_template(self, template_name: str) -> LegiblePage:
        return LegiblePage(super().get_template(template_name).template, self)
