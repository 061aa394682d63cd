"""Fetching what a workflow lacks, as one install of its own: the same for button, API and command."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import reduce
from operator import or_

from django.db.models import Q

from downloads.inventory.scan import canonical
from downloads.models import ACTIVE, DownloadFile, DownloadHistory
from downloads.queue import Outcome, are_gated, ask_for, queued_before
from extension_points import WantedFile
from webclient.url_policy import masked
from workflowfiles.names import url_key
from workflows.matching import ModelState
from workflows.readiness import Judged

FEW = 50  # files; SQLite takes no condition of any length


class CannotInstall(ValueError):
    """Nobody knows where a file comes from, or its name may not be used."""


class UnconfirmedHosts(ValueError):
    """Files would come from hosts that nobody vouches for: a person has to confirm them by name."""

    def __init__(self, hosts: Collection[str]) -> None:
        self.hosts = sorted(hosts)
        super().__init__(
            f"This would fetch from {', '.join(self.hosts)}, which the catalogue does not know. "
            "Confirm the address if you trust it."
        )


def install(
    judged: Judged,
    preset_id: str,
    title: str,
    *,
    hosts: Collection[str] = (),
    urls: Collection[str] = (),
    conflict: str = "",
) -> Outcome:
    """Queue what is missing. ``hosts`` are those confirmed by a person, ``urls`` a choice among the providers.
    ``conflict`` (replace, keep_both) says what to do where other bytes have the place of a file.

    Raises CannotInstall and UnconfirmedHosts; nothing is queued then.
    """
    _refuse_what_cannot_be(judged, title)
    if not judged.to_fetch:
        more = " Fix what lies in the wrong place." if judged.verdict == "fixable" else ""
        return Outcome("already_installed", None, f"Nothing has to be fetched for {title}.{more}")
    wanted = [_wanted(state, urls) for state in judged.to_fetch]
    unknown = {p.host for s in judged.to_fetch for p in s.providers if not p.known_host and p.url in _urls(wanted)}
    if unconfirmed := unknown - {host.lower() for host in hosts}:
        raise UnconfirmedHosts(unconfirmed)
    if row := DownloadHistory.objects.filter(preset_id=preset_id).active().first():
        row.wish(conflict)
        return queued_before(row, title)
    rest, others = _not_queued_yet(wanted)
    if not rest:
        names = ", ".join(sorted({f"“{row.title}”" for row in others}))
        return Outcome("already_queued", others[0], f"Everything that {title} lacks is queued already by {names}.")
    return ask_for(preset_id, title, rest, conflict=conflict, gated=are_gated(rest), counted=True)


def _refuse_what_cannot_be(judged: Judged, title: str) -> None:
    for state in judged.needed:
        if state.status == "invalid":
            raise CannotInstall(f"{title} cannot be installed. {state.problem}")
    nowhere = [state.use.name for state in judged.to_fetch if not state.can_fetch]
    if nowhere:
        raise CannotInstall(
            f"Nobody says where {', '.join(nowhere)} can be fetched from. Put it into the models folder yourself, "
            "or add a preset with its address."
        )


def _wanted(state: ModelState, urls: Collection[str]) -> WantedFile:
    provider = next((p for p in state.providers if p.url in urls or masked(p.url) in urls), state.providers[0])
    # Only the workflow's own word is pinned: what a host says of its file is asked anew when it is fetched.
    sha256 = state.use.sha256 if provider.url == state.use.url else ""
    return WantedFile(state.path, provider.url, provider.size_bytes, sha256)


def _urls(files: Collection[WantedFile]) -> set[str]:
    return {file.url for file in files}


def _ascii_end(path: str) -> str:
    """Of its name, what is written the same whether letters are composed or not."""
    return re.sub(r"(?s).*[^\x00-\x7f]", "", path.rpartition("/")[2])


def _not_queued_yet(wanted: list[WantedFile]) -> tuple[list[WantedFile], list[DownloadHistory]]:
    """What no active install brings already from the same address, and the installs that bring the others."""
    files = DownloadFile.objects.filter(download__status__in=ACTIVE).order_by("-pk")
    if len(wanted) <= FEW:  # the database leaves out most of a long queue
        files = files.filter(reduce(or_, (Q(path__endswith=_ascii_end(file.path)) for file in wanted), Q()))
    coming = {  # ids: a long queue is not made into rows for one look
        (canonical(path), url_key(url)): download
        for path, url, download in files.values_list("path", "url", "download_id")
    }
    rest = [file for file in wanted if (canonical(file.path), url_key(file.url)) not in coming]
    keys = [coming[key] for file in wanted if (key := (canonical(file.path), url_key(file.url))) in coming]
    rows = DownloadHistory.objects.in_bulk(set(keys))
    return rest, [rows[key] for key in keys if key in rows]
