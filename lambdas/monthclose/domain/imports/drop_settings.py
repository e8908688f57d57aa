"""How dropped usage files are imported: what the deployment sets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DropSettings:
    """How dropped usage files are imported.

    Parameters
    ----------
    part_kb : int
        Text that is loaded in one go, in KB: a file with no more text than that (unpacked) isn't split.
    lanes : int
        The number of lanes in which a larger one is loaded, side by side. All of a customer's usage is in one lane.
    wait_seconds : int
        Pause after which a file that waits for an earlier one of its name is tried again.
    rows_per_second_while_closing : int
        The most rows that the lanes import together, and the most that the command does, while a close runs; 0 for no
        bound. Each late row may be another customer's, and a write into the table that the close writes into, too: at
        2,000 a second half of what a new table takes is left for it.
    """

    part_kb: int = 8192
    lanes: int = 16
    wait_seconds: int = 60
    rows_per_second_while_closing: int = 2000
