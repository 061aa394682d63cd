"""Every job of everybody is in the log: once, with its real end, on both versions."""

import uuid

import pytest

from activity.models import Activity
from comfyui.models import ComfyState, Generation
from comfyui.poller import IDLE, Poller
from settings_app import preferences
from tests.comfyui.conftest import endings, told
from tests.fakecomfy import FakeComfy, image


@pytest.fixture(params=["0.33", "0.3.64"])
def pair(request: pytest.FixtureRequest) -> tuple[FakeComfy, Poller]:
    """A fake of each version and its poller, which has looked once at an empty ComfyUI."""
    modern = request.param == "0.33"
    fake = request.getfixturevalue("comfy" if modern else "older")
    poller = request.getfixturevalue("watched" if modern else "watched_older")
    poller.step()
    return fake, poller


def a_name() -> str:
    return str(uuid.uuid4())


def test_a_job_is_told_from_its_start_to_its_end(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.put(a_name())
    poller.step()
    assert told() == []
    fake.jobs.start()
    poller.step()
    assert told() == [("started", "Generation started", "")]
    fake.jobs.finish({"3": {"images": [image(number) for number in range(4)]}})
    poller.step()
    assert [line[:2] for line in told()[1:]] == [("completed", "4 images generated")]
    poller.step()
    assert poller.step() >= IDLE
    assert len(told()) == 2


def test_a_job_that_no_poll_saw_is_told_too(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.run(a_name())
    poller.step()
    assert [line[:2] for line in told()] == [("started", "Generation started"), ("completed", "1 image generated")]


@pytest.mark.parametrize(
    ("outputs", "how", "title", "subtitle"),
    [
        ({"3": {"images": [image(1, "temp")]}}, {}, "1 image generated", None),
        ({"3": {"images": [image(1, "temp")]}, "4": {"images": [image(2)]}}, {}, "1 image generated", None),
        (
            {
                "3": {
                    "images": [{"filename": "x_00001_.mp4", "subfolder": "video", "type": "output"}],
                    "animated": [True],
                }
            },
            {},
            "1 video generated",
            None,
        ),
        ({"3": {"audio": [{"filename": "a.flac"}], "text": ["a"]}}, {}, "1 audio file generated", None),
        ({"3": {"3d": [{"filename": "a.glb"}, {"filename": "b.glb"}]}}, {}, "2 3D models generated", None),
        ({}, {}, "Generation completed", None),
        ({"3": {"images": [image()]}}, {"cached": ["1", "3"]}, "Generation completed", "cached, nothing new"),
        ({"3": {"images": [image()]}}, {"status": False}, "1 image generated", ""),
    ],
)
def test_what_came_out(
    pair: tuple[FakeComfy, Poller], outputs: dict, how: dict, title: str, subtitle: str | None
) -> None:
    fake, poller = pair
    fake.jobs.run(a_name(), outputs, **how)
    poller.step()
    poller.step()
    status, told_title, told_subtitle = told()[-1]
    assert (status, told_title) == ("completed", title)
    assert subtitle is None or told_subtitle == subtitle
    assert len(told()) == 2


def test_a_failed_job_says_where_and_why_and_keeps_secrets(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.put(a_name(), extra={"api_key_comfy_org": "sk-private", "extra_pnginfo": {"workflow": {}}})
    poller.step()
    fake.jobs.start()
    fake.jobs.fail(outputs={"2": {"images": [image()]}})
    poller.step()
    entry = Activity.objects.get(status="failed")
    assert (entry.title, entry.subtitle) == ("Generation failed", "Keep the picture: CUDA out of memory.")
    assert (entry.details["outputs"], entry.details["picture"]) == ("1 image", "drive_00001_.png")
    everything = str(list(Activity.objects.values())) + str(list(Generation.objects.values()))
    assert not any(secret in everything for secret in ("private", "secret_path", "traceback"))


def test_interrupted_removed_and_lost(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    dropped, stopped = a_name(), a_name()
    fake.jobs.put(stopped)
    fake.jobs.put(dropped)
    fake.jobs.start()
    poller.step()
    fake.jobs.delete_pending({dropped})
    fake.jobs.interrupt()
    poller.step()
    assert sorted(endings()) == ["interrupted", "removed"]
    fake.jobs.put(a_name())
    fake.jobs.start()
    poller.step()
    fake.jobs.finish()
    fake.jobs.history.clear()  # between two looks: nothing is left of it
    poller.step()
    assert "lost" not in endings()
    poller.step()
    assert endings()[-1] == "lost"
    assert not Generation.objects.filter(state__in=Generation.OPEN).exists()


def test_a_restart_loses_what_was_in_the_queue(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.put(a_name())
    fake.jobs.start()
    for _ in range(3):
        fake.jobs.put(a_name())
    poller.step()
    fake.stop()
    poller.step()
    assert endings() == []
    fake.restart()
    poller.step()
    assert endings() == ["lost"] * 4
    fake.jobs.run(a_name())
    poller.step()
    assert endings()[-1] == "completed"


def test_an_id_may_be_used_again(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    again = "11111111-1111-4111-8111-111111111111"
    for _ in range(3):
        fake.jobs.put(again)
        fake.jobs.start()
        poller.step()
        fake.jobs.finish()
        poller.step()
        fake.jobs.run(a_name())  # so that the one overwritten in place is not the newest
        poller.step()
    assert endings() == ["completed"] * 6


def test_the_past_is_no_news(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    ComfyState.objects.update(log_begun=False)
    Generation.objects.all().delete()
    for _ in range(30):
        fake.jobs.run(a_name())
    fake.jobs.put(a_name())
    fake.jobs.start()
    poller.step()
    assert [status for status, _, _ in told()] == ["started"]
    fake.jobs.finish()
    poller.step()
    assert endings() == ["completed"]


def test_after_our_restart_nothing_is_missed_and_nothing_told_twice(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.run(a_name())
    fake.jobs.put(a_name())
    fake.jobs.start()
    poller.step()
    poller.close()
    fake.jobs.finish()
    for _ in range(150):
        fake.jobs.run(a_name())
    fresh = Poller()
    for _ in range(4):
        fresh.step()
    fresh.close()
    assert endings() == ["completed"] * 152


def test_the_log_can_be_switched_off(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    preferences.store("log_generations", False)
    fake.jobs.run(a_name())
    poller.step()
    assert told() == []
    preferences.store("log_generations", True)
    poller.step()
    assert told() == []  # what happened while it was off is no news
    fake.jobs.run(a_name())
    poller.step()
    assert endings() == ["completed"]


def test_what_ended_long_ago_is_entered_with_its_own_time(pair: tuple[FakeComfy, Poller]) -> None:
    fake, poller = pair
    fake.jobs.clock = 1_700_000_000_000
    fake.jobs.run(a_name())
    poller.step()
    assert {entry.created_at.year for entry in Activity.objects.filter(type="generation")} == {2023}


def test_a_clock_that_is_ahead_dates_nothing_into_the_future(pair: tuple[FakeComfy, Poller]) -> None:
    from django.utils import timezone

    fake, poller = pair
    fake.jobs.clock = 4_000_000_000_000
    fake.jobs.run(a_name())
    poller.step()
    assert all(entry.created_at <= timezone.now() for entry in Activity.objects.all())
    assert endings() == ["completed"]


def test_an_odd_job_that_breaks_the_list_hides_nothing(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    comfy.jobs_broken = True
    comfy.jobs.put(a_name())
    comfy.jobs.start()
    watched.step()
    comfy.jobs.finish()
    watched.step()
    assert endings() == ["completed"]
    assert all("max_items" in request.path for request in comfy.asked("/history"))


def test_both_ways_of_asking_agree_on_what_is_known(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    for _ in range(5):
        comfy.jobs.run(a_name())
    watched.step()
    comfy.jobs_broken = True
    comfy.jobs.run(a_name())
    watched.step()
    fresh = Poller()
    watched.close()
    comfy.jobs_broken = False
    fresh.step()
    fresh.close()
    assert endings() == ["completed"] * 6


def test_many_that_vanish_at_once_are_one_entry(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    names = {a_name() for _ in range(60)}
    for name in names:
        comfy.jobs.put(name)
    watched.step()
    comfy.jobs.delete_pending(names)
    watched.step()
    entry = Activity.objects.get(type="generation")
    assert entry.title == "60 generations removed from the queue"
    assert set(entry.details["prompt_ids"]) == names


def test_another_comfyui_begins_with_a_clean_slate(comfy: FakeComfy, older: FakeComfy, watched: Poller) -> None:
    comfy.jobs.put(a_name())
    comfy.jobs.start()
    watched.step()
    older.jobs.run(a_name())
    preferences.store("comfyui_url", older.url)
    watched.step()
    watched.step()
    assert [status for status, _, _ in told()] == ["started"]
    assert ComfyState.get().version == "0.3.64"
