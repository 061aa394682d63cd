"""Bringing files: probe what a host has, fetch it complete and verified, publish it atomically. Knows no Django."""

from downloads.transfer.background import Task
from downloads.transfer.disk.confined import (
    delete_confined,
    folder_confined,
    link_confined,
    move_confined,
    open_confined,
    stat_confined,
)
from downloads.transfer.disk.model_path import parse_model_path
from downloads.transfer.disk.space import DiskSpace, disk_space
from downloads.transfer.disk.space_needed import LEAST_MISSING
from downloads.transfer.fetch import Arrived, fetch, sync_folders
from downloads.transfer.locate import probe, probe_all
from downloads.transfer.part.file import (
    discard_partial,
    partial_bytes,
    recover_replaced,
    reserved_bytes,
    take_along,
    take_from_earlier,
)
from downloads.transfer.part.names import LINK_SUFFIX, PART_SUFFIX, STATE_SUFFIX, begun_path, number_in
from downloads.transfer.remote_kind import remote_kind
from downloads.transfer.segments.throughput import Throughput
from downloads.transfer.session import Session
from downloads.transfer.types import UNFENCED, Fence, Options, Progress, Published, Tick, Wanted
from hosts.answers import Facts
from webclient.errors import Stopped, TransferError, folder_at_path, path_taken
from webclient.url_policy import check_address

__all__ = [
    "LEAST_MISSING",
    "LINK_SUFFIX",
    "PART_SUFFIX",
    "STATE_SUFFIX",
    "UNFENCED",
    "Arrived",
    "DiskSpace",
    "Facts",
    "Fence",
    "Options",
    "Progress",
    "Published",
    "Session",
    "Stopped",
    "Task",
    "Throughput",
    "Tick",
    "TransferError",
    "Wanted",
    "begun_path",
    "check_address",
    "delete_confined",
    "discard_partial",
    "disk_space",
    "fetch",
    "folder_at_path",
    "folder_confined",
    "link_confined",
    "move_confined",
    "number_in",
    "open_confined",
    "parse_model_path",
    "partial_bytes",
    "path_taken",
    "probe",
    "probe_all",
    "recover_replaced",
    "remote_kind",
    "reserved_bytes",
    "stat_confined",
    "sync_folders",
    "take_along",
    "take_from_earlier",
]
