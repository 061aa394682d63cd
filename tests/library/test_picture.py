from __future__ import annotations

import pytest

from library.overview import space
from library.picture import picture

pytestmark = pytest.mark.django_db


def test_the_picture_of_an_empty_folder_is_still_a_picture() -> None:
    slices = picture(space())
    assert sum(piece.width for piece in slices) == pytest.approx(1000, abs=1)
