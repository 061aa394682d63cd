"""Who may open the WebSocket: the login or the API key, and from a browser only our own page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from channels.auth import AuthMiddlewareStack, get_user
from channels.db import database_sync_to_async
from channels.security.websocket import WebsocketDenier
from django.conf import settings

from comfydash.hosts import is_own_host, is_own_origin, scheme_by_proxy
from settings_app import api_key
from settings_app.administrator import administrator


class SocketAccess:
    """ASGI middleware. A browser sends Origin and cannot leave it out, so a missing one is a script's.

    ``scope["still_allowed"]`` answers whether what opened the socket still would: a page stays open for days, and a
    login that is ended somewhere else must end it too.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.by_session = AuthMiddlewareStack(_with_session_check(application))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if not is_own_host(host) or (origin is not None and not is_own_origin(origin, host, https=_is_https(headers))):
            return await WebsocketDenier()(scope, receive, send)
        scheme, _, key = headers.get(b"authorization", "").partition(" ")
        if not settings.AUTH_ON or (scheme == "Bearer" and await _key_is_valid(key)):
            user = await database_sync_to_async(administrator)()

            async def still_allowed() -> bool:
                return not settings.AUTH_ON or bool(await _key_is_valid(key))

            return await self.application({**scope, "user": user, "still_allowed": still_allowed}, receive, send)
        return await self.by_session(scope, receive, send)


def _with_session_check(application: Any) -> Callable[..., Awaitable[Any]]:
    async def allowed_by_session(scope: dict[str, Any], receive: Any, send: Any) -> Any:
        key = scope["session"].session_key
        store = import_module(settings.SESSION_ENGINE).SessionStore

        async def still_allowed() -> bool:
            user = await get_user({"session": store(key)})  # read anew: scope["session"] keeps what it has read
            return bool(user.is_authenticated)

        return await application({**scope, "still_allowed": still_allowed}, receive, send)

    return allowed_by_session


def _is_https(headers: dict[bytes, str]) -> bool:
    """By the proxy's word, where the settings trust one; Daphne itself speaks no TLS here."""
    trusted = getattr(settings, "SECURE_PROXY_SSL_HEADER", None)
    told = scheme_by_proxy(headers.get(b"x-forwarded-proto", ""), headers.get(b"forwarded", ""))
    return bool(trusted) and told == "https"


@database_sync_to_async
def _key_is_valid(key: str) -> bool:
    return api_key.verify(key)
