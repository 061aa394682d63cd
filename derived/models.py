"""The table of what is derived from files. Nothing in it is needed: whatever is missing is derived anew."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class DerivedValue(models.Model):
    """What the code of ``version`` derived from a file as it was; worth nothing once one of these is another."""

    kind = models.CharField(max_length=50)
    path = models.CharField(max_length=1024, help_text="as shown, or the name of what is no file")
    size = models.BigIntegerField(help_text="bytes")
    mtime_ns = models.BigIntegerField()
    version = models.CharField(max_length=100)
    made_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now, help_text="to the day: who reads does not write each time")
    value_bytes = models.PositiveBigIntegerField(help_text="0: there is nothing to be derived")
    value = models.BinaryField()  # the last column, so that SQLite finds the others without reading through it

    class Meta:
        db_table = "derived_value"
        constraints = [models.UniqueConstraint(fields=["kind", "path", "size", "mtime_ns"], name="one_value_per_state")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.path}"
