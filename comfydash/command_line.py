"""What every command of manage.py has in common: tables to work on, and an end without a traceback.

Whoever types a command may pipe it into ``head``, stop it, have a full disk or a terminal that knows ASCII alone, and
may do so before ComfyDash ever ran.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import signal
import sqlite3
import sys

OURS = ("activity", "comfydash", "comfyui", "downloads", "presets", "settings_app", "storage", "workflows")
# serve prepares by itself; the backup of a database that is not there is refused in its own words.
WITHOUT_TABLES = frozenset({"serve", "backup_database", "migrate"})
ALSO_WITH_TABLES = frozenset(  # commands of others that read or write them
    (
        *("run_huey", "changepassword", "clearsessions", "createsuperuser", "dbshell", "dumpdata", "loaddata"),
        *("remove_stale_contenttypes", "shell"),
    )
)
FAILED, BROKEN_PIPE, INTERRUPTED = 1, 128 + signal.SIGPIPE, 128 + signal.SIGINT


class OutputLost(OSError):
    """Standard output takes nothing any more."""


class Output(io.TextIOWrapper):
    """Says by an exception of its own that nobody reads, so that it is told from every other trouble with files."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputLost(error.errno, error.strerror) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputLost(error.errno, error.strerror) from error


def escaped(error: UnicodeError) -> tuple[str, int]:
    """A letter that the terminal cannot show becomes an escape that JSON and people read alike."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


def main(arguments: list[str]) -> int:
    codecs.register_error("comfydash.escaped", escaped)
    _open_streams()
    try:
        try:
            status = _run(arguments)
        except SystemExit as end:
            status = _status(end)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _leave("Stopped.", INTERRUPTED)
    except OutputLost as lost:
        if isinstance(lost.__cause__, BrokenPipeError):
            return _leave("", BROKEN_PIPE)  # the reader, like head, has had enough
        return _leave(f"The output could not be written ({lost.strerror}).", FAILED)
    return status


def _open_streams() -> None:
    if sys.stdout is None:  # started with it closed
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    elif isinstance(sys.stdout, io.TextIOWrapper):
        out, by_line = sys.stdout, sys.stdout.line_buffering
        sys.stdout = Output(out.detach(), encoding=out.encoding, errors="comfydash.escaped", line_buffering=by_line)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="comfydash.escaped")


def _status(end: SystemExit) -> int:
    if isinstance(end.code, str):
        sys.stderr.write(f"{end.code}\n")
        return FAILED
    return end.code or 0


def _leave(sentence: str, status: int) -> int:
    """What stays in the buffer goes nowhere, so that Python does not stumble over it on its way out."""
    with contextlib.suppress(OSError, ValueError):
        if sentence:
            sys.stderr.write(f"{sentence}\n")
            sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if stream is sys.stdout and status != INTERRUPTED:
                os.dup2(nowhere, stream.fileno())
            stream.flush()
    if status == INTERRUPTED:
        os._exit(status)  # threads that hang in a connect would hold up the end
    return status


def _run(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comfydash.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    from comfydash.serve.trouble import CannotStart

    try:
        if _needs_tables(arguments):
            _prepare(joins=arguments[1] != "adopt_workspace")
        execute_from_command_line(arguments)
    except (ImproperlyConfigured, CannotStart) as trouble:
        _say(str(trouble))
        return FAILED
    except (DatabaseError, sqlite3.Error) as error:
        from django.conf import settings

        from comfydash.recovery import database

        if settings.DATABASE_URL:
            _say(database.at_the_terminal(error, settings.DATABASES["default"]))
        else:
            _say(database.explain(error, settings.DATABASE_FILE))
        return FAILED
    return 0


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _needs_tables(arguments: list[str]) -> bool:
    name = arguments[1] if len(arguments) > 1 else ""
    if name in WITHOUT_TABLES or {"-h", "--help", "--version"} & set(arguments[2:]):
        return False
    if name in ALSO_WITH_TABLES:
        return True
    from comfydash.data_folders import BASE_DIR

    return any((BASE_DIR / app / "management" / "commands" / f"{name}.py").is_file() for app in OURS if name)


def _prepare(joins: bool) -> None:
    """Make folders, key and tables as serve does, under its lock, where they are missing. Raises CannotStart.

    ``joins``: whether the command works on the workspace of its database, and has to see the same one.
    """
    from comfydash import data_folders
    from comfydash.serve.folders import keep_private, prepare_data_dir
    from comfydash.serve.setup import load_django

    prepare_data_dir(data_folders.data_dir())
    keep_private(data_folders.data_dir())
    load_django()
    from comfydash.schema import schema

    found = schema()
    if not found.pending and not found.unknown:
        if joins:
            from comfydash import shared_workspace

            shared_workspace.join()
        return
    from comfydash.serve import prepare
    from comfydash.serve.locks import Role, RoleLock
    from comfydash.serve.trouble import CannotStart

    roles: tuple[Role, Role] = ("web", "worker")
    busy = [lock for lock in (RoleLock(data_folders.data_dir(), role) for role in roles) if not lock.is_free()]
    if busy and found.is_old:
        raise CannotStart(
            f"The database is of another version than this one, and in use by {busy[0].holder()}. "
            "Restart that ComfyDash first: it brings the tables up to date."
        )
    prepare._prepare_database(alone=not busy, joins=joins)
