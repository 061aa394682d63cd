"""Forms that htmx posts: the view redirects as for any form, the person stays on the page and sees what happened."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class ActionMiddleware:
    """Turns the redirect after an htmx POST into the view's messages, and tells the script by ``X-Acted``.

    Without it the browser would follow the redirect inside the request and hand htmx a whole page. ``X-Dialog`` on the
    redirect names a dialog that the script is to open. These are no htmx events, because htmx sends events to the form,
    and a live piece may have been fetched anew, form and all, before the answer is here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method != "POST" or not getattr(request, "htmx", None) or response.status_code not in {302, 303}:
            return response
        answer = render(request, "components/_toasts.html")
        answer.cookies.update(response.cookies)
        answer.headers["X-Acted"] = "yes"
        if request.htmx.target != "toasts":  # type: ignore[attr-defined]
            # The form's own errors go elsewhere; what was done is said in the toasts.
            for name, value in (("HX-Retarget", "#toasts"), ("HX-Reswap", "beforeend"), ("HX-Reselect", "unset")):
                answer.headers[name] = value
        if dialog := response.headers.get("X-Dialog"):
            answer.headers["X-Dialog"] = dialog
        return answer
