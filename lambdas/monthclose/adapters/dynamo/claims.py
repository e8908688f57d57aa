"""Claims, in the closes table."""

from datetime import datetime
from typing import Any, cast

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.ports import Claim

_CLAIMS = "claims"


class DynamoClaims:
    """`Claims` on DynamoDB."""

    def get(self, name: str) -> Claim | None:
        """Read the latest claim."""
        with translated():
            try:
                item = ClosesItem.get(_CLAIMS, name, consistent_read=True)
            except ClosesItem.DoesNotExist:
                return None
        content = cast("dict[str, Any]", item.content)
        return Claim(name, content["execution"], datetime.fromisoformat(content["since"]), int(item.version))

    def put(self, claim: Claim) -> None:
        """Write a claim if the stored one still has its version."""
        unchanged: Any = ClosesItem.version == claim.version if claim.version else ClosesItem.pk.does_not_exist()
        content = {"execution": claim.execution, "since": claim.since.isoformat()}
        with translated():
            ClosesItem(_CLAIMS, claim.name, content=content, version=claim.version + 1).save(condition=unchanged)
