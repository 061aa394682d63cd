from ipaddress import ip_network

import pytest

from settings_app import login_throttle

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "forwarded", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", "198.51.100.1", "127.0.0.1"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("::ffff:10.0.0.7", "198.51.100.1:5000", "198.51.100.1"),
        ("2001:db8:9::1", "[2001:db8:1:2:3::6]:443", "2001:db8:1:2::/64"),
        ("10.0.0.7", "198.51.100.1, nonsense", "10.0.0.7"),
        ("10.0.0.7", "10.0.0.8", "10.0.0.8"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("", "198.51.100.1", "unknown"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
    ],
)
def test_who_is_asking(rf, settings, address, forwarded, client):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:9::1")]
    request = rf.get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
    assert login_throttle.client_of(request) == client
