"""What is kept, and for how long."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from values.kept import Kept, Same


def test_it_is_derived_once_for_equal_keys() -> None:
    numbers, kept = count(), Kept[int]()
    assert [kept.get(("a", 1), lambda: next(numbers)) for _ in range(3)] == [0, 0, 0]
    assert kept.get(("a", 2), lambda: next(numbers)) == 1
    assert kept.last == 1


def test_it_is_derived_anew_when_it_is_old_or_forgotten() -> None:
    numbers, old, young = count(), Kept[int](0.0), Kept[int](60.0)
    assert [old.get(None, lambda: next(numbers)) for _ in range(2)] == [0, 1]
    assert [young.get(None, lambda: next(numbers)) for _ in range(2)] == [2, 2]
    young.forget()
    assert young.last is None
    assert young.get(None, lambda: next(numbers)) == 3


def test_a_failure_keeps_what_was_known() -> None:
    kept = Kept[int]()
    kept.get(1, lambda: 10)
    with pytest.raises(ZeroDivisionError):
        kept.get(2, lambda: 1 // 0)
    assert (kept.last, kept.get(1, lambda: 11)) == (10, 10)


def test_only_one_thread_derives_and_the_others_wait_for_it() -> None:
    kept, begun, release, derived = Kept[int](), threading.Event(), threading.Event(), []

    def derive() -> int:
        derived.append(threading.get_ident())
        begun.set()
        assert release.wait(30)
        return len(derived)

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get(None, derive))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    release.set()
    for thread in threads:
        thread.join(30)
    assert (found, len(derived)) == ([1, 1, 1, 1], 1)


def test_together_nobody_waits_for_anybody() -> None:
    kept, begun, release = Kept[int](together=True), threading.Event(), threading.Event()

    def slowly() -> int:
        begun.set()
        assert release.wait(30)
        return 1

    thread = threading.Thread(target=lambda: kept.get(None, slowly))
    thread.start()
    assert begun.wait(30)
    assert kept.get(None, lambda: 2) == 2
    release.set()
    thread.join(30)


def test_the_same_objects_are_one_key_and_equal_ones_are_not() -> None:
    first: list[int] = []
    second: list[int] = []
    assert Same(first, second) == Same(first, second)
    assert Same(first) != Same(second)
    assert Same(first) != Same(first, first)
    assert hash(Same(first)) == hash(Same(first))
