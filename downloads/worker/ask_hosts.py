"""What hosts say of all files before the first byte of any: totals are true, and a refusal costs no 20 GB first."""

from __future__ import annotations

from downloads.inventory import remote
from downloads.inventory.free_space import missing_space
from downloads.inventory.knowledge import Knowledge
from downloads.models import WAITING_REASONS, DownloadFile, FileStatus
from downloads.transfer import Facts, Session, TransferError
from downloads.worker.install_state import InstallState
from downloads.worker.look_around import Surroundings
from values.sizes import human_size


def ask_hosts(
    state: InstallState, surroundings: Surroundings, session: Session, todo: list[DownloadFile]
) -> list[DownloadFile]:
    """Those that are still to be fetched. Raises TransferError when one that is needed is refused, and Stopped."""
    answers = remote.ask([file.url for file in todo], surroundings.progress.waits, session)
    knowledge = Knowledge.gather(answers)
    left, refusals = [], []
    for file in todo:
        answer = answers[file.url]
        if isinstance(answer, Facts):
            _know(state, file, answer)
            left.append(file)
        elif surroundings.believes(file, knowledge):
            # Somebody's file stands there already, and nobody can be asked whether it is the same: it stays.
            surroundings.skip(file, knowledge.bytes_here(file.path))
        elif file.optional:
            state.give_up_optional(file, answer)
        else:
            state.note(file, status=FileStatus.FAILED, error=str(answer))
            refusals.append(answer)
    state.store()
    if refusals:
        raise worst_of(refusals)
    return left


def worst_of(refusals: list[TransferError]) -> TransferError:
    """What a person can put right comes first: it parks the install instead of ending it."""
    return min(refusals, key=lambda refusal: refusal.reason not in WAITING_REASONS)


def _know(state: InstallState, file: DownloadFile, answer: Facts) -> None:
    if answer.warning:
        state.warnings.append(answer.warning)
    state.facts[file.url] = answer
    sha256 = file.sha256 if file.pinned else answer.sha256
    state.note(file, bytes_total=answer.size or 0, sha256=sha256, etag=answer.etag)


def check_space(state: InstallState) -> None:
    """Raises TransferError (disk_full)."""
    missing = missing_space(state.row)
    if missing > 0:
        raise TransferError(
            f"The disk is full: {human_size(missing)} more must be free. Delete something on the Storage page; "
            "this install then starts by itself.",
            reason="disk_full",
            missing_bytes=missing,
        )
