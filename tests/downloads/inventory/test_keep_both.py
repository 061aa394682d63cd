from __future__ import annotations

import pytest

from downloads.inventory.keep_both import beside, original

pytestmark = pytest.mark.django_db(transaction=True)


def test_names_beside_lead_back_to_their_path():
    kept = beside("loras/a.b.safetensors", "1234abcd" * 8, "")
    assert kept == "loras/a.b-1234abcd.safetensors"
    assert original(kept) == ("loras/a.b.safetensors", "1234abcd")
    assert original("loras/a.safetensors") == ("", "")
