from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.fakehub.faults import Asked
from tests.fleet.ledger import Transfers


@pytest.fixture
def transfers() -> Transfers:
    transfers = Transfers(SimpleNamespace(log=[]))  # type: ignore[arg-type]  # a Hub that was asked nothing
    transfers.stop()
    transfers.addresses = {"10.0.0.1": "one", "10.0.0.2": "two"}
    return transfers


def send(transfers: Transfers, address: str, *moments: float) -> None:
    line = Asked("cdn", "GET", "hub", f"of {address}", "", "", client=address, moments=list(moments))
    transfers.hub.log.append(line)


def test_a_worker_that_follows_another_at_once_does_not_fetch_beside_it(transfers: Transfers) -> None:
    send(transfers, "10.0.0.1", 1.0, 1.1, 1.22)  # the last bytes were on their way
    send(transfers, "10.0.0.2", 1.2, 1.3, 9.0)
    assert transfers.at_once() == []


def test_bytes_to_one_to_another_and_to_the_first_again_are_two_at_once(transfers: Transfers) -> None:
    send(transfers, "10.0.0.1", 1.0, 1.1, 1.4)
    send(transfers, "10.0.0.2", 1.2, 1.3, 9.0)
    assert transfers.at_once() == ["one fetched of 10.0.0.1 while two fetched of 10.0.0.2"]


def test_one_that_was_frozen_is_excused_while_it_finds_out(transfers: Transfers) -> None:
    send(transfers, "10.0.0.1", 1.0, 1.1, 1.4)
    send(transfers, "10.0.0.2", 1.2, 1.3, 9.0)
    transfers.excused.append(("one", 1.0, 2.0))
    assert transfers.at_once() == []
