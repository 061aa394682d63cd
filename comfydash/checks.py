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

from comfydash import database, env
from comfydash.filesystem import file_system_type
from comfydash.schema import schema
from downloads.extra_paths import extra_model_paths
from downloads.transfer import outward
from volumes.files import keeps_modes

TAG = "comfydash"


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
    """comfydash.W007: read otherwise than written; W008: unknown; W009: no https; W010: nothing there."""
    found: list[CheckMessage] = [
        Warning(remark, hint="Write it so in the environment, and this line goes.", id="comfydash.W007")
        for remark in env.remarks
    ]
    for name, nearest in env.unknown():
        hint = f"Is {nearest} meant?" if nearest else "README.md lists those that there are."
        found.append(Warning(f"The variable {name} is not known and does nothing.", hint=hint, id="comfydash.W008"))
    if sentence := outward.certificate_problem():
        found.append(Warning(sentence, hint="Correct the variable and start again.", id="comfydash.W009"))
    if os.environ.get("COMFYDASH_WORKFLOW_DIRS", "").strip():
        found += [
            Warning(
                f"COMFYDASH_WORKFLOW_DIRS names {folder}, which is no folder here: no workflow is found there.",
                hint="Folders are separated by colons. Make it, or correct the variable.",
                id="comfydash.W010",
            )
            for folder in settings.WORKFLOW_DIRS
            if not folder.is_dir()
        ]
    return found


@register(TAG)
def open_to_the_network(**kwargs: Any) -> list[CheckMessage]:
    """comfydash.W004: no login, and listening on more than this machine."""
    host = os.environ.get("COMFYDASH_LISTEN_HOST", "127.0.0.1")
    if settings.AUTH_ON or host in {"localhost", "::1"} or host.startswith("127."):
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
def database_schema(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """comfydash.E003: a newer ComfyDash has changed the tables; comfydash.E004: the database does not answer."""
    if not databases:
        return []
    try:
        unknown = schema().unknown
    except DatabaseError as error:
        sentence = database.explain(error, "of DATABASE_URL" if settings.DATABASE_URL else settings.DATABASE_FILE)
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
