"""The queue and its files.

The rows are the queue and the truth: a Huey message only wakes a worker up to look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import connections, models, router, transaction
from django.db.models import Case, F, Max, Min, Q, Value, When
from django.utils import timezone

from activity.database_clock import database_now
from activity.fields import MaskedTextField
from activity.models import Activity
from activity.socket_messages import EndKind
from downloads import events
from downloads.file_records import RemoteFile
from downloads.workers import WorkerLease, WorkerState
from extension_points import WantedFile


class Status(models.TextChoices):
    QUEUED = "queued"
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FileStatus(models.TextChoices):
    PENDING = "pending"
    DOWNLOADING = "downloading"
    RETRYING = "retrying"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"


ENDED_FILES = (FileStatus.COMPLETED, FileStatus.SKIPPED)  # here, for one reason or the other
LOOK_AHEAD = 50  # queued rows that are looked at for one whose hosts do not ask to wait
ACTIVE = (Status.QUEUED, Status.DOWNLOADING, Status.PAUSED, Status.WAITING)
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
WAITING_REASONS = frozenset(
    {"token_required", "token_invalid", "token_scope", "licence_required", "access_pending", "disk_full"}
)

# Where a status may come from. Every change of status is one UPDATE that is filtered by this table.
MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.PAUSED, Status.WAITING, Status.DOWNLOADING}),
    Status.DOWNLOADING: frozenset({Status.QUEUED}),
    Status.PAUSED: frozenset({Status.QUEUED, Status.DOWNLOADING}),
    Status.WAITING: frozenset({Status.QUEUED, Status.DOWNLOADING}),
    Status.COMPLETED: frozenset({Status.DOWNLOADING}),
    Status.FAILED: frozenset({Status.DOWNLOADING}),
    Status.CANCELLED: frozenset(ACTIVE),
}


class Conflict(models.TextChoices):
    """What to do with a place that other bytes have; "" asks a person."""

    REPLACE = "replace"
    KEEP_BOTH = "keep_both"


class WrongState(ValueError):
    """The state of the row does not allow the verb; the message names both."""


class DownloadHistoryQuerySet(models.QuerySet["DownloadHistory"]):
    def active(self) -> DownloadHistoryQuerySet:
        return self.filter(status__in=ACTIVE)

    def in_queue_order(self) -> DownloadHistoryQuerySet:
        """The running one first, then by place in the queue."""
        running_first = models.Case(models.When(status=Status.DOWNLOADING, then=0), default=1)
        return self.order_by(running_first, "position", "id")


class DownloadHistory(models.Model):
    """One install from queued to its end. Kept for ever; a retry is a new row."""

    preset_id = models.CharField(max_length=200, db_index=True)
    title = models.CharField(max_length=300)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    reason = models.CharField(max_length=32, blank=True, default="")
    error_message = MaskedTextField(blank=True, default="")
    force = models.BooleanField(default=False)
    conflict = models.CharField(
        max_length=16,
        choices=Conflict.choices,
        blank=True,
        default="",
        db_default="",
        help_text="what a person wants where other bytes have the place of a file",
    )
    files_completed = models.PositiveIntegerField(default=0)
    files_total = models.PositiveIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0, help_text="bytes; 0 until the host has said sizes")
    position = models.BigIntegerField(default=0)
    claim = models.PositiveIntegerField(default=0, help_text="counts claims; a worker writes only under its own")
    fence = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="of the lease that its worker claimed it under; 0 under a lock"
    )
    attempts = models.PositiveIntegerField(default=0, help_text="network tries of the worker")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="end of the back-off that it is in")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="when a waiting row was asked again")
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True, help_text="when it ended, however it ended")
    is_latest = models.BooleanField(
        default=True, db_default=True, editable=False, help_text="no later install of the same id is on record"
    )

    objects = DownloadHistoryQuerySet.as_manager()

    class Meta:
        db_table = "download_history"
        ordering = ("-id",)
        verbose_name = "download"
        verbose_name_plural = "download history"
        indexes = (
            models.Index(fields=["status", "position"], name="download_queue"),
            models.Index(fields=["-queued_at"], name="download_newest"),
            # Of a history of years only these are looked at: what went wrong and was not tried again, and the queue.
            models.Index(fields=["status", "-id"], condition=Q(is_latest=True), name="download_latest"),
            models.Index(fields=["preset_id"], condition=Q(is_latest=True), name="download_latest_of_id"),
            models.Index(
                fields=["position", "id", "status"],
                condition=Q(status__in=[s.value for s in ACTIVE]),
                name="download_place",
            ),
        )
        constraints = (
            # Double clicks, two tabs and two scripts are harmless: the database refuses the second one.
            models.UniqueConstraint(
                fields=["preset_id"], condition=Q(status__in=[s.value for s in ACTIVE]), name="one_active_per_preset"
            ),
            models.UniqueConstraint(fields=["status"], condition=Q(status="downloading"), name="one_install_at_a_time"),
        )

    def __str__(self) -> str:
        return f"{self.title} ({self.status})"

    def save(self, *args: Any, **options: Any) -> None:
        """A new one is the latest of its id from now on."""
        is_new = self._state.adding
        super().save(*args, **options)
        if is_new:
            DownloadHistory.objects.filter(preset_id=self.preset_id, pk__lt=self.pk, is_latest=True).update(
                is_latest=False
            )

    @classmethod
    def find_latest(cls) -> None:
        """Mark anew which are the latest of their ids: others may have written rows without looking."""
        later = cls.objects.filter(preset_id=models.OuterRef("preset_id"), pk__gt=models.OuterRef("pk"))
        cls.objects.filter(models.Exists(later), is_latest=True).update(is_latest=False)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def progress(self) -> float:
        """Percent of the install's bytes that are on disk, 0 to 100."""
        if self.status == Status.COMPLETED:
            return 100.0
        if not self.bytes_total:
            return 0.0
        return min(100.0, round(100 * self.bytes_done / self.bytes_total, 1))

    # --- the verbs of a person ---------------------------------------------------------------------------------

    def pause(self) -> None:
        self._move_or_refuse(Status.PAUSED, "paused")
        events.queue_updated()

    def resume(self) -> None:
        """Back into the queue at its old place. For a waiting row: look again whether the reason is gone."""
        resumable = {Status.PAUSED, Status.WAITING}
        self._move_or_refuse(Status.QUEUED, "resumed", news=False, came_from=resumable, reason="", error_message="")
        RemoteFile.forget_refusals(file.url for file in self.files.all())
        events.queue_updated()
        events.wake_worker()

    def cancel(self, *, keep_partial: bool = True) -> None:
        """End it. The bytes stay for a later install unless keep_partial is False."""
        with transaction.atomic():
            self._move_or_refuse(Status.CANCELLED, "cancelled", completed_at=database_now())
            if not keep_partial:
                self.files.update(discard=True)
        events.queue_updated()
        # The worker throws the bytes away: it may have the .part open this very moment.
        events.wake_worker()

    def check_retryable(self) -> None:
        """Raises WrongState unless it ended without its files."""
        if self.status not in {Status.FAILED, Status.CANCELLED}:
            raise self._refusal("retried")

    def wish(self, conflict: str) -> None:
        """Write down what to do where other bytes have the place of a file; "" leaves it as it is."""
        if conflict and conflict != self.conflict:
            self.conflict = conflict
            DownloadHistory.objects.filter(pk=self.pk).update(conflict=conflict)

    def skip(self) -> None:
        """To the end of the queue, with its bytes."""
        self.refresh_from_db()
        if self.status == Status.QUEUED:
            self.move("bottom")
            return
        with transaction.atomic():
            last = DownloadHistory.last_position()
            self._move_or_refuse(
                Status.QUEUED, "skipped", news=False, came_from={Status.DOWNLOADING}, position=last + 1
            )
        events.queue_updated()
        events.wake_worker()

    def move(self, to: str) -> None:
        """Change the place among the queued ones: top, up, down or bottom."""
        if to not in {"top", "up", "down", "bottom"}:
            raise ValueError("Say where to: top, up, down or bottom.")
        with transaction.atomic():
            self._lock_place()
            if to == "top":
                if self._queued_at(0) != (self.pk, self.position):
                    self._put(DownloadHistory.objects.active().aggregate(first=Min("position"))["first"] - 1)
            elif to == "bottom":
                self._put(DownloadHistory.last_position() + 1)
            else:
                self._take(lambda: self._neighbour(up=to == "up"))
        events.queue_updated()

    def place(self, index: int) -> None:
        """Stand at this place among the queued ones, 0 for the first; past the end is the end."""
        with transaction.atomic():
            self._lock_place()
            if self._queued_at(index):
                self._take(lambda: self._place_at(index))
            else:
                self._put(DownloadHistory.last_position() + 1)
        events.queue_updated()

    def _lock_place(self) -> None:
        """Places are changed by one at a time."""
        DownloadHistory.lock_queue()
        self.refresh_from_db()
        if self.status != Status.QUEUED:
            raise self._refusal("moved")

    @staticmethod
    def _queued_at(index: int) -> tuple[int, int] | None:
        """Id and place of the queued row that stands there; None past the end."""
        queued = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("position", "id")
        return next(iter(queued.values_list("pk", "position")[max(0, index) : max(0, index) + 1]), None)

    def _place_at(self, index: int) -> int | None:
        """The place of the queued row that stands there, None where that is this one."""
        row = self._queued_at(index)
        return None if row is None or row[0] == self.pk else row[1]

    def _neighbour(self, *, up: bool) -> int | None:
        """The place of the queued row before or after this one."""
        queued = DownloadHistory.objects.filter(status=Status.QUEUED)
        near = queued.filter(position__lt=self.position) if up else queued.filter(position__gt=self.position)
        found: int | None = near.aggregate(there=Max("position") if up else Min("position"))["there"]
        return found

    def _take(self, find: Callable[[], int | None]) -> None:
        """The place that ``find`` names, None for the own one.

        Where two rows share a place that is concerned, as two writers can leave it on PostgreSQL, all are numbered
        anew first: to look for it in the whole queue takes as long as the queue is.
        """
        there = find()
        concerned = {self.position} if there is None else {self.position, there}
        if DownloadHistory.objects.active().filter(position__in=concerned).count() > len(concerned):
            DownloadHistory.number_places()
            self.refresh_from_db(fields=["position"])
            there = find()
        if there is not None:
            self._pass(there)

    def _pass(self, there: int) -> None:
        """Take the place of another row; those between make room by one, each with the place of its neighbour."""
        active, here = DownloadHistory.objects.active(), self.position
        if there < here:
            active.filter(position__gte=there, position__lt=here).update(position=F("position") + 1)
        else:
            active.filter(position__gt=here, position__lte=there).update(position=F("position") - 1)
        self._put(there)

    def _put(self, position: int) -> None:
        if not DownloadHistory.objects.filter(pk=self.pk, status=Status.QUEUED).update(position=position):
            self.refresh_from_db()
            raise self._refusal("moved")
        self.position = position

    # --- the verbs of the worker ---------------------------------------------------------------------------------

    @classmethod
    def claim_next(
        cls, after: Callable[[DownloadHistory], bool] = lambda row: False, fence: int = 0
    ) -> DownloadHistory | None:
        """Take the next queued row, or None when there is none or one is downloading already.

        Rows that ``after`` says yes to come after the others, for as long as there are others near the head. ``fence``
        is that of the worker's lease, 0 under a lock: one whose lease is gone takes none.
        """
        with transaction.atomic():
            cls.lock_queue()
            if cls.objects.filter(status=Status.DOWNLOADING).exists():
                return None
            queued = cls.objects.filter(status=Status.QUEUED).order_by("position", "id")
            row = queued.first()
            if row is None:
                return None
            if after(row):
                row = next((other for other in queued[1:LOOK_AHEAD] if not after(other)), row)
            now = database_now()
            moved = row._move(
                Status.DOWNLOADING,
                "started",
                when=WorkerLease.unbroken(fence),
                claim=F("claim") + 1,
                fence=fence,
                retry_at=None,
                heartbeat_at=now,
                started_at=row.started_at or now,
                reason="",
                error_message="",
            )
            if not moved:
                return None
        events.queue_updated()
        return row

    def own(self) -> DownloadHistoryQuerySet:
        """The row, as long as it is this worker's: whatever it writes of an install is filtered by it."""
        return DownloadHistory.objects.filter(WorkerLease.unbroken(self.fence), pk=self.pk, claim=self.claim)

    def keep(self) -> bool:
        """In a transaction: nobody takes it away until that ends. False when somebody did."""
        return bool(self.own().update(heartbeat_at=timezone.now()))

    def take_over(self, fence: int) -> bool:
        """From a worker that is gone, so that nothing of it counts when it wakes up. 0: the kernel knows it is dead."""
        if not fence:
            return True
        rows = DownloadHistory.objects.filter(pk=self.pk, status=Status.DOWNLOADING, claim=self.claim)
        if not rows.filter(WorkerLease.unbroken(fence)).update(claim=F("claim") + 1, fence=fence):
            return False
        self.refresh_from_db()
        return True

    def beat(self, **fields: Any) -> bool:
        """Store progress under the own claim; False when the row is no longer this worker's to download."""
        return bool(self.own().filter(status=Status.DOWNLOADING).update(heartbeat_at=timezone.now(), **fields))

    def complete(self) -> bool:
        moved = self._move(
            Status.COMPLETED, "completed", claim_only=True, completed_at=database_now(), reason="", error_message=""
        )
        if moved:
            self._tell_end("download_complete")
        return moved

    def fail(self, reason: str, sentence: str) -> bool:
        moved = self._move(
            Status.FAILED,
            "failed",
            claim_only=True,
            completed_at=database_now(),
            reason=reason,
            error_message=sentence,
        )
        if moved:
            self._tell_end("download_failed")
        return moved

    def park(self, reason: str, sentence: str) -> bool:
        """Set it aside until the reason is gone; the queue goes on behind it."""
        moved = self._move(
            Status.WAITING,
            "waiting",
            claim_only=self.status == Status.DOWNLOADING,
            reason=reason,
            error_message=sentence,
            checked_at=database_now(),
        )
        if moved:
            self._tell_end("download_waiting")
        return moved

    def unpark(self) -> bool:
        """A waiting row whose reason is gone takes its place in the queue again."""
        moved = self._move(Status.QUEUED, "", came_from={Status.WAITING}, reason="", error_message="")
        if moved:
            events.queue_updated()
        return moved

    def give_back(self) -> bool:
        """A clean stop of the worker: the row keeps its place and continues at the next start."""
        moved = self._move(Status.QUEUED, "", came_from={Status.DOWNLOADING}, claim_only=True)
        if moved:
            events.queue_updated()
        return moved

    def _tell_end(self, kind: EndKind) -> None:
        in_trouble = self.files.exclude(error="").first()
        events.download_ended(
            {
                "type": kind,
                "preset_id": self.preset_id,
                "download_id": self.pk,
                "file": in_trouble.path if in_trouble else "",
                "reason": self.reason,
                "error": self.error_message,
                "retry_count": self.attempts,
            }
        )

    # --- the one door ----------------------------------------------------------------------------------------------

    def _move(
        self,
        to: Status,
        verb: str,
        *,
        came_from: Iterable[Status] | None = None,
        claim_only: bool = False,
        when: Q | None = None,
        **fields: Any,
    ) -> bool:
        """Compare-and-set of the status with its activity in one transaction; False when somebody was faster.

        ``verb`` is the activity's status, "" for a move that is no news. ``came_from`` narrows MOVES down, ``when``
        makes a further condition.
        """
        # What a running one waited for is over with that; why a waiting one is parked stays.
        over = Case(
            When(status=Status.DOWNLOADING, then=Value("")),
            default=F("error_message"),
            output_field=MaskedTextField(),
        )
        fields.setdefault("error_message", over)
        allowed = MOVES[to] if came_from is None else MOVES[to] & frozenset(came_from)
        rows = self.own() if claim_only else DownloadHistory.objects.filter(pk=self.pk)
        rows = rows.filter(when or Q(), status__in=allowed)
        with transaction.atomic():
            if not rows.update(status=to, **fields):
                return False
            self.refresh_from_db()
            if verb:
                Activity.log(
                    "download",
                    verb,
                    self.title,
                    self.error_message,
                    preset_id=self.preset_id,
                    download_id=self.pk,
                    **({"reason": self.reason} if self.reason else {}),
                )
        return True

    def _move_or_refuse(self, to: Status, verb: str, *, news: bool = True, **kwargs: Any) -> None:
        if not self._move(to, verb if news else "", **kwargs):
            self.refresh_from_db()
            raise self._refusal(verb)

    def _refusal(self, verb: str) -> WrongState:
        return WrongState(f"“{self.title}” is {self.status} and cannot be {verb} now.")

    @staticmethod
    def lock_queue() -> None:
        """In a transaction: on PostgreSQL the row that claims, moves and bulk retries take turns on.

        SQLite's IMMEDIATE transaction does so by itself.
        """
        WorkerState.objects.bulk_create([WorkerState(pk=WorkerState.ONLY)], ignore_conflicts=True)
        WorkerState.objects.select_for_update().get(pk=WorkerState.ONLY)

    @classmethod
    def number_places(cls) -> None:
        """Places from 1 in the order that stands, in one statement. Two at once may have taken the same one."""
        table, states = cls._meta.db_table, [str(status) for status in ACTIVE]
        marks = ", ".join(["%s"] * len(states))
        with connections[router.db_for_write(cls)].cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET position = numbered.place FROM (SELECT id, ROW_NUMBER() OVER "  # noqa: S608
                f"(ORDER BY position, id) AS place FROM {table} WHERE status IN ({marks})) AS numbered "
                f"WHERE {table}.id = numbered.id",
                states,
            )

    @classmethod
    def last_position(cls) -> int:
        return cls.objects.filter(status__in=ACTIVE).aggregate(last=Max("position"))["last"] or 0


# Of a file, what a worker finds out: the rest is as it was asked for.
OF_THE_WORKER = frozenset(
    {"path", "status", "bytes_done", "bytes_total", "sha256", "etag", "speed", "connections", "error"}
)


class DownloadFile(models.Model):
    download = models.ForeignKey(DownloadHistory, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=1024, help_text="relative to the models folder, as in the catalogue")
    url = models.TextField()
    optional = models.BooleanField(default=False)
    discard = models.BooleanField(default=False, help_text="cancelled with its bytes thrown away")
    status = models.CharField(max_length=16, choices=FileStatus.choices, default=FileStatus.PENDING)
    bytes_done = models.PositiveBigIntegerField(default=0, help_text="bytes on disk")
    bytes_total = models.PositiveBigIntegerField(default=0, help_text="bytes; 0 when unknown")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="expected")
    pinned = models.BooleanField(default=False, help_text="the SHA-256 was asked for, by a lock file or a workflow")
    etag = models.CharField(max_length=200, blank=True, default="")
    speed = models.FloatField(default=0, help_text="bytes per second, over the last seconds")
    connections = models.PositiveSmallIntegerField(default=0)
    error = MaskedTextField(blank=True, default="")

    class Meta:
        db_table = "download_file"
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["download", "path"], name="path_once_per_download"),)
        # Almost all files of a history are neither.
        indexes = (
            models.Index(
                fields=["download"],
                condition=~Q(status__in=[s.value for s in ENDED_FILES]),
                name="download_file_unfinished",
            ),
            models.Index(fields=["download"], condition=Q(discard=True), name="download_file_discard"),
        )

    def __str__(self) -> str:
        return self.path

    def wanted(self) -> WantedFile:
        pinned = self.sha256 if self.pinned else ""
        return WantedFile(self.path, self.url, self.bytes_total or None, pinned, self.optional)

    @classmethod
    def store_all(cls, files: Iterable[DownloadFile]) -> None:
        """What a worker writes of files, as it is now, in one statement. In a transaction that keeps their install."""
        fields = [field for field in cls._meta.concrete_fields if field.name in OF_THE_WORKER]
        connection = connections[router.db_for_write(cls)]
        rows = [
            [*(field.get_db_prep_save(getattr(file, field.attname), connection) for field in fields), file.pk]
            for file in files
        ]
        if rows:
            columns = ", ".join(f"{connection.ops.quote_name(str(field.column))} = %s" for field in fields)
            with connection.cursor() as cursor:
                cursor.executemany(f"UPDATE {cls._meta.db_table} SET {columns} WHERE id = %s", rows)  # noqa: S608

    @property
    def waits_for_disk(self) -> bool:
        """What is said of a file that moves, and is not tried again, is that what arrived is still being written."""
        return bool(self.error) and self.status in {FileStatus.DOWNLOADING, FileStatus.VERIFYING}

    @property
    def progress(self) -> float:
        """Percent, 0 to 100."""
        if self.status in ENDED_FILES:
            return 100.0
        return min(100.0, round(100 * self.bytes_done / self.bytes_total, 1)) if self.bytes_total else 0.0
