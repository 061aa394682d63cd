"""What is known of files: what a host said of an address, and what stands on the disk and where it came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.utils import timezone

from activity.fields import MaskedTextField
from downloads.inventory.scan import canonical


class RemoteFile(models.Model):
    """What the Hub or a host said of a URL."""

    url = models.TextField(unique=True)
    size = models.PositiveBigIntegerField(null=True, help_text="bytes")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    etag = models.CharField(max_length=200, blank=True, default="")
    commit = models.CharField(max_length=64, blank=True, default="")
    gated = models.BooleanField(default=False)
    refusal = models.CharField(max_length=32, blank=True, default="", help_text="reason code of the last answer")
    refusal_message = MaskedTextField(blank=True, default="")
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "remote_file"

    def __str__(self) -> str:
        return self.url

    @classmethod
    def forget_refusals(cls, urls: Iterable[str]) -> None:
        """The next look asks the host again instead of believing the last answer."""
        cls.objects.filter(url__in=list(urls)).exclude(refusal="").update(refusal="", refusal_message="")


class ModelFile(models.Model):
    """What is on disk and where it came from. Written when a file is published."""

    path = models.CharField(max_length=1024, unique=True, help_text="relative to the models folder")
    size = models.PositiveBigIntegerField(help_text="bytes")
    mtime_ns = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True, default="", db_index=True)
    url = models.TextField(blank=True, default="")
    etag = models.CharField(max_length=200, blank=True, default="")
    commit = models.CharField(max_length=64, blank=True, default="")
    installed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "model_file"
        verbose_name = "model file"

    def __str__(self) -> str:
        return self.path

    @classmethod
    def renew(cls, path: str, size: int, mtime_ns: int, sha256: str, url: str) -> None:
        """These bytes were hashed just now. Where they came from stays written down, if they are the same as before."""
        cls.forget_other_names(path)
        stamp = {"size": size, "mtime_ns": mtime_ns, "sha256": sha256}
        if not cls.objects.filter(path=path, sha256=sha256).update(**stamp):
            cls.objects.update_or_create(path=path, defaults={**stamp, "url": url, "etag": "", "commit": ""})

    @classmethod
    def record(cls, files: Iterable[Self]) -> None:
        """Write these records, in place of older ones of the same paths. In a transaction."""
        records = list(files)
        cls.forget_other_names(*(record.path for record in records))
        names = [field.name for field in cls._meta.fields if field.name not in {"id", "path"}]
        cls.objects.bulk_create(records, update_conflicts=True, unique_fields=["path"], update_fields=names)

    @classmethod
    def forget_other_names(cls, *paths: str) -> None:
        """One place has one record: unet and diffusion_models are one folder, and é is one name."""
        places = {canonical(path) for path in paths}
        same = [other for other in cls.objects.values_list("path", flat=True) if canonical(other) in places]
        if others := set(same) - set(paths):
            cls.objects.filter(path__in=others).delete()
