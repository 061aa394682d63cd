from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from settings_app import login_links, login_throttle
from settings_app.models import LoginAttempt, LoginLink
from settings_app.tasks import delete_expired

pytestmark = pytest.mark.django_db


def test_once_a_day_what_has_expired_goes(owner):
    login_links.create()
    login_throttle.attempt("10.0.0.1")
    delete_expired.call_local()
    assert (Session.objects.count(), LoginLink.objects.count(), LoginAttempt.objects.count()) == (1, 1, 1)
    past = timezone.now() - timedelta(days=1)
    Session.objects.update(expire_date=past)
    LoginLink.objects.update(expires_at=past)
    LoginAttempt.objects.update(at=past)
    delete_expired.call_local()
    assert (Session.objects.count(), LoginLink.objects.count(), LoginAttempt.objects.count()) == (0, 0, 0)
