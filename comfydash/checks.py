"""What can be wrong with this installation, said at the start (``serve``) and by ``manage.py check``."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from comfydash import env
from comfydash.filesystem import file_system_type
from comfydash.recovery import database
from comfydash.schema import schema
from downloads.inventory.extra_model_paths import extra_model_paths
from settings_app import preferences
from volumes.files import keeps_modes
from volumes.runtime_folder import LONGEST_BASE
from webclient import network_environment
from webclient.networks import is_loopback

TAG = "comfydash"
REDIS_SECONDS = 2.0


@register(TAG)
def data_folder(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.E001: nothing can be stored at all."""
    reason = why_not_writable(settings.DATA_DIR)
    if not reason:
        return []
    return [
        Error(
            f"The folder {settings.DATA_DIR} cannot be written ({reason}).",
            hint="Give it to the user that runs ComfyDash, or set COMFYDASH_WORKSPACE to another folder.",
            id="comfydash.E001",
        )
    ]


@register(TAG)
def secret_key(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.E002: each process would have a key of its own; comfydash.W002: others can read it."""
    if settings.SECRET_KEY_GIVEN:
        return []
    file = settings.DATA_DIR / "secret_key"
    try:
        mode = file.stat().st_mode
        file.read_text()
    except OSError as error:
        return [
            Error(
                f"The secret key {file} can neither be read nor made ({error.strerror}): nobody would stay logged in.",
                hint="Give the data folder to the user that runs ComfyDash.",
                id="comfydash.E002",
            )
        ]
    if stat.S_IMODE(mode) & 0o077:
        return [
            Warning(
                f"Others on this machine can read the secret key {file}, and log in with it.",
                hint=f"Run: chmod 600 {file}"
                if keeps_modes(settings.DATA_DIR)
                else "Its volume keeps no permissions. Mount it with umask=077, or set COMFYDASH_DATA_DIR to a folder "
                "on a local disk.",
                id="comfydash.W002",
            )
        ]
    return []


@register(TAG)
def secret_key_of_several(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W012: no second machine can join."""
    if settings.SECRET_KEY_GIVEN or not settings.DATABASE_URL:
        return []
    return [
        Warning(
            f"The secret key stands in {settings.DATA_DIR / 'secret_key'}: a web or worker with another data folder "
            "cannot share this database.",
            hint="Before you start one, set COMFYDASH_SECRET_KEY to what that file holds, here and there.",
            id="comfydash.W012",
        )
    ]


@register(TAG)
def models_folder(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W001: the pages work, installs do not."""
    reason = why_not_writable(settings.MODELS_DIR)
    if not reason:
        return []
    return [
        Warning(
            f"The models folder {settings.MODELS_DIR} cannot be written ({reason}): no model can be installed.",
            hint="Give it to the user that runs ComfyDash, or set COMFYDASH_MODELS_DIR to ComfyUI's models folder.",
            id="comfydash.W001",
        )
    ]


@register(TAG)
def presets_file(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W003: only the official templates are offered."""
    file: Path = settings.PRESETS_FILE
    if not file.exists() or (file.is_file() and os.access(file, os.R_OK)):
        return []
    return [
        Warning(
            f"The presets file {file} cannot be read: only the official templates are offered.",
            hint="Make it readable, or set COMFYDASH_PRESETS_FILE to another file.",
            id="comfydash.W003",
        )
    ]


@register(TAG)
def extra_paths(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W006: models that ComfyUI has would be fetched again."""
    return [
        Warning(
            f"COMFYDASH_EXTRA_MODEL_PATHS: {fault}",
            hint="Models in folders that are not read count as missing. A corrected file is read without a restart.",
            id="comfydash.W006",
        )
        for fault in extra_model_paths(settings.EXTRA_MODEL_PATHS).faults
    ]


@register(TAG)
def environment(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W007: read otherwise than written; W008: unknown; W009: no https."""
    found: list[CheckMessage] = [Warning(remark, id="comfydash.W007") for remark in env.remarks]
    for name, meant in env.unknown(preferences.variables()):
        hint = meant or "README.md lists those that there are."
        found.append(Warning(f"The variable {name} is not known and does nothing.", hint=hint, id="comfydash.W008"))
    if sentence := network_environment.certificate_problem():
        found.append(Warning(sentence, hint="Correct the variable and start again.", id="comfydash.W009"))
    return found


@register(TAG)
def places_of_the_environment(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W010: a variable names a place where nothing is, or where nothing can be."""
    found: list[CheckMessage] = []

    def warn(sentence: str, hint: str) -> None:
        found.append(Warning(sentence, hint=hint, id="comfydash.W010"))

    for name in env.PATHS:
        if "$" in env.text(name):
            warn(f"{name}={env.text(name)}: “$” is a letter of a name here.", "Write the whole path.")
    if env.words("COMFYDASH_WORKFLOW_DIRS", separator=":"):
        for folder in settings.WORKFLOW_DIRS:
            if not folder.is_dir():
                warn(
                    f"COMFYDASH_WORKFLOW_DIRS names {folder}, which is no folder here: no workflow is found there.",
                    "Folders are separated by colons. Make it, or correct the variable.",
                )
    named = next((name for name in ("COMFYDASH_MODELS_DIR", "MODEL_BASE_PATH") if env.text(name)), "")
    if named and not settings.MODELS_DIR.exists():
        warn(
            f"{named} names {settings.MODELS_DIR}, which is not there: it is made empty by the first install.",
            "Correct the variable if ComfyUI's models folder lies elsewhere.",
        )
    run_dir = env.text("COMFYDASH_RUN_DIR")
    if run_dir and (reason := _why_no_run_dir(Path(run_dir))):
        warn(f"COMFYDASH_RUN_DIR={run_dir}: {reason}.", "Name a folder on a local disk with a short path.")
    return found


def _why_no_run_dir(folder: Path) -> str:
    if len(os.fsencode(folder)) > LONGEST_BASE:
        return f"its path has more than {LONGEST_BASE} bytes, too many for a socket, so /tmp is used"
    if reason := why_not_writable(folder):
        return f"the local sockets cannot lie there ({reason}), so news reach the pages only every 15 s"
    return ""


@register(TAG)
def open_to_the_network(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W004: no login, and listening on more than this machine."""
    host = os.environ.get("COMFYDASH_LISTEN_HOST", "127.0.0.1")
    if settings.AUTH_ON or is_loopback(host):
        return []
    return [
        Warning(
            f"COMFYDASH_AUTH=off while listening on {host}: everybody who reaches this port can install and delete.",
            hint="Remove COMFYDASH_AUTH, or listen on 127.0.0.1, unless every device of the network is yours.",
            id="comfydash.W004",
        )
    ]


@register(TAG, Tags.database)
def database_mode(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """comfydash.W005: slower, and why. Asked for with ``check --database default``, and by serve."""
    if not databases or settings.DATABASE_URL or settings.SQLITE_JOURNAL_MODE == "wal":
        return []
    return [
        Warning(
            f"{settings.DATA_DIR} lies on {file_system_type(settings.DATA_DIR)}, where SQLite's write-ahead log is not "
            "safe: the database uses its slower rollback journal.",
            hint="Set COMFYDASH_DATA_DIR to a folder on a local disk, or DATABASE_URL to a PostgreSQL.",
            id="comfydash.W005",
        )
    ]


@register(TAG, Tags.database)
def redis_answers(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """comfydash.W011: downloads begin late, pages hear late. Asked for with ``check --database default``, by serve."""
    if not databases or not settings.REDIS_URL:
        return []
    from redis.exceptions import RedisError

    from activity.redis_connections import client

    try:
        client(settings.REDIS_URL, REDIS_SECONDS).ping()
    except (RedisError, OSError, ValueError) as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return [
            Warning(
                f"The Redis of REDIS_URL does not answer ({said}): until it does, downloads begin a little later "
                "than at once, and the pages learn of news only every 15 s.",
                hint="Start it, or correct REDIS_URL.",
                id="comfydash.W011",
            )
        ]
    return []


@register(TAG, Tags.database)
def database_schema(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """comfydash.E003: a newer ComfyDash has changed the tables; comfydash.E004: the database does not answer."""
    if not databases:
        return []
    try:
        unknown = schema().unknown
    except DatabaseError as error:
        if settings.DATABASE_URL:
            sentence = database.at_the_terminal(error, settings.DATABASES["default"])
        else:
            sentence = database.explain(error, settings.DATABASE_FILE)
        return [Error(sentence, hint="See docs/deployment.md, Database.", id="comfydash.E004")]
    if not unknown:
        return []
    names = ", ".join(f"{app}.{name}" for app, name in sorted(unknown))
    return [
        Error(
            f"A newer ComfyDash changed the database in ways that version {settings.VERSION} does not know: {names}.",
            hint="Start the newer version again, or restore the backup that was made before (docs/deployment.md).",
            id="comfydash.E003",
        )
    ]


def why_not_writable(folder: Path) -> str:
    """What the system says when a file is made there, or where the folder would be made; empty when it can be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
