"""Bring one file: from a URL to a complete, verified file under its final name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from downloads.transfer.backoff import Backoff
from downloads.transfer.disk.confined import folder_confined, open_confined, stat_confined, storage_refusal, writing
from downloads.transfer.disk.model_path import parse_model_path
from downloads.transfer.disk.space_needed import check_reserve, check_room, without_room
from downloads.transfer.errors import RangeRefused, no_model_is_a_refusal
from downloads.transfer.locate import locate
from downloads.transfer.part.file import Partial, discard_partial, partial_bytes
from downloads.transfer.part.hasher import Hasher
from downloads.transfer.part.journal import Identity
from downloads.transfer.part.local_copy import LocalCopy, publish_link
from downloads.transfer.part.names import PART_SUFFIX, number_begun, stem
from downloads.transfer.part.syncer import Syncer
from downloads.transfer.progress import ProgressReporter
from downloads.transfer.segments.plan import SMALLEST
from downloads.transfer.segments.pool import ConnectionPool
from downloads.transfer.segments.tuner import Tuner
from downloads.transfer.session import Session
from downloads.transfer.source import Source, SourceChanged
from downloads.transfer.types import Options, Published, Tick, Wanted
from hosts.answers import Facts, Located
from modelfiles.structure import check_open
from volumes.checksum import sha256_of_open
from volumes.files import sync_folder
from webclient.errors import Stopped, TransferError, Transient, path_taken
from webclient.url_policy import shown

MAX_CHANGES = 3  # times a file may change under our hands before we give up
FLUSHED_ONCE = 16 << 20  # bytes: what a power cut may cost of a file that is never flushed on the way
BELIEVED = 3  # refusals to continue in the middle before the bytes that are there are given up


@dataclass(frozen=True)
class Arrived:
    """A file that is complete, verified and on the platter, and that has not got its name yet."""

    result: Published
    root: Path
    rename: Callable[[], None]  # gives it the name. Raises TransferError, OSError, Stopped

    @property
    def folder(self) -> tuple[Path, str]:
        """Root, and path below it, of the folder that makes the name durable once it is synced."""
        return self.root, self.result.path.rpartition("/")[0]


Publish = Callable[[Arrived], bool]


def fetch(
    wanted: Wanted,
    options: Options,
    tick: Tick,
    facts: Facts | None = None,
    *,
    publish: Publish | None = None,
    session: Session | None = None,
) -> Published:
    """Bring a file, resuming what is there. Raises TransferError, and Stopped when tick or publish say so.

    tick is called from this thread at least twice a second. publish is asked at the end: it renames the file and makes
    that durable, or answers False. facts are those of an earlier probe: when the host has another
    file now, a warning says so. A session is shared with other files of the same install.
    """
    wanted = replace(wanted, path=_checked(wanted))
    place = wanted.root / wanted.path
    with nullcontext(session) if session else Session(options) as session:
        try:
            return Transfer(session, wanted, options, tick, facts).run(publish or _publish)
        except OSError as error:  # a disk that fails in a way that has no name yet, a folder that vanished
            sentence = f"{place} could not be written: {error.strerror or error}. Check the volume, then retry."
            raise storage_refusal(error, place) or TransferError(sentence, reason="not_writable") from error


def _publish(arrived: Arrived) -> bool:
    arrived.rename()
    sync_folders([arrived.folder])
    return True


def _checked(wanted: Wanted) -> str:
    """The composed path, or the decomposed one of a file that is here or begun under it: it is one name to a person.

    Raises TransferError (forbidden_path).
    """
    path = parse_model_path(wanted.path)
    if path == wanted.path:
        return path
    begun = stem(wanted.path, number_begun(wanted.root, wanted.path)) + PART_SUFFIX
    written = any(stat_confined(wanted.root, name) for name in (wanted.path, begun))
    return wanted.path if written else path


class Transfer:
    def __init__(self, session: Session, wanted: Wanted, options: Options, tick: Tick, facts: Facts | None) -> None:
        self.session, self.client, self.hosts = session, session.client, session.hosts
        self.wanted, self.options, self.earlier = wanted, options, facts
        self.warnings: list[str] = []
        self.fetched = 0  # bytes received by this call
        self.changes = 0
        self.refusals = 0  # answers that did not continue where bytes were at stake
        self._furthest = 0  # bytes that were there at once
        self.backoff = Backoff(options, tick, host=session.host_of(wanted.url), pauses_of_hosts=session.pauses)
        self.reporter = ProgressReporter(options, tick, self.backoff)

    def run(self, publish: Publish) -> Published:
        place = self.session.take(self.wanted.url) or self._locate()
        self._check_expected(place.facts)
        self.backoff.bytes_total = place.facts.size
        if place.facts.warning:
            self.warnings.append(place.facts.warning)
        if not self.wanted.replace and (there := self._already_there(place.facts)):
            return there
        try:
            return self._from_local_copies(place.facts, publish) or self._from_host(place, publish)
        except TransferError as refusal:
            if refusal.reason != "disk_full" or refusal.missing_bytes:
                raise
            raise without_room(refusal, self.wanted, self.backoff.bytes_total, self.options.disk_reserve) from refusal

    def _locate(self) -> Located:
        self.backoff.bytes_done = partial_bytes(self.wanted.root, self.wanted.path)
        self.backoff.bytes_total = self.earlier.size if self.earlier else None
        return self.backoff.through(lambda: locate(self.client, self.hosts, self.wanted.url))

    def _from_host(self, place: Located, publish: Publish) -> Published:
        check_room(self.wanted, place.facts.size, self.options.disk_reserve)
        with Partial(self.wanted.root, self.wanted.path, self.options.fence) as partial:
            if not partial.adopt(Identity.of(place.facts)):
                self.warnings.append("The file at its source changed, so the bytes fetched earlier were given up.")
            self._furthest = self.backoff.bytes_done = partial.bytes_done
            try:
                return self._bring(partial, Source(self.client, self.hosts, place), publish)
            except TransferError as refusal:
                if refusal.reason in {"not_a_model", "checksum_mismatch"} and not refusal.retry:
                    partial.discard()  # these bytes are good for nothing
                raise

    # --- before the first byte -------------------------------------------------------------------------------------

    def _check_expected(self, facts: Facts) -> None:
        """A pinned file must be the one the host has. A listed one that changed since is only worth a warning."""
        wanted = self.wanted
        other_hash = wanted.sha256 and facts.sha256 and wanted.sha256.lower() != facts.sha256
        other_size = wanted.size is not None and facts.size is not None and wanted.size != facts.size
        if other_hash or other_size:
            raise TransferError(
                f"{shown(wanted.url)} has another file now than the one that is wanted. "
                "Look for the old one at its source, or renew the lock file.",
                reason="source_changed",
            )
        if self.earlier and not Identity.of(self.earlier).same_bytes(Identity.of(facts)) and self._known(self.earlier):
            self.warnings.append("The file at its source changed since it was listed; the newer one is fetched.")

    @staticmethod
    def _known(facts: Facts) -> bool:
        return bool(facts.sha256 or facts.etag or facts.modified)

    def _already_there(self, facts: Facts) -> Published | None:
        """The file that stands under the final name when it is the wanted one; it is hashed to be sure."""
        found = stat_confined(self.wanted.root, self.wanted.path)
        if found is None:
            return None
        expected = self.wanted.sha256.lower() or facts.sha256
        is_file = stat.S_ISREG(found.st_mode)
        if expected and is_file and found.st_size == (facts.size if facts.size is not None else found.st_size):
            digest = self.reporter.watch(self._hash_existing, lambda: found.st_size, found.st_size)
            if digest == expected:
                return self._published(found, digest, facts)
        raise path_taken(self.wanted.path)

    def _hash_existing(self) -> str:
        with os.fdopen(open_confined(self.wanted.root, self.wanted.path, os.O_RDONLY), "rb") as file:
            return sha256_of_open(file)

    # --- the same bytes, here already ---------------------------------------------------------------------------

    def _from_local_copies(self, facts: Facts, publish: Publish) -> Published | None:
        """Link or copy the first file that has the wanted bytes indeed."""
        expected = self.wanted.sha256.lower() or facts.sha256
        for root, path in self.wanted.local_copies if expected else ():
            try:
                copy = LocalCopy(root, path)
            except (TransferError, OSError):  # gone, or something else by now
                continue
            try:
                if facts.size not in {None, copy.size}:
                    continue
                if there := self._from_copy(copy, expected, facts, publish):
                    return there
                self.warnings.append(f"{path} is on record with the same content, but its bytes have changed.")
            finally:
                copy.leave()
                copy.close()
        return None

    def _from_copy(self, copy: LocalCopy, expected: str, facts: Facts, publish: Publish) -> Published | None:
        """None when its bytes are others."""
        root, path = self.wanted.root, self.wanted.path
        root.mkdir(parents=True, exist_ok=True)
        with copy.linked(root, path, self.options.fence) as is_linked:
            if is_linked:
                digest = self.reporter.watch(copy.hexdigest, lambda: copy.read, copy.size)
                if digest != expected:
                    return None
                self.warnings.append(
                    f"{path} is a link to {copy.path}, which has the same content: nothing was fetched."
                )
                result = self._published(os.fstat(copy.handle), digest, facts)
                self._hand_over(
                    result, lambda: publish_link(root, path, self.options.fence, replace=self.wanted.replace), publish
                )
                with suppress(TransferError):  # somebody writes there: what was begun is theirs
                    discard_partial(root, path, self.options.fence)
                return result
        return self._copy(copy, expected, facts, publish)

    def _copy(self, copy: LocalCopy, expected: str, facts: Facts, publish: Publish) -> Published | None:
        check_room(self.wanted, facts.size, self.options.disk_reserve)
        with Partial(self.wanted.root, self.wanted.path, self.options.fence) as partial:
            partial.adopt(Identity.of(replace(facts, size=copy.size, sha256=expected)))
            hasher = Hasher(partial)
            try:
                self.reporter.watch(lambda: copy.fill(partial), lambda: copy.read, copy.size)
                self._finish_hashing(partial, hasher, copy.size)
            finally:
                copy.leave()
                hasher.stop()
            if hasher.hexdigest() != expected:
                partial.start_over(Identity.of(facts))
                return None
            self.warnings.append(f"{self.wanted.path} is a copy of {copy.path}, which has the same content.")
            return self._finish(partial, facts, copy.size, expected, publish)

    # --- the bytes -------------------------------------------------------------------------------------------------

    def _bring(self, partial: Partial, source: Source, publish: Publish) -> Published:
        for last_chance in (False, True):
            hasher = Hasher(partial)
            try:
                size = self._fill(partial, source, hasher)
                self.reporter.tell("verifying", size, size)
                self._finish_hashing(partial, hasher, size)
                digest = hasher.hexdigest()
            finally:
                hasher.stop()
            expected = self.wanted.sha256.lower() or source.facts.sha256
            if not expected or digest == expected:
                return self._finish(partial, source.facts, size, digest, publish)
            if not last_chance:
                self.warnings.append("The file arrived with a wrong checksum and was fetched once more.")
                self._furthest = 0
                partial.start_over(partial.identity)
        raise TransferError(
            f"{self.wanted.path} arrived twice with another SHA-256 than {shown(self.wanted.url)} promises. "
            "Nothing was installed. Try later or another network; a proxy may change files on the way.",
            reason="checksum_mismatch",
        )

    def _fill(self, partial: Partial, source: Source, hasher: Hasher) -> int:
        """Until every byte is on disk; the size."""
        whole = not (source.facts.resumable and source.facts.size)
        syncer = Syncer(partial) if _is_worth_syncing(partial, source.facts.size) else None
        tuner = Tuner(self._most_connections(source.facts.size), self._grant)
        try:
            while True:
                self.backoff.leave_alone()
                if whole and partial.bytes_done:
                    partial.start_over(partial.identity)
                partial.reserve()
                pool = ConnectionPool(partial, source, hasher, self.options, self.session.limit, tuner, whole=whole)
                try:
                    pool.run(lambda pool=pool: self._report_progress(pool, partial, syncer))  # type: ignore[misc]
                    return pool.ended_at if pool.ended_at is not None else source.facts.size or 0
                except RangeRefused:
                    whole = self._give_up_ranges(pool, partial)
                except SourceChanged as changed:
                    self._change(partial, source, changed.place)
                    whole = not (source.facts.resumable and source.facts.size)
                except Transient as failure:
                    self._pause(pool, partial, failure)
                finally:
                    self.fetched += pool.received
        finally:
            self._grant(0)
            if syncer:
                syncer.stop()

    def _most_connections(self, size: int | None) -> int:
        """No more than there is work for."""
        return self.options.connections if size is None else min(self.options.connections, 1 + size // SMALLEST)

    def _grant(self, wanted: int) -> int:
        return self.session.connections.grant(self, wanted, self.options.connections)

    def _give_up_ranges(self, pool: ConnectionPool, partial: Partial) -> bool:
        """Whether to fetch the file whole. Where bytes would be lost, one odd answer is not believed."""
        if not partial.bytes_done:
            return True
        self.refusals = 1 if partial.bytes_done > self._furthest else self.refusals + 1
        if self.refusals < min(BELIEVED, self.options.max_attempts):
            self._pause(pool, partial, Transient("The host did not continue where it was asked to. It is tried again."))
            return False
        self.warnings.append("The host cannot continue in the middle of this file; it was fetched whole.")
        self._furthest = 0
        return True

    def _change(self, partial: Partial, source: Source, place: Located) -> None:
        self.changes += 1
        self._check_expected(place.facts)
        if self.changes > MAX_CHANGES:
            raise TransferError(
                f"{shown(self.wanted.url)} keeps changing while it is fetched. Try again later.",
                reason="source_changed",
            )
        self.warnings.append("The file at its source changed in the middle; it was fetched anew from the start.")
        source.place, self._furthest, self.backoff.bytes_total = place, 0, place.facts.size
        partial.start_over(Identity.of(place.facts))

    def _pause(self, pool: ConnectionPool, partial: Partial, failure: Transient) -> None:
        done = partial.bytes_done
        if done > self._furthest:  # not just received: a host without Range may drop every attempt at the same place
            self._furthest = done
            self.backoff.progressed()
        self.backoff.bytes_done = done
        self.backoff.after(failure)

    def _report_progress(self, pool: ConnectionPool, partial: Partial, syncer: Syncer | None) -> None:
        """Called several times a second while bytes arrive; tells when it is time. Raises Stopped."""
        if not self.options.fence.holds():
            raise Stopped
        if syncer:
            syncer.raise_error()
        if not pool.source.facts.size:  # what nobody tells beforehand must not eat the reserve meanwhile
            check_reserve(self.wanted, self.options.disk_reserve)
        if self.reporter.received(self.fetched + pool.received):
            size, count = pool.source.facts.size, len(pool.connections)
            self.reporter.tell("downloading", partial.bytes_done, size, count, writing=pool.waits_for_disk)

    def _finish_hashing(self, partial: Partial, hasher: Hasher, size: int) -> None:
        """What is left to hash once the last byte is there."""
        while not hasher.wait(size, self.options.tick_interval):
            self.reporter.tell("verifying", partial.bytes_done, size)

    # --- the end ---------------------------------------------------------------------------------------------------

    def _finish(self, partial: Partial, facts: Facts, size: int, digest: str, publish: Publish) -> Published:
        with os.fdopen(os.dup(partial.handle), "rb") as file, no_model_is_a_refusal():
            self.warnings.extend(check_open(file, size, self.wanted.path.rpartition("/")[2]))
        found = self.reporter.watch(lambda: partial.finish(size), lambda: size, size, writing=True)
        result = self._published(found, digest, facts)
        self._hand_over(result, lambda: partial.publish(replace=self.wanted.replace), publish)
        partial.forget_journal()
        return result

    def _hand_over(self, result: Published, rename: Callable[[], None], publish: Publish) -> None:
        """Raises Stopped when it is wanted no more."""
        self.reporter.tell("verifying", result.size, result.size)
        if not publish(Arrived(result, self.wanted.root, rename)):
            raise Stopped

    def _published(self, found: os.stat_result, digest: str, facts: Facts) -> Published:
        return Published(
            path=self.wanted.path,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            sha256=digest,
            etag=facts.etag,
            commit=facts.commit,
            url=self.wanted.url,
            fetched_bytes=self.fetched,
            attempts=self.backoff.total,
            warnings=tuple(dict.fromkeys(self.warnings)),
            verified=digest in {self.wanted.sha256.lower(), facts.sha256},
        )


def _is_worth_syncing(partial: Partial, size: int | None) -> bool:
    """While bytes arrive; so few as others lack are flushed once, at the end."""
    return size is None or size - partial.bytes_done > FLUSHED_ONCE


def sync_folders(folders: Iterable[tuple[Path, str]]) -> None:
    """Make the names in these folders (root, and path below it) durable, each folder once. Raises OSError."""
    for root, path in dict.fromkeys(folders):
        with folder_confined(root, f"{path}/x" if path else "x") as (folder, _), writing(root / path):
            sync_folder(folder)
