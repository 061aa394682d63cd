"""What can go wrong, in the words of the contract."""

from __future__ import annotations

from volumes.file_names import legible


class TransferError(Exception):
    """A transfer that cannot go on; the message is a sentence with a next step for a person.

    reason is one of the contract's: token_required, token_invalid, token_scope, licence_required, access_pending and
    disk_full can be put right and park an install; not_found, not_a_model, checksum_mismatch, source_changed,
    path_conflict, forbidden_path, forbidden_address, not_writable, network and error end it.
    retry says that the same request may well succeed later. missing_bytes goes with disk_full. wait is how long a host
    asked to be left alone, in seconds, None when it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry: bool = False,
        link: str = "",
        missing_bytes: int = 0,
        wait: float | None = None,
    ) -> None:
        super().__init__(legible(message))
        self.reason = reason
        self.retry = retry
        self.link = link
        self.missing_bytes = missing_bytes
        self.wait = wait


def path_taken(path: str) -> TransferError:
    """Other bytes stand at the path; a person chooses what is to become of them."""
    return TransferError(
        f"{path} exists with other content than this install wants. Choose “Replace the file”, which overwrites it "
        "once the new one is complete, or “Keep both”, which puts the new one beside it.",
        reason="path_conflict",
    )


def folder_at_path(path: str) -> TransferError:
    return TransferError(
        f"{path} is a folder, and a folder is never replaced. Choose “Keep both”, which puts the file beside it, or "
        "move the folder away and retry.",
        reason="path_conflict",
    )


class Stopped(Exception):
    """The tick said stop. The .part and its state stay, every connection is closed."""


class Transient(TransferError):
    """A failure that a retry may cure. wait is what the host asked for, in seconds; None leaves it to the back-off.

    reason is what it ends as when no retry cured it.
    """

    def __init__(self, message: str, *, wait: float | None = None, reason: str = "network") -> None:
        super().__init__(message, reason=reason, retry=True, wait=wait)
