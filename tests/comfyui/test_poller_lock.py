"""One poller, whatever the number of processes."""

from datetime import timedelta

from django.utils import timezone

from comfyui.models import PollerLease
from comfyui.poller import NOT_MINE, Poller
from comfyui.poller_lock import PollerLock
from tests.fakecomfy import FakeComfy


def test_a_second_poller_asks_nothing_until_the_first_ends(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    asked = len(comfy.log)
    second = Poller()
    assert second.step() == NOT_MINE
    assert len(comfy.log) == asked
    watched.close()
    second.step()
    second.close()
    assert len(comfy.log) > asked


def test_a_dead_poller_of_this_data_directory_is_followed_at_once(db: None) -> None:
    first, second = PollerLock(), PollerLock()
    assert first.take()
    assert not second.take()
    assert first._lock
    first._lock.release()  # as the kernel does for a killed process; the row says that it lives on
    first._lock = None
    assert PollerLease.objects.get().holder != ""
    assert second.take()
    first.give_back()  # it has none
    assert second.take()
    second.give_back()


def test_the_lease_of_another_machine_runs_out(db: None) -> None:
    PollerLease.objects.create(pk=1, holder="another:machine", expires_at=timezone.now() + timedelta(minutes=5))
    here = PollerLock()
    assert not here.take()
    PollerLease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert here.take()
    PollerLease.objects.update(holder="another:machine", expires_at=timezone.now() + timedelta(minutes=5))
    assert not here.take()  # it was too late with its renewal
    here.give_back()
    assert PollerLease.objects.get().holder == "another:machine"
