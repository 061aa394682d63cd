"""What hosts say of URLs: asked before the first byte, kept in RemoteFile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from django.utils import timezone

from downloads.file_records import RemoteFile
from downloads.transfer import Facts, Progress, Stopped, TransferError, probe_all
from downloads.transfer_options import transfer_options

GATED_REASONS = frozenset({"token_required", "token_scope", "licence_required", "access_pending"})


def ask(
    urls: Iterable[str], tick: Callable[[Progress], bool] = lambda progress: True
) -> dict[str, Facts | TransferError]:
    """Ask all hosts, a few at a time, and keep the answers. Raises Stopped when tick says so, at the end too."""
    answers = probe_all(list(dict.fromkeys(urls)), transfer_options(), tick)
    if not tick(Progress("downloading")):
        raise Stopped
    for url, answer in answers.items():
        remember(url, answer)
    return answers


def ask_briefly(
    urls: Iterable[str], tick: Callable[[Progress], bool] = lambda progress: True, *, attempts: int = 1
) -> dict[str, Facts | TransferError]:
    """`ask` for those who have more to do than to wait: few tries, and no pause that a host asks for.

    A host that asks for one is said in the refusal's ``wait``.
    """
    options = replace(transfer_options(), max_attempts=attempts, max_wait=-1.0)
    answers = probe_all(list(dict.fromkeys(urls)), options, tick)
    for url, answer in answers.items():
        remember(url, answer)
    return answers


def remember(url: str, answer: Facts | TransferError) -> None:
    if isinstance(answer, Facts):
        known = {
            "size": answer.size,
            "sha256": answer.sha256,
            "etag": answer.etag,
            "commit": answer.commit,
            "refusal": "",
            "refusal_message": "",
        }
        if answer.gated:  # the Hub does not say so to a token that may read it: what is known stays known
            known["gated"] = True
    elif answer.retry:  # the host did not answer this time: that says nothing about the file
        return
    else:
        known = {"refusal": answer.reason, "refusal_message": str(answer)}
        if answer.reason in GATED_REASONS:
            known["gated"] = True
    RemoteFile.objects.update_or_create(url=url, defaults={**known, "checked_at": timezone.now()})
