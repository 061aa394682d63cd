"""Which workflows does a model complete? Asks the workflows app, which stands above presets."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from presets.catalogue import catalogue
from workflows.reverse_lookup import workflows_using

SHOWN = 12


@require_safe
@vary_on_headers("HX-Request")
def uses(request: HttpRequest, preset_id: str) -> HttpResponse:
    """A page of its own without the script, a panel of the model's page with it."""
    preset = catalogue().presets.get(preset_id)
    if preset is None:
        raise Http404(f"The catalogue has no “{preset_id}”.")
    using = workflows_using(file.path for file in preset.files)
    template = "home/_uses.html" if request.htmx else "home/uses.html"  # type: ignore[attr-defined]
    shown = using[:SHOWN] if request.htmx else using  # type: ignore[attr-defined]
    return render(request, template, {"preset": preset, "using": shown, "count": len(using)})
