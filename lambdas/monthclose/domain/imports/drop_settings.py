"""How dropped usage files are imported: what the deployment sets."""

from dataclasses import dataclass

PACED_SECONDS = 600
"""What a function may take for the rows that it loads at the pace of a close: it has a quarter of an hour, and begins
nothing after 70% of it."""
MAX_REJECTED_PERCENT = 5
"""With more rejected rows an import counts as failed, though all others are taken, unless a setting says otherwise."""
_ROW_BYTES = 40
"""Rows are longer than that, as text: a customer, a SKU, a quantity and a time."""


def seconds_for(size: float, rows_per_second: float) -> float:
    """Say how many seconds so many bytes of rows take at most."""
    return size / _ROW_BYTES / rows_per_second


@dataclass(frozen=True, slots=True)
class DropSettings:
    """How dropped usage files are imported.

    Parameters
    ----------
    part_kb : int
        The most text that is loaded in one go, in KB; see `part_bytes`.
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

    @property
    def part_bytes(self) -> int:
        """Text that is loaded in one go, in bytes: a file with no more text than that (unpacked) isn't split.

        A part is loaded to its end whatever the time, so its rows must fit into a function's time while a close runs.
        """
        lane, most = self.rows_per_second_while_closing / self.lanes, self.part_kb * 1024
        return min(most, int(PACED_SECONDS * lane * _ROW_BYTES)) if lane else most
