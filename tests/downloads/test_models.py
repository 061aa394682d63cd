"""Every state × every verb: what is allowed, and where it leads."""

from __future__ import annotations

import pytest

from activity.models import Activity
from downloads.models import MOVES, DownloadHistory, Status, WrongState
from downloads.queue_status import queue_status
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db


Q, D, P, W, C, F, X = (
    Status.QUEUED,
    Status.DOWNLOADING,
    Status.PAUSED,
    Status.WAITING,
    Status.COMPLETED,
    Status.FAILED,
    Status.CANCELLED,
)


NO = None


TABLE = {
    #          Q  D  P  W  C  F  X
    "pause": (P, P, NO, NO, NO, NO, NO),
    "resume": (NO, NO, Q, Q, NO, NO, NO),
    "cancel": (X, X, X, X, NO, NO, NO),
    "skip": (Q, Q, NO, NO, NO, NO, NO),
    "park": (W, W, NO, NO, NO, NO, NO),
    "complete": (NO, C, NO, NO, NO, NO, NO),
    "fail": (NO, F, NO, NO, NO, NO, NO),
    "give_back": (NO, Q, NO, NO, NO, NO, NO),
    "unpark": (NO, NO, NO, Q, NO, NO, NO),
}


ARGUMENTS = {"park": ("disk_full", "Full."), "fail": ("network", "No network.")}


CASES = [
    (verb, before, after)
    for verb, row in TABLE.items()
    for before, after in zip((Q, D, P, W, C, F, X), row, strict=True)
]


def claimed() -> DownloadHistory:
    row = DownloadHistory.claim_next()
    assert row is not None
    return row


@pytest.mark.parametrize(("verb", "before", "after"), CASES)
def test_a_verb_leads_where_the_table_says_or_is_refused(verb, before, after):
    row = make_install(before)

    try:
        answer = getattr(row, verb)(*ARGUMENTS.get(verb, ()))
    except WrongState as refusal:
        answer = False
        assert before in str(refusal)

    row.refresh_from_db()
    assert row.status == (after or before)
    assert (answer is not False) == (after is not None)


def test_no_move_leads_out_of_an_ended_row():
    ended = {C, F, X}
    assert not any(ended & sources for sources in MOVES.values())


def test_each_change_of_state_leaves_its_activity():
    row = make_install()

    claimed().park("token_required", "Needs a token.")
    row.refresh_from_db()
    row.cancel()

    log = list(Activity.objects.order_by("id").values_list("type", "status", "title", "subtitle"))
    assert log == [
        ("download", "started", row.title, ""),
        ("download", "waiting", row.title, "Needs a token."),
        ("download", "cancelled", row.title, "Needs a token."),
    ]


def test_whoever_moves_second_with_an_old_picture_of_the_row_changes_nothing():
    row = make_install(D, claim=1)
    stale = DownloadHistory.objects.get(pk=row.pk)
    row.cancel()

    assert stale.complete() is False
    stale.refresh_from_db()
    assert stale.status == X


def test_a_worker_with_an_old_claim_cannot_write():
    row = make_install()
    first = claimed()
    row.refresh_from_db()
    row.pause()
    row.resume()
    second = claimed()

    assert first.beat(bytes_done=5) is False
    assert first.fail("network", "late") is False
    assert second.beat(bytes_done=7) is True
    row.refresh_from_db()
    assert (row.status, row.bytes_done, row.claim) == (D, 7, 2)


def test_one_install_at_a_time_first_in_first_out():
    first, second = make_install(), make_install()

    assert DownloadHistory.claim_next() == first
    assert DownloadHistory.claim_next() is None
    DownloadHistory.objects.get(pk=first.pk).cancel()
    assert DownloadHistory.claim_next() == second


def test_skip_sends_the_running_one_to_the_end():
    first, second = make_install(), make_install()
    DownloadHistory.claim_next()
    first.skip()

    assert DownloadHistory.claim_next() == second
    assert queue_status()["queue"] == [first.preset_id]


@pytest.mark.parametrize(
    ("who", "to", "order"),
    [
        (2, "top", [2, 0, 1]),
        (2, "up", [0, 2, 1]),
        (0, "down", [1, 0, 2]),
        (0, "bottom", [1, 2, 0]),
        (0, "up", [0, 1, 2]),
        (2, "down", [0, 1, 2]),
    ],
)
def test_move_changes_the_order(who, to, order):
    rows = [make_install() for _ in range(3)]

    rows[who].move(to)

    assert queue_status()["queue"] == [rows[index].preset_id for index in order]


@pytest.mark.parametrize("status", [s for s in Status if s != Q])
def test_only_queued_ones_have_a_place_to_move(status):
    with pytest.raises(WrongState):
        make_install(status).move("top")
