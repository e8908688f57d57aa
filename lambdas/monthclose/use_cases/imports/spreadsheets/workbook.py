"""What a spreadsheet says beside its cells: its sheets, which formats are dates, and the texts that cells share."""

import re
import tempfile
import zipfile
from array import array
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from posixpath import join, normpath

from monthclose.domain.errors import UserMistakeError
from monthclose.use_cases.imports.spreadsheets.xml_parts import read_part

WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_MOST_ENTRIES = 100_000
"""Of sheets, formats, and relations: Excel writes 64,000 formats at most."""
_MOST_TEXTS = 8_000_000
_LONGEST_TEXT = 1 << 20
_IN_MEMORY = 8 << 20
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(50, 59)))
"""Built-in formats of dates and times (ECMA-376, part 1, 18.8.30), those of East Asian versions included."""
_DURATION_FORMATS = frozenset((45, 46, 47))
_NOT_A_LETTER = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
"""Of a format: quoted texts, escaped characters, spaces as wide as a character, fillers; colours and locales."""
_DURATION = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)


def unescaped(text: str) -> str:
    """Read the escapes that a spreadsheet has for characters that XML has not: `_x000D_`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


@dataclass(slots=True)
class Workbook:
    """A workbook.

    Parameters
    ----------
    sheets : mapping
        The parts of its visible and its hidden sheets, by name.
    hidden : set of str
        Sheets that nobody sees.
    counts_from_1904 : bool
        Whether days are counted from 1904, as old Macintoshes did.
    """

    sheets: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    counts_from_1904: bool = False
    texts_part: str = ""
    styles_part: str = ""

    def part_of(self, name: str, sheet: str) -> str:
        """Find the part of a sheet, or of the only visible one.

        Raises
        ------
        UserMistakeError
            There is none of that name, or several and none is named.
        """
        visible = [each for each in self.sheets if each not in self.hidden]
        listed = ", ".join(each[:40] for each in visible[:20])
        if sheet:
            if sheet not in self.sheets:
                raise UserMistakeError(f"{name} has no sheet {sheet!r}; its sheets are {listed}")
            return self.sheets[sheet]
        if len(visible) != 1:
            raise UserMistakeError(f"{name} has {len(visible)} sheets: {listed}\nname one: --sheet NAME")
        return self.sheets[visible[0]]


def read_workbook(name: str, archive: zipfile.ZipFile) -> Workbook:
    """Read what sheets there are.

    Raises
    ------
    UserMistakeError
        It is broken.
    """
    relations, found = _Relations(name), _Sheets(name)
    read_part(name, archive, _RELATIONS, relations)
    read_part(name, archive, WORKBOOK, found)
    workbook = Workbook(
        counts_from_1904=found.counts_from_1904,
        texts_part=relations.of_kind("/sharedStrings"),
        styles_part=relations.of_kind("/styles"),
    )
    for sheet, relation, state in found.sheets:
        kind, part = relations.by_id.get(relation, ("", ""))
        if kind.endswith("/worksheet"):
            workbook.sheets[sheet] = part
            if state != "visible":
                workbook.hidden.add(sheet)
    return workbook


class _Entries:
    """Hears of a part with a bounded number of entries."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, 0

    def count(self) -> None:
        self._count += 1
        if self._count > _MOST_ENTRIES:
            raise UserMistakeError(f"{self._name} has more than {_MOST_ENTRIES:,} sheets or formats")

    def text(self, text: str) -> None:
        """None matters."""

    def end(self, tag: str) -> None:
        """Nothing depends on it."""


class _Relations(_Entries):
    """The workbook's parts by their ids."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.by_id: dict[str, tuple[str, str]] = {}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Relationship":
            self.count()
            target = normpath(join("/xl", attributes.get("Target", ""))).lstrip("/")
            self.by_id[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

    def of_kind(self, ending: str) -> str:
        return next((part for kind, part in self.by_id.values() if kind.endswith(ending)), "")


class _Sheets(_Entries):
    """The workbook's sheets, in order."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.sheets: list[tuple[str, str, str]] = []
        self.counts_from_1904 = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "workbookPr":
            self.counts_from_1904 = attributes.get("date1904", "") in ("1", "true")
        if tag == "sheet":
            self.count()
            relation = next((value for key, value in attributes.items() if key.rpartition(" ")[2] == "id"), "")
            self.sheets.append((unescaped(attributes.get("name", "")), relation, attributes.get("state", "visible")))


class Formats(_Entries):
    """Which formats of cells are dates, and which durations."""

    def __init__(self, name: str, archive: zipfile.ZipFile, part: str) -> None:
        super().__init__(name)
        self._dates, self._durations = set(_DATE_FORMATS), set(_DURATION_FORMATS)
        self._used: list[str] = []
        self._inside = ""
        if part:
            read_part(name, archive, part, self)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take down a format, or the use of one."""
        if tag in ("cellXfs", "cellStyleXfs", "dxfs"):
            self._inside = tag
        elif tag == "numFmt" and self._inside != "dxfs":
            self.count()
            number, code = attributes.get("numFmtId", ""), _NOT_A_LETTER.sub("", attributes.get("formatCode", ""))
            if number.isdigit() and len(number) < 10:
                self._add(int(number), code)
        elif tag == "xf" and self._inside == "cellXfs":
            self.count()
            self._used.append(attributes.get("numFmtId", ""))

    def end(self, tag: str) -> None:
        """Leave a list of formats."""
        if tag == self._inside:
            self._inside = ""

    def _add(self, number: int, code: str) -> None:
        duration = bool(_DURATION.search(code))
        date = not duration and any(letter in "dmyhs" for letter in code.lower().replace("general", ""))
        for wanted, numbers in ((date, self._dates), (duration, self._durations)):
            numbers.add(number) if wanted else numbers.discard(number)

    def is_date(self, style: str) -> bool:
        """Whether a cell of this style is a date or a time."""
        return self._number(style) in self._dates

    def is_duration(self, style: str) -> bool:
        """Whether it is a time that passed: 36:00."""
        return self._number(style) in self._durations

    def _number(self, style: str) -> int:
        if not style.isdigit() or len(style) > 9 or int(style) >= len(self._used):
            return 0
        number = self._used[int(style)]
        return int(number) if number.isdigit() and len(number) < 10 else 0


class Texts:
    """The texts that cells share, on the disk if they are many."""

    def __init__(self, name: str, archive: zipfile.ZipFile, part: str, opened: ExitStack) -> None:
        self._name = name
        self._ends = array("Q", [0])
        self._file = opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - it is one
        self._open, self._hidden, self._taken = False, 0, list[str]()
        self._length = 0
        if part:
            read_part(name, archive, part, self)

    def __getitem__(self, number: int) -> str:
        """Read one, by its number; `IndexError` if there is none."""
        if not 0 <= number < len(self._ends) - 1:
            raise IndexError
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number]).decode(errors="surrogatepass")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin a text, or what is in it: `rPh` is how to pronounce it."""
        del attributes
        if tag == "rPh":
            self._hidden += 1
        self._open = tag == "t" and not self._hidden

    def text(self, text: str) -> None:
        """Take down a piece."""
        if self._open:
            self._length += len(text)
            if self._length > _LONGEST_TEXT:
                raise UserMistakeError(f"{self._name} has a text of more than {_LONGEST_TEXT:,} characters")
            self._taken.append(text)

    def end(self, tag: str) -> None:
        """Finish it."""
        if tag == "rPh":
            self._hidden -= 1
        if tag == "t":
            self._open = False
        if tag == "si":
            content = unescaped("".join(self._taken)).encode(errors="surrogatepass")
            self._file.write(content)
            self._ends.append(self._ends[-1] + len(content))
            self._taken.clear()
            self._length = 0
            if len(self._ends) > _MOST_TEXTS:
                raise UserMistakeError(f"{self._name} has more than {_MOST_TEXTS:,} different texts")
