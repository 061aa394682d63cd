"""What all webs and workers of one PostgreSQL have in common: the secret key and the folders of the workspace.

Each folder carries a file with an id, and the database knows which ids belong to it. A process with another key would
log everybody out, and one that sees other folders would install where nobody looks: both are refused at the start.
Folders are looked at again before an install: a volume may be exchanged, or go away, while a worker runs.
With SQLite there is nothing to compare, because the database lies in the workspace.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction

from comfydash.serve.trouble import CannotStart
from settings_app.models import Setting
from values.kept import Kept
from volumes.files import create_new, write_whole

log = logging.getLogger("comfydash.serve")

MARKER = ".comfydash-workspace"
MARKER_BYTES = 100  # more is none of ours
KEY_ROW = "secret_key_fingerprint"
ROUNDS = 100_000  # so that a weak key is not guessed from a copy of the database
ADOPT = "manage.py adopt_workspace"

_exchanged: Kept[str] = Kept(seconds=0)  # looked at each time; the last sentence is not said twice


@dataclass(frozen=True)
class SharedFolder:
    row: str  # the key of its row in the settings
    title: str
    variable: str  # the one to look at
    path: Path

    def marker(self) -> str:
        """The id that it carries, "" for none. Raises OSError where it cannot be read."""
        try:
            with (self.path / MARKER).open("rb") as file:
                return file.read(MARKER_BYTES).decode(errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def mark(self) -> str:
        """Give it an id unless it has one. Raises OSError where nothing can be written."""
        self.path.mkdir(parents=True, exist_ok=True)
        file, new = self.path / MARKER, f"{uuid4().hex}\n".encode()
        try:
            create_new(file, new)
        except FileExistsError:
            if not self.marker():  # a disk was full; else another process was faster by a moment
                write_whole(file, new, mode=0o666)
        return self.marker()


def shared_folders() -> list[SharedFolder]:
    return [
        SharedFolder("models_folder_id", "models folder", "COMFYDASH_MODELS_DIR", settings.MODELS_DIR),
        SharedFolder("config_folder_id", "config folder", "COMFYDASH_PRESETS_FILE", settings.PRESETS_FILE.parent),
        SharedFolder("workflows_folder_id", "workflows folder", "COMFYDASH_WORKFLOW_DIRS", settings.WORKFLOW_DIRS[0]),
    ]


def join() -> None:
    """Compare key and folders with those of the database; what it does not know yet becomes its own.

    In one transaction, so that of two processes that begin an empty database one waits for the other. Raises
    CannotStart.
    """
    if connection.vendor != "postgresql":
        return
    with transaction.atomic():
        _compare_key()
        if strange := _strange_folders():
            raise CannotStart(
                f"This process does not see the workspace of its database: {strange}. Correct that and "
                "start again. If these are the right folders from now on (moved, or made anew), stop every other "
                f"process and run: {ADOPT}"
            )


def exchanged_folders() -> str:
    """A sentence when a folder of this running process is not the database's any more."""
    return _exchanged.get(None, _look_again) if connection.vendor == "postgresql" else ""


def _look_again() -> str:
    strange = _strange_folders()
    if not strange:
        return ""
    sentence = f"Nothing is installed here: this process does not see the workspace of its database: {strange}."
    if sentence != _exchanged.last:
        log.error("%s The queue goes on as soon as it does.", sentence)
    return sentence


def _strange_folders() -> str:
    folders = shared_folders()
    known = dict(Setting.objects.filter(key__in=[folder.row for folder in folders]).values_list("key", "value"))
    return "; ".join(sentence for folder in folders if (sentence := _compare(folder, known.get(folder.row))))


def adopt() -> list[str]:
    """Make this process's key and folders those of the database; a line about each. Raises OSError."""
    lines = []
    with transaction.atomic():
        if _note(KEY_ROW, _fingerprint()):
            lines.append("The secret key of this process is the database's now: everybody has to log in again.")
        for folder in shared_folders():
            is_news = _note(folder.row, folder.marker() or folder.mark())
            lines.append(f"The {folder.title} is {'now' if is_news else 'still'} {folder.path}.")
    return lines


def _compare_key() -> None:
    own = _fingerprint()
    row, _ = Setting.objects.get_or_create(key=KEY_ROW, defaults={"value": own})
    if row.value == own:
        return
    if settings.SECRET_KEY_GIVEN:
        raise CannotStart(
            "COMFYDASH_SECRET_KEY is not the key of this database: whoever logs in elsewhere would not be logged in "
            "here. Set it to the same value for every web and worker. If it was changed on purpose, stop every other "
            f"process and run: {ADOPT}"
        )
    raise CannotStart(
        f"COMFYDASH_SECRET_KEY is not set, and the key in {settings.DATA_DIR / 'secret_key'} is not the key of this "
        "database: whoever logs in elsewhere would not be logged in here. Set the variable to the same value for every "
        "web and worker: to what the file secret_key holds in the data folder of the first one."
    )


def _compare(folder: SharedFolder, known: str | None) -> str:
    """What is wrong with this folder; "" when it is the database's, or has just become it."""
    try:
        found = folder.marker() or ("" if known else folder.mark())
    except OSError as error:
        if known:
            return f"the {folder.title} {folder.path} ({folder.variable}) cannot be read ({error.strerror})"
        log.warning(
            "The %s %s cannot be marked (%s): a process that may write there has to start once before others are "
            "compared with it.",
            folder.title,
            folder.path,
            error.strerror,
        )
        return ""
    if known is None:
        known = Setting.objects.get_or_create(key=folder.row, defaults={"value": found})[0].value
    if found == known:
        return ""
    if found:
        return f"the {folder.title} {folder.path} ({folder.variable}) is another one"
    return f"the {folder.title} {folder.path} ({folder.variable}) has no {MARKER} in it (is its volume mounted?)"


def _note(key: str, value: str) -> bool:
    """Whether it was another one before."""
    if Setting.objects.filter(key=key, value=value).exists():
        return False
    Setting.objects.update_or_create(key=key, defaults={"value": value})
    return True


def _fingerprint() -> str:
    return hashlib.pbkdf2_hmac("sha256", settings.SECRET_KEY.encode(), b"comfydash.fingerprint", ROUNDS).hex()
