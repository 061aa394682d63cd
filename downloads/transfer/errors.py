"""What ends a request of a transfer without ending the transfer, and what ends it because of the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelfiles.errors import NotAModel
from webclient.errors import TransferError


class LinkExpired(Exception):
    """A signed link is over: ask the original address again."""


class RangeRefused(Exception):
    """The server does not continue where it was asked to; only the whole file can be had."""


@contextmanager
def no_model_is_a_refusal() -> Iterator[None]:
    """TransferError (not_a_model) for what `modelfiles.structure` refuses."""
    try:
        yield
    except NotAModel as refusal:
        raise TransferError(f"{refusal} Nothing was installed under this name.", reason="not_a_model") from refusal
