"""Room on the disk for what a file still lacks."""

from __future__ import annotations

from downloads.transfer.disk.space import disk_space
from downloads.transfer.part.file import partial_bytes, reserved_bytes
from downloads.transfer.types import Wanted
from webclient.errors import TransferError

LEAST_MISSING = 100_000_000  # bytes: where nobody tells a size, it is not worth going on with less room than that


def check_room(wanted: Wanted, size: int | None, reserve: int) -> None:
    """Raises TransferError(disk_full) with the bytes that must be free beside the reserve (bytes)."""
    wanted.root.mkdir(parents=True, exist_ok=True)
    need = _still_to_write(wanted, size)
    missing = need + reserve - disk_space(wanted.root).free
    if need > 0 and missing > 0:
        raise _disk_full("The disk is full", missing, "it then goes on by itself")


def check_reserve(wanted: Wanted, reserve: int) -> None:
    """While a file of unknown size arrives. Raises TransferError(disk_full) as soon as the reserve is touched."""
    if reserve and disk_space(wanted.root).free < reserve:
        raise TransferError("The disk is full up to its reserve.", reason="disk_full")


def without_room(refusal: TransferError, wanted: Wanted, size: int | None, reserve: int) -> TransferError:
    """What to say of a disk that refused in the middle: how much is missing.

    Where the free space does not show it (a quota, a size that nobody tells), it is what is still to write.
    """
    refused_though_reserved = max(0, (size or 0) - partial_bytes(wanted.root, wanted.path))
    need = _still_to_write(wanted, size) or refused_though_reserved or LEAST_MISSING
    missing = need + reserve - disk_space(wanted.root).free
    what = str(refusal).partition(".")[0]
    then = "the bytes fetched so far are kept, and it goes on by itself"
    return _disk_full(what, missing if missing > 0 else need, then, at_least=not size)


def _still_to_write(wanted: Wanted, size: int | None) -> int:
    return max(0, (size or 0) - reserved_bytes(wanted.root, wanted.path))


def _disk_full(what: str, missing: int, then: str, *, at_least: bool = False) -> TransferError:
    amount = f"{missing / 1e9:.1f} GB" if missing >= 1e9 else f"{max(1, round(missing / 1e6))} MB"
    return TransferError(
        f"{what}: {'at least ' if at_least else ''}{amount} more must be free. Delete something on the Storage page; "
        f"{then}.",
        reason="disk_full",
        missing_bytes=missing,
    )
