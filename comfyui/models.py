"""What was last seen of ComfyUI, who watches it, and which of its jobs are in the log already."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ComfyState(models.Model):
    """The one row that pages read: what the poller saw last. Its numbers may be old; seen_at says how old."""

    ONLY = 1

    class State(models.TextChoices):
        UNKNOWN = "unknown", "Not looked yet"
        UP = "up", "Running"
        DOWN = "down", "Not running"
        SLOW = "slow", "Not answering"
        LOGIN = "login", "Wants a login"
        CERTIFICATE = "certificate", "Certificate not trusted"
        NOT_COMFYUI = "not_comfyui", "Something else"
        BROKEN = "broken", "Out of order"

    url = models.CharField(max_length=500, blank=True)  # without credentials
    state = models.CharField(max_length=20, choices=State, default=State.UNKNOWN)
    sentence = models.CharField(max_length=500, blank=True)
    version = models.CharField(max_length=50, blank=True)
    frontend = models.CharField(max_length=50, blank=True)
    device = models.CharField(max_length=100, blank=True)
    on_cpu = models.BooleanField(default=False)
    memory_total = models.BigIntegerField(default=0)  # bytes: of the GPU, or of the machine where it runs on the CPU
    memory_free = models.BigIntegerField(default=0)
    queue_remaining = models.IntegerField(null=True)
    checked_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)  # when it last answered
    log_begun = models.BooleanField(default=False)  # what had ended before that is history, not news
    checked_installs_at = models.DateTimeField(null=True)  # installs completed until then were looked for

    class Meta:
        db_table = "comfyui_state"
        verbose_name = verbose_name_plural = "state of ComfyUI"

    def __str__(self) -> str:
        return self.get_state_display()

    @classmethod
    def get(cls) -> ComfyState:
        row, _ = cls.objects.get_or_create(pk=cls.ONLY)
        return row


class Report(models.Model):
    """What ComfyUI said of its folders, node types and templates, kept for when it is down; and what we use of it."""

    FOLDERS, ACCEPTED, CHOSEN, NODES, TEMPLATES = "folders", "accepted", "chosen", "nodes", "templates"

    key = models.CharField(max_length=20, primary_key=True)
    value = models.JSONField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "comfyui_report"

    def __str__(self) -> str:
        return f"{self.key}, {self.taken_at:%Y-%m-%d %H:%M} UTC"


class PollerLease(models.Model):
    """The one poller, whatever the number of processes and machines. It holds while it is renewed in time."""

    ONLY = 1

    holder = models.CharField(max_length=40, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "comfyui_poller"

    def __str__(self) -> str:
        return self.holder or "nobody"


class Generation(models.Model):
    """A job of ComfyUI that is in the log. Ids may be used again: only with the time of its start is a job unique."""

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        INTERRUPTED = "interrupted"
        REMOVED = "removed"
        LOST = "lost"

    OPEN = (State.PENDING, State.RUNNING)

    prompt_id = models.CharField(max_length=200)
    started_ms = models.BigIntegerField(default=0)  # by ComfyUI's clock; 0 until it has ended
    state = models.CharField(max_length=20, choices=State)
    noted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "comfyui_generation"
        constraints = [models.UniqueConstraint(fields=["prompt_id", "started_ms"], name="comfyui_generation_once")]
        indexes = [
            models.Index(
                fields=["prompt_id"], name="comfyui_generation_open", condition=Q(state__in=["pending", "running"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.prompt_id} {self.state}"
