"""The names of a file's tensors, indexed once, so that a rule looks something up instead of walking through them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from modelfiles.header import Tensor

MOST_TENSORS = 200_000  # real files have up to 95,000
LONGEST_NAME, DEEPEST_NAME = 400, 20  # what is longer or deeper is no name of a module
# What training and conversion leave behind, or put beside the model.
LEFTOVERS = re.compile(r"(?:model_ema|loss|lpips|optimizer|discriminator|teacher)\.|__|(?:first_stage_model\.)?loss\.")
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


class Names:
    """A mark is the dotted name of a tensor or of a module: ``img_in``, ``double_blocks.*.img_attn.norm``.

    In a mark ``*`` is any number; a number is that number alone, and then the mark is a whole tensor, or a module that
    holds tensors itself. Packed and quantised weights keep the name of their module, so marks leave ``.weight`` out.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = {
            name: tensor
            for name, tensor in tensors.items()
            if len(name) <= LONGEST_NAME and name.count(".") < DEEPEST_NAME and not LEFTOVERS.match(name)
        }
        self.patterns = {_NUMBER.sub("*", name) for name in self.tensors}
        self._starts = {start for pattern in self.patterns for start in _starts(pattern)}
        self._exact = {*self.tensors, *(name.rpartition(".")[0] for name in self.tensors)}

    def has(self, mark: str) -> bool:
        return mark in self._starts or mark in self._exact

    def shape(self, name: str) -> tuple[int, ...]:
        """Empty where there is no such tensor."""
        tensor = self.tensors.get(name)
        return tensor.shape if tensor else ()

    def most(self, holds: Callable[[str], object]) -> bool:
        """Whether it holds for more than half of the names."""
        return 2 * sum(1 for name in self.tensors if holds(name)) > len(self.tensors)

    def most_begin(self, beginning: str) -> bool:
        return self.most(lambda name: name.startswith(beginning))

    def all_begin(self, *beginnings: str) -> bool:
        return bool(self.tensors) and all(name.startswith(beginnings) for name in self.tensors)

    def any_begins(self, *beginnings: str) -> bool:
        return any(name.startswith(beginnings) for name in self.patterns)


def _starts(pattern: str) -> Iterator[str]:
    end = pattern.find(".")
    while end >= 0:
        yield pattern[:end]
        end = pattern.find(".", end + 1)
    yield pattern
