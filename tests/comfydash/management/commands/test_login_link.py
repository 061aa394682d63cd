import pytest
from django.core.management import call_command

from tests.settings_app.conftest import a_browser, logged_in

pytestmark = pytest.mark.django_db


def test_the_command_prints_an_address_that_lets_in(capsys):
    call_command("login_link", "--port", "9000")
    printed = capsys.readouterr().out
    assert printed.startswith("http://127.0.0.1:9000/login/link/") and printed.count("\n") == 1
    client = a_browser()
    client.post(printed.strip().removeprefix("http://127.0.0.1:9000"))
    assert logged_in(client)
