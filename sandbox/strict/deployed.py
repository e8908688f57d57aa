"""Properties of CloudFormation resources that MiniStack accepts and forgets, and that a limit needs."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services.cloudformation import provisioners

type Keep = Callable[[str, Mapping[str, Any]], None]
"""Called with a resource's physical id and its properties once it is created or updated."""


def after_deploying(resource: str, keep: Keep) -> None:
    """Have something done whenever a stack has created or updated a resource of a type."""
    handlers = provisioners._RESOURCE_HANDLERS[resource]
    handlers["create"], handlers["update"] = _creating(handlers["create"], keep), _updating(handlers["update"], keep)


def _creating(create: Callable[..., Any], keep: Keep) -> Callable[..., Any]:
    def created(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> Any:
        result = create(logical_id, properties, stack_name)
        keep(result[0], properties)
        return result

    return created


def _updating(update: Callable[..., Any], keep: Keep) -> Callable[..., Any]:
    def updated(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
        result = update(physical_id, old, new, *rest, **named)
        keep(result[0], new)
        return result

    return updated
