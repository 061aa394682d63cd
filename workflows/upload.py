"""A file that somebody drops or pastes: judged without storing it, and kept only when a person says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from volumes.files import create_new
from workflowfiles import scan_bytes, workflow_json
from workflows import library
from workflows.library import LOCAL
from workflows.readiness import Judged, install_id, judge

_SALT = "workflows.upload"
_LONGEST_NAME = 100  # characters
LARGEST_FORM = 1_500_000  # characters of a packed workflow that a form carries back


class TooLarge(ValueError):
    pass


class CannotSave(ValueError):
    pass


@dataclass(frozen=True)
class Dropped:
    """``text`` is the workflow as JSON, "" when the file holds none; ``name`` is safe as a file name."""

    name: str
    text: str
    judged: Judged

    @property
    def install_id(self) -> str:
        return install_id(f"dropped:{self.name}")

    @property
    def packed(self) -> str:
        """What the forms on its page carry, so that the server keeps nothing; "" when it is too large for that."""
        packed = signing.dumps([self.name, self.text], salt=_SALT, compress=True) if self.text else ""
        return packed if len(packed) <= LARGEST_FORM else ""


def look_at(data: bytes, name: str = "") -> Dropped:
    name = safe_name(name)
    return Dropped(name, workflow_json(data), judge(scan_bytes(data)))


def unpack(packed: str) -> Dropped:
    """What a page of ours carried. Raises ValueError with a sentence when it is not as we packed it."""
    try:
        name, text = signing.loads(packed, salt=_SALT)
    except (signing.BadSignature, ValueError) as error:
        raise ValueError("The page is out of date. Drop the file again.") from error
    return look_at(text.encode("utf-8", "replace"), name)


def read_request(request: HttpRequest) -> tuple[bytes, str]:
    """Content and name of a body, raw or multipart, or of a pasted text. Raises TooLarge, and ValueError for none.

    Of a raw body not more is read than is allowed.
    """
    limit: int = settings.WORKFLOW_UPLOAD_MAX
    content_type = (request.content_type or "").lower()
    if content_type == "multipart/form-data":
        upload = next(iter(request.FILES.values()), None)
        if isinstance(upload, UploadedFile):
            if (upload.size or 0) > limit:
                raise _too_large(limit)
            return upload.read(), upload.name or ""
    if content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        text = request.POST.get("text", "").strip()
        if not text:
            raise ValueError("There is no file in it. Choose a workflow (JSON) or a picture that carries one.")
        return text.encode("utf-8", "replace"), "pasted"
    data = request.read(limit + 1)
    if len(data) > limit:
        raise _too_large(limit)
    if not data:
        raise ValueError("The body is empty. Send a workflow (JSON) or a picture that carries one.")
    return data, ""


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file is larger than {limit >> 20} MB, which no workflow is. Check what it is.")


def safe_name(name: str) -> str:
    """A file name without its extension that every system can store."""
    stem = re.sub(r"\.(json|png|webp|jpe?g|flac|opus|ogg|mp4|mov)$", "", Path(name.replace("\\", "/")).name, flags=re.I)
    plain = re.sub(r"[^\w ()+,.-]+", "-", stem).strip(" .-")[:_LONGEST_NAME].strip(" .-")
    return plain or "workflow"


def save(dropped: Dropped) -> str:
    """Keep it in the first folder of workflows; the id it has from now on. An older file is never replaced.

    Raises CannotSave.
    """
    if not dropped.text:
        raise CannotSave("There is no workflow in this file, so there is nothing to save.")
    folder: Path = settings.WORKFLOW_DIRS[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = _write_new(folder, dropped.name, dropped.text.encode("utf-8", "replace"))
    except OSError as error:
        raise CannotSave(f"{folder} cannot be written ({error.strerror}). Make it writable for this user.") from error
    library.forget()
    return f"{LOCAL}:{name}"


def _write_new(folder: Path, stem: str, data: bytes) -> str:
    """The name that the file got: with -2, -3 … when others have it. A half-written file never has a final name."""
    for number in range(1, 1000):
        name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
        try:
            create_new(folder / name, data)
        except FileExistsError:
            if (folder / name).read_bytes() == data:
                return name  # saved before
            continue
        return name
    raise CannotSave(f"There are too many workflows named {stem}. Rename the file and drop it again.")
