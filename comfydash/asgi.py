"""HTTP by Django, the dashboard's socket by Channels."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comfydash.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import WebsocketDenier  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from comfydash.socket_access import SocketAccess  # noqa: E402
from downloads.consumers import DashboardConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": SocketAccess(
            URLRouter([path("ws/dashboard", DashboardConsumer.as_asgi()), re_path("", WebsocketDenier.as_asgi())])
        ),
    }
)
