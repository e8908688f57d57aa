"""Rehearsals, in the closes table: one item a period."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Approval, Rehearsal, RehearsalStatus

_REHEARSALS = "rehearsals"


class DynamoRehearsals:
    """`Rehearsals` on DynamoDB."""

    def get(self, period: Period) -> Rehearsal | None:
        """Read the item of a period."""
        with translated():
            try:
                item = ClosesItem.get(_REHEARSALS, str(period), consistent_read=True)
            except ClosesItem.DoesNotExist:
                return None
        return _rehearsal(cast("dict[str, Any]", item.content), int(item.version))

    def put(self, rehearsal: Rehearsal) -> Rehearsal:
        """Write the item if the stored one still has its version."""
        version = rehearsal.version
        unchanged: Any = ClosesItem.version == version if version else ClosesItem.pk.does_not_exist()
        item = ClosesItem(_REHEARSALS, str(rehearsal.period), content=_content(rehearsal), version=version + 1)
        with translated():
            item.save(condition=unchanged)
        return replace(rehearsal, version=version + 1)


def _content(rehearsal: Rehearsal) -> dict[str, Any]:
    approval, last = rehearsal.approval, rehearsal.last_period
    return asdict(rehearsal) | {
        "period": str(rehearsal.period),
        "last_period": str(last) if last else None,
        "started_at": rehearsal.started_at.isoformat(),
        "completed_at": rehearsal.completed_at.isoformat() if rehearsal.completed_at else None,
        "over_at": rehearsal.over_at.isoformat() if rehearsal.over_at else None,
        "approval": asdict(approval) | {"time": approval.time.isoformat()} if approval else None,
    }


def _rehearsal(content: Mapping[str, Any], version: int) -> Rehearsal:
    last, completed, over = content["last_period"], content["completed_at"], content.get("over_at")
    return Rehearsal(
        **dict(content)
        | {
            "period": Period.parse(content["period"]),
            "status": RehearsalStatus(content["status"]),
            "last_period": Period.parse(last) if last else None,
            "started_at": datetime.fromisoformat(content["started_at"]),
            "completed_at": datetime.fromisoformat(completed) if completed else None,
            "over_at": datetime.fromisoformat(over) if over else None,
            "approval": _approval(content["approval"]),
            "version": version,
        }
    )


def _approval(content: Mapping[str, Any] | None) -> Approval | None:
    if content is None:
        return None
    return Approval(**{**content, "time": datetime.fromisoformat(content["time"]), "keys": tuple(content["keys"])})
