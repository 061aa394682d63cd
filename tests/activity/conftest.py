from collections.abc import Iterator

import pytest
from django.test import Client

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
