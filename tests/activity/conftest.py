from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from activity.models import Activity
from settings_app import preferences
from settings_app.administrator import administrator
from tests.downloads.conftest import hub, models

__all__ = ["hub", "models"]  # fixtures


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests() -> Iterator[None]:
    preferences.forget()
    yield
    preferences.forget()


@pytest.fixture
def client() -> Client:
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def owner(client: Client, db: None) -> Client:
    client.force_login(administrator())
    return client


def entry(days_ago: float = 0, **fields: object) -> Activity:
    made = {"type": "download", "status": "completed", "title": "FLUX installed", **fields}
    return Activity.objects.create(created_at=timezone.now() - timedelta(days=days_ago), **made)
