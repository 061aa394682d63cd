"""What a person set reaches the engine."""

from downloads.transfer_options import transfer_options
from settings_app import preferences


def test_the_engine_leaves_the_disk_reserve_alone(db: None) -> None:
    preferences.store("disk_reserve", "7GB")
    assert transfer_options().disk_reserve == 7_000_000_000
