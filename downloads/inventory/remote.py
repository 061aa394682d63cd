"""What hosts say of URLs: asked before the first byte, kept in RemoteFile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.utils import timezone

from downloads.file_records import RemoteFile
from downloads.transfer import Facts, Progress, Session, Stopped, TransferError, probe_all
from downloads.transfer_options import transfer_options

GATED_REASONS = frozenset({"token_required", "token_scope", "licence_required", "access_pending"})


def ask(
    urls: Iterable[str], tick: Callable[[Progress], bool] = lambda progress: True, session: Session | None = None
) -> dict[str, Facts | TransferError]:
    """Ask all hosts, a few at a time, and keep the answers. Raises Stopped when tick says so, at the end too."""
    answers = probe_all(list(dict.fromkeys(urls)), session.options if session else transfer_options(), tick, session)
    if not tick(Progress("downloading")):
        raise Stopped
    remember_all(answers)
    return answers


def ask_briefly(
    urls: Iterable[str], tick: Callable[[Progress], bool] = lambda progress: True, *, attempts: int = 1
) -> dict[str, Facts | TransferError]:
    """`ask` for those who have more to do than to wait: few tries, and no pause that a host asks for.

    A host that asks for one is said in the refusal's ``wait``.
    """
    options = replace(transfer_options(), max_attempts=attempts, max_wait=-1.0)
    answers = probe_all(list(dict.fromkeys(urls)), options, tick)
    remember_all(answers)
    return answers


def remember(url: str, answer: Facts | TransferError) -> None:
    remember_all({url: answer})


def remember_all(answers: Mapping[str, Facts | TransferError]) -> None:
    """In a statement for each kind of answer, however many addresses there are."""
    alike: dict[tuple[str, ...], list[RemoteFile]] = defaultdict(list)
    for url, answer in answers.items():
        if known := _known(answer):
            alike[*known, "checked_at"].append(RemoteFile(url=url, checked_at=timezone.now(), **known))
    for names, rows in alike.items():
        RemoteFile.objects.bulk_create(
            rows, batch_size=500, update_conflicts=True, unique_fields=["url"], update_fields=names
        )


def _known(answer: Facts | TransferError) -> dict[str, Any]:
    """What a row is to say from now on; nothing when the host did not answer this time."""
    if isinstance(answer, TransferError):
        if answer.retry:
            return {}
        gate: dict[str, Any] = {"gated": True} if answer.reason in GATED_REASONS else {}
        return {"refusal": answer.reason, "refusal_message": str(answer), **gate}
    known: dict[str, Any] = {name: getattr(answer, name) for name in ("size", "sha256", "etag", "commit")}
    if answer.gated:  # the Hub does not say so to a token that may read it: what is known stays known
        known["gated"] = True
    return {**known, "refusal": "", "refusal_message": ""}
