import pytest

from values.sizes import human_size, parse_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("500MB", 500_000_000),
        ("2 GB", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("50MB/s", 50_000_000),
        ("12345678901234567", 12345678901234567),
        ("9.31gb", 9_310_000_000),
        ("4,2 GB", 4_200_000_000),
        ("1,234 MB", 1_234_000_000),
        ("1,234.5MB", 1_234_500_000),
        ("1.234,5 MB", 1_234_500_000),
        ("1.234.567", 1_234_567),
        ("4,2 Go", 4_200_000_000),
        ("4.2 gigabytes", 4_200_000_000),
        ("2 GBytes", 2_000_000_000),
        ("1.5 gibibytes", 1_610_612_736),
        ("1 234 MB", 1_234_000_000),
        ("1\u202f234,5 Mo", 1_234_500_000),
        ("1'234 kB", 1_234_000),
        ("4.2\u00a0GB", 4_200_000_000),
        ("50MBps", 50_000_000),
        ("7 octets", 7),
    ],
)
def test_sizes_are_read_as_people_write_them(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "1e3", "1,5,5GB", "1,23,456MB", "١GB", "five", "1 XB", "1GB 2", "50Mbit/s", "1 23 MB"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (4_800_000_000, "4.8 GB"), (512_000, "512 kB"), (3e12, "3.0 TB")],
)
def test_sizes_are_shown_short(count, text):
    assert human_size(count) == text
