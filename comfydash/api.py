"""The JSON API's root: who may call it, how it refuses, and the routers of the apps."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.security import APIKeyCookie, HttpBearer

from activity.api import router as activity
from comfyui.api import router as comfyui
from downloads.api import router as downloads
from library.api import router as storage
from presets.api import router as presets
from settings_app import api_key
from settings_app.administrator import administrator
from settings_app.api import router as preferences
from volumes.file_names import legible
from workflows.api import router as workflows

EVERYWHERE = {401: "Not logged in", 403: "Not allowed: a session without its CSRF token"}
PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


class ApiKey(HttpBearer):
    """``Authorization: Bearer KEY``, for scripts."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        if not api_key.verify(token):
            return None
        request.user = administrator()
        return request.user


class Session(APIKeyCookie):
    """The browser's own session; changes want the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return request.user if request.user.is_authenticated else None


class JsonOnly(Parser):
    """A form of another site can send text/plain across origins without asking; application/json it cannot."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise ValueError(request.content_type)
        return super().parse_body(request)


class LegibleJson(JSONRenderer):
    """A folder of this machine may have a name that is no text; what is left of its bytes in an answer is ``\\xNN``."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> Any:
        text = super().render(request, data, response_status=response_status)
        return json.dumps(_legible(json.loads(text))) if "\\udc" in text else text


def _legible(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list):
        return [_legible(item) for item in value]
    return {legible(key): _legible(item) for key, item in value.items()} if isinstance(value, dict) else value


class Api(NinjaAPI):
    """Documents at each call the refusals that any call may answer with."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        for methods in schema["paths"].values():
            for operation in methods.values():
                for status, meaning in EVERYWHERE.items():
                    operation["responses"].setdefault(status, {"description": meaning, "content": PROBLEM})
        return schema


# The key first: the other way round a valid key would meet the CSRF check of the session.
api = Api(
    title="ComfyDash",
    version=settings.VERSION,
    description="Presets, downloads, workflows and settings of a ComfyUI machine.",
    auth=[ApiKey(), Session()],
    docs_url="/docs",
    openapi_url="/openapi.json",
    urls_namespace="api",
    parser=JsonOnly(),
    renderer=LegibleJson(),
)
api.add_router("/presets", presets)
api.add_router("/downloads", downloads)
api.add_router("/settings", preferences)
api.add_router("/activity", activity)
api.add_router("/workflows", workflows)
api.add_router("/storage", storage)
api.add_router("/comfyui", comfyui)


def _refuse(request: HttpRequest, status: int, detail: str, errors: list[str] | None = None) -> HttpResponse:
    return api.create_response(request, {"detail": detail, "errors": errors or []}, status=status)


@api.exception_handler(ValidationError)
def _bad_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [f"{'.'.join(str(part) for part in item['loc'][1:]) or 'body'}: {item['msg']}" for item in error.errors]
    return _refuse(request, 400, "Some fields are not as they should be.", errors)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    sentence = str(error)
    if sentence == "Cannot parse request body":  # all that ninja says of whatever the parser raised
        sentence = "The body must be JSON, sent with “Content-Type: application/json”."
    return _refuse(request, error.status_code, sentence)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _refuse(request, 404, str(error) or "There is no such thing.")


@api.exception_handler(AuthenticationError)
def _not_logged_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _refuse(request, 401, "Log in, or send your API key as “Authorization: Bearer …”.")


@api.exception_handler(AuthorizationError)
def _not_allowed(request: HttpRequest, error: AuthorizationError) -> HttpResponse:
    return _refuse(request, 403, "This is not allowed.")
