"""Whose turn it is to import a file of a name: one execution's at a time, so that no version overtakes another."""

from dataclasses import dataclass

from monthclose.domain.dropped import Dropped
from monthclose.errors import BrokeOffError
from monthclose.ports import Claim, Claims, Clock, Workflow
from monthclose.stages.claim_holder import still_works


@dataclass(frozen=True, slots=True)
class Turns:
    """Gives turns. Whether an execution still works is asked of the workflow engine: no turn is held for ever."""

    claims: Claims
    workflow: Workflow
    clock: Clock

    def take(self, file: Dropped, execution: str) -> bool:
        """Take the turn, if nobody has it who still works.

        Raises
        ------
        ConflictError
            Another execution came at the same moment; ask again.
        """
        before = self.claims.get(file.claim)
        if before and before.execution == execution:
            return True
        if before and still_works(before.execution, execution, self.workflow):
            return False
        self.claims.put(Claim(file.claim, execution, self.clock(), before.version if before else 0))
        return True

    def require(self, file: Dropped, execution: str) -> None:
        """See that it still is an execution's turn: one that failed and is taken up again may have lost it.

        Raises
        ------
        BrokeOffError
            Another one has taken it since.
        """
        holder = self.claims.get(file.claim)
        if not holder or holder.execution != execution:
            raise BrokeOffError(
                "a file of this name was dropped again, and took the turn; this version is not loaded on"
            )
