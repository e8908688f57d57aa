"""Catalogues: a language's texts, in gettext's own format (`de.po`), read as they are: nothing has to be compiled.

A text is found by its English, and by a context where one English text has two translations. Entries marked `fuzzy` are
not used, as by gettext: nobody has checked them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from gettext import c2py
from typing import NamedTuple

_PLURAL_FORMS = "nplurals=2; plural=n != 1;"
"""What holds where a catalogue's head says nothing: English, and most languages of Europe."""
_CONTEXT_END = "\x04"
"""Between a context and a text in a key, as in gettext's own files."""


class Entry(NamedTuple):
    """A text and its translation: one, or one for each form of the plural."""

    key: str
    forms: tuple[str, ...]


class Catalogue:
    """The texts of a language.

    Parameters
    ----------
    lines : iterable of str
        A `.po` file's; none for English, which the product itself has.
    """

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._texts: Mapping[str, tuple[str, ...]] = dict(read_entries(lines))
        head = dict(line.split(":", 1) for line in self._texts.get("", ("",))[0].splitlines() if ":" in line)
        self._form = c2py(head.get("Plural-Forms", _PLURAL_FORMS).partition("plural=")[2].rstrip().rstrip(";"))

    def text(self, english: str, context: str = "") -> str:
        """Translate a text; what has no translation stays English."""
        return self._texts.get(_key(english, context), (english,))[0]

    def plural(self, one: str, many: str, number: int) -> str:
        """Choose and translate the form of a text that goes with a number."""
        forms = self._texts.get(one)
        if forms is None:
            return one if number == 1 else many
        return forms[self._form(number)]


def read_entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Read the entries of a `.po` file that have a translation. The first one, with an empty key, is its head."""
    fields, last, fuzzy = dict[str, str](), "", False
    for line in (*lines, ""):
        if line.startswith("#"):
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        word, _, rest = line.strip().partition(" ")
        if not word or (word in ("msgctxt", "msgid") and "msgstr" in last):
            yield from _entry(fields, fuzzy=fuzzy)
            fields, fuzzy = {}, False if not word else fuzzy
        if line.startswith('"'):
            fields[last] += json.loads(line)
        elif word:
            last = word
            fields[word] = json.loads(rest)


def _entry(fields: Mapping[str, str], *, fuzzy: bool) -> Iterator[Entry]:
    forms = tuple(text for word, text in fields.items() if word.startswith("msgstr"))
    if all(forms) and forms and (not fuzzy or not fields["msgid"]):
        yield Entry(_key(fields["msgid"], fields.get("msgctxt", "")), forms)


def _key(english: str, context: str) -> str:
    return f"{context}{_CONTEXT_END}{english}" if context else english
