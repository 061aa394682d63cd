import pytest
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


def logged_in(client: Client) -> bool:
    return client.get("/settings/").status_code == 200


def test_the_command_prints_an_address_that_lets_in(client, capsys):
    call_command("login_link", "--port", "9000")
    printed = capsys.readouterr().out
    assert printed.startswith("http://127.0.0.1:9000/login/link/") and printed.count("\n") == 1
    client.post(printed.strip().removeprefix("http://127.0.0.1:9000"))
    assert logged_in(client)
