"""Bringing files: probe what a host has, fetch it complete and verified, publish it atomically. Knows no Django."""

from downloads.transfer.addresses import check_address
from downloads.transfer.beneath import (
    delete_beneath,
    folder_beneath,
    link_beneath,
    move_beneath,
    open_beneath,
    stat_beneath,
)
from downloads.transfer.disk import DiskSpace, disk_space
from downloads.transfer.errors import Stopped, TransferError, folder_at_path, path_taken
from downloads.transfer.fetch import fetch
from downloads.transfer.options import Facts, Options, Progress, Published, Tick, Wanted
from downloads.transfer.partial import (
    PART_SUFFIX,
    STATE_SUFFIX,
    discard_partial,
    partial_bytes,
    recover_replaced,
    reserved_bytes,
    take_along,
)
from downloads.transfer.paths import parse_model_path
from downloads.transfer.probe import peek, probe, probe_all
from downloads.transfer.room import LEAST_MISSING
from downloads.transfer.structure import check_structure
from downloads.transfer.twin import LINK_SUFFIX

__all__ = [
    "LEAST_MISSING",
    "LINK_SUFFIX",
    "PART_SUFFIX",
    "STATE_SUFFIX",
    "DiskSpace",
    "Facts",
    "Options",
    "Progress",
    "Published",
    "Stopped",
    "Tick",
    "TransferError",
    "Wanted",
    "check_address",
    "check_structure",
    "delete_beneath",
    "discard_partial",
    "disk_space",
    "fetch",
    "folder_at_path",
    "folder_beneath",
    "link_beneath",
    "move_beneath",
    "open_beneath",
    "parse_model_path",
    "partial_bytes",
    "path_taken",
    "peek",
    "probe",
    "probe_all",
    "recover_replaced",
    "reserved_bytes",
    "stat_beneath",
    "take_along",
]
