"""Read stored documents: a small one in JSON, or those of many invoices, which are in one object and read together."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import DocumentPlace
from monthclose.ports import Documents

_READ_AT_ONCE = 8 * 2**20
"""Bytes of an object that are read together; a document that is larger is read alone."""


def read_json(documents: Documents, key: str) -> dict[str, Any] | None:
    """Read a document; None if there is none."""
    try:
        content: dict[str, Any] = json.loads(documents.get(key))
    except KeyError:
        return None
    return content


def read_document(documents: Documents, place: DocumentPlace) -> Draft:
    """Read one invoice's document.

    Raises
    ------
    KeyError
        Its object is missing.
    """
    document: Draft = json.loads(documents.get_slice(place.key, place.offset, place.length))
    return document


def read_together[T](
    documents: Documents, wanted: Iterable[T], place_of: Callable[[T], DocumentPlace]
) -> Iterator[tuple[T, bytes | None]]:
    """Read stored documents, in the order of their places, some megabytes at a time.

    Each comes with its bytes as they are stored: whether they are what was issued is for the caller to check. None is
    for those whose object is missing.
    """
    ordered = sorted(wanted, key=lambda one: (place_of(one).key, place_of(one).offset))
    for together in _together(ordered, place_of):
        first = place_of(together[0])
        end = max(place_of(one).offset + place_of(one).length for one in together)
        try:
            content = documents.get_slice(first.key, first.offset, end - first.offset)
        except KeyError:
            content = None
        for one in together:
            begin = place_of(one).offset - first.offset
            yield one, None if content is None else content[begin : begin + place_of(one).length]


def _together[T](ordered: Sequence[T], place_of: Callable[[T], DocumentPlace]) -> Iterator[list[T]]:
    """Put what is in the same object, and near, together."""
    together: list[T] = []
    for one in ordered:
        place = place_of(one)
        if together:
            first = place_of(together[0])
            if place.key != first.key or place.offset + place.length - first.offset > _READ_AT_ONCE:
                yield together
                together = []
        together.append(one)
    if together:
        yield together
