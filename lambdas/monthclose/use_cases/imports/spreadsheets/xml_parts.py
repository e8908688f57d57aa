"""The XML parts of a spreadsheet, parsed piece by piece: no part is ever in memory whole, whatever it says."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol
from xml.parsers import expat

from monthclose.domain.errors import UserMistakeError
from monthclose.use_cases.imports.unpacking import DAMAGED, require_plausible

_PIECE = 1 << 16
_DEEPEST = 32
_LONGEST_TAG = 1 << 20
"""Bytes that the parser may hold back because a tag has not ended."""


class Listener(Protocol):
    """Hears of a part's elements by their local names, whatever namespace they are in (there are two dialects)."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def text(self, text: str) -> None:
        """A piece of text."""

    def end(self, tag: str) -> None:
        """An element ends."""


def parse_part(name: str, archive: zipfile.ZipFile, part: str, listener: Listener) -> Iterator[None]:
    """Parse a part, with a pause after each piece of it.

    Parameters
    ----------
    name : str
        What the file is called in messages.

    Raises
    ------
    UserMistakeError
        It is missing, no XML, has a document type (whose entities can grow without end), or is implausibly large.
    """
    try:
        packed = archive.getinfo(part).compress_size
    except KeyError:
        raise UserMistakeError(f"{name} is not a complete spreadsheet: it lacks {part}") from None
    parser, read = _parser(name, listener), 0
    try:
        with archive.open(part) as stream:
            while piece := stream.read(_PIECE):
                read += len(piece)
                require_plausible(name, read, packed)
                parser.Parse(piece, False)
                if read - parser.CurrentByteIndex > _LONGEST_TAG:
                    raise UserMistakeError(f"{name} is not a spreadsheet: a tag in {part} does not end")
                yield
            parser.Parse(b"", True)
    except (*DAMAGED, RuntimeError, expat.ExpatError) as error:
        raise UserMistakeError(f"{name} is a broken spreadsheet ({part}: {error})\nopen it and save it again") from None


def read_part(name: str, archive: zipfile.ZipFile, part: str, listener: Listener) -> None:
    """Parse a part to its end.

    Raises
    ------
    UserMistakeError
        As `parse_part`.
    """
    for _ in parse_part(name, archive, part, listener):
        pass


def _parser(name: str, listener: Listener) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise UserMistakeError(f"{name} is not a spreadsheet: its elements are nested too deeply")
        listener.start(_local(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        listener.end(_local(tag))

    def refuse(*_: object) -> None:
        raise UserMistakeError(f"{name} is not a spreadsheet: it defines entities of its own")

    handlers: Mapping[str, Callable[..., None]] = {
        "StartElementHandler": start,
        "EndElementHandler": end,
        "CharacterDataHandler": listener.text,
        "StartDoctypeDeclHandler": refuse,
    }
    for handler, function in handlers.items():
        setattr(parser, handler, function)
    return parser


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
