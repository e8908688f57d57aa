"""PynamoDB's models, with less to do for each item.

PynamoDB looks up an attribute's names, default and type for each attribute of each item that it makes, reads or writes.
They are the class's: here they are looked up once.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple, Self

from pynamodb.attributes import Attribute, ListAttribute, MapAttribute
from pynamodb.constants import NULL
from pynamodb.exceptions import AttributeNullError
from pynamodb.models import Model


class _Known(NamedTuple):
    """What a class knows of one of its attributes."""

    name: str
    attribute: Attribute[Any]
    stored: str
    """Its name in DynamoDB."""
    is_plain: bool
    """Whether a value is kept as it is set."""


class _Defaults(NamedTuple):
    """Values of a class's attributes that nobody has set."""

    constant: Mapping[str, Any]
    made: tuple[tuple[str, Callable[[], Any]], ...]


class TableMeta:
    """What all tables have in common; `models.bind` adds the table's name."""

    table_name = ""
    # PynamoDB waits 15 s and 30 s by default, longer than it takes to try another DynamoDB host.
    connect_timeout_seconds = 2
    read_timeout_seconds = 5
    max_retry_attempts = 6
    max_pool_connections = 32


class Item(Model):
    """A model without lists and maps among its attributes is made, read and written by what its class knows of them."""

    def _set_defaults(self, _user_instantiated: bool = True) -> None:
        constant, made = _defaults(type(self), _user_instantiated)
        self.attribute_values.update(constant)
        for name, make in made:
            setattr(self, name, make())

    def _set_attributes(self, **attributes: Any) -> None:
        known = _known(type(self))
        for name, value in attributes.items():
            found = known.get(name)
            if found is None:
                raise ValueError(f"Attribute {name} specified does not exist")
            if found.is_plain:
                self.attribute_values[name] = value
            else:
                setattr(self, name, value)

    def _container_serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:
        if _nests(type(self)):
            return super()._container_serialize(null_check=null_check)
        values, written = self.attribute_values, dict[str, dict[str, Any]]()
        for name, attribute, stored, _ in _known(type(self)).values():
            value = values.get(name)
            if value is not None:
                value = attribute.serialize(value)
            if value is not None:
                written[stored] = {attribute.attr_type: value}
            elif null_check and not attribute.null:
                raise AttributeNullError(name)
        return written

    @classmethod
    def _instantiate(cls, attribute_values: dict[str, dict[str, Any]]) -> Self:
        stored_as = cls._get_discriminator_class(attribute_values)
        if stored_as and not issubclass(stored_as, cls):
            raise ValueError(f"Cannot instantiate a {cls.__name__} from the returned class: {stored_as.__name__}")
        found: Any = stored_as or cls
        item: Self = object.__new__(found)  # with no values: reading sets all of them
        item._container_deserialize(attribute_values)
        return item

    def _container_deserialize(self, attribute_values: dict[str, dict[str, Any]]) -> None:
        if _nests(type(self)):
            super()._container_deserialize(attribute_values)
            return
        self.attribute_values = {}
        self._set_discriminator()
        self._set_defaults(_user_instantiated=False)
        known = _by_stored_name(type(self))
        for stored, raw in attribute_values.items():
            found = known.get(stored)
            if found and raw and NULL not in raw:
                value = found.attribute.deserialize(found.attribute.get_value(raw))
                if found.is_plain:
                    self.attribute_values[found.name] = value
                else:
                    setattr(self, found.name, value)


@cache
def _known(cls: type[Item]) -> Mapping[str, _Known]:
    return {
        name: _Known(name, attribute, attribute.attr_name, type(attribute).__set__ is Attribute.__set__)
        for name, attribute in cls.get_attributes().items()
    }


@cache
def _by_stored_name(cls: type[Item]) -> Mapping[str, _Known]:
    return {known.stored: known for known in _known(cls).values()}


@cache
def _nests(cls: type[Item]) -> bool:
    return any(isinstance(known.attribute, ListAttribute | MapAttribute) for known in _known(cls).values())


def _itself[T](value: T) -> T:
    return value


@cache
def _defaults(cls: type[Item], user_instantiated: bool) -> _Defaults:
    constant, made = dict[str, Any](), list[tuple[str, Callable[[], Any]]]()
    for known in _known(cls).values():
        for_new = known.attribute.default_for_new if user_instantiated else None
        default = for_new if for_new is not None else known.attribute.default
        if callable(default) or (default is not None and not known.is_plain):
            made.append((known.name, default if callable(default) else partial(_itself, default)))
        elif default is not None:
            constant[known.name] = default
    return _Defaults(constant, tuple(made))
