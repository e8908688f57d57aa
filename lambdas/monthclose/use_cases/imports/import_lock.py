"""One import at a time for each file name, so that no version of a file overtakes another."""

from dataclasses import dataclass

from monthclose.errors import BrokeOffError
from monthclose.ports import Claim, Claims, Clock, Workflow
from monthclose.use_cases.claim_holder import still_running
from monthclose.use_cases.imports.dropped_file import DroppedFile


@dataclass(frozen=True, slots=True)
class ImportLock:
    """Lets one execution at a time import a file. The workflow engine says whether the holder is still running."""

    claims: Claims
    workflow: Workflow
    clock: Clock

    def acquire(self, file: DroppedFile, execution: str) -> bool:
        """Acquire the lock, unless an execution that is still running holds it.

        Raises
        ------
        ConflictError
            Another execution acquired it at the same moment; try again.
        """
        before = self.claims.get(file.claim)
        if before and before.execution == execution:
            return True
        if before and still_running(before.execution, execution, self.workflow):
            return False
        self.claims.put(Claim(file.claim, execution, self.clock(), before.version if before else 0))
        return True

    def require(self, file: DroppedFile, execution: str) -> None:
        """Check that an execution still holds the lock: one that failed and was redriven may have lost it.

        Raises
        ------
        BrokeOffError
            Another execution has acquired it since.
        """
        holder = self.claims.get(file.claim)
        if not holder or holder.execution != execution:
            raise BrokeOffError("a newer version of this file was dropped; the rest of this one is not loaded")
