"""How dropped usage files are imported."""

from dataclasses import dataclass
from typing import Self

from stacks.config.reading import Json, check_known, read_integer
from stacks.config.target import Target


@dataclass(frozen=True, kw_only=True)
class UsageDrop:
    """Settings of the import of dropped files.

    Attributes
    ----------
    part_kb : int
        Text that is loaded in one go, in KB: a file that holds no more (unpacked) isn't split.
    lanes : int
        In how many lanes a larger one is loaded, side by side. All of a customer's usage is in one lane.
    wait_seconds : int
        How long a file waits until it asks again whether an earlier one of its name has been imported.
    """

    part_kb: int
    lanes: int
    wait_seconds: int

    @classmethod
    def parse(cls, values: Json, *, target: Target) -> Self:
        """Check `usage_drop`."""
        path = "usage_drop"
        check_known(values, path, *cls.__dataclass_fields__)
        # A wait is nine events of an execution's history, which AWS ends at 25,000: at 30 s, after a day of waiting.
        least_wait = 30 if target is Target.AWS else 1
        return cls(
            # A part for each lane is in memory while a file is split: 100 of 16 MB would not fit.
            part_kb=read_integer(values, path, "part_kb", least=1, most=16_384),
            lanes=read_integer(values, path, "lanes", least=1, most=40),
            wait_seconds=read_integer(values, path, "wait_seconds", least=least_wait, most=3600),
        )
