"""Zip files, spreadsheets and Parquet files that are made to do harm, or are damaged."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

from tests.files_made import Rows, csv_file, excels, parquet, zip_file

MB = 1 << 20
HEADER = ("customer_id", "sku", "quantity", "time")
ROWS: Rows = [HEADER, *(("acme", "s", str(n), "2026-10-02") for n in range(500))]
SHEET, TEXTS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
_BEGINNING = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_ENTITIES = b"".join(b'<!ENTITY e%d "%s">' % (n, (b"&e%d;" % (n - 1)) * 10 if n else b"x") for n in range(12))


def with_parts(parts: Mapping[str, bytes | None]) -> bytes:
    """Make a spreadsheet with some parts replaced, or without them."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(excels([HEADER, ("acme", "s", 1, "2026-10-02")]))) as usual,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in usual.namelist():
            content = parts.get(name, usual.read(name))
            if content is not None:
                archive.writestr(name, content)
    return made.getvalue()


def sheet_of(*pieces: bytes) -> bytes:
    return with_parts({SHEET: _BEGINNING + b"".join(pieces) + b"</sheetData></worksheet>"})


def entities() -> bytes:
    """Twelve entities, each ten times the one before: a billion characters."""
    text = b'<?xml version="1.0"?><!DOCTYPE sst [' + _ENTITIES + b"]><sst><si><t>&e11;</t></si></sst>"
    return with_parts({TEXTS: text})


def shared_text_everywhere() -> bytes:
    """A text of 100 KB in each cell of a row."""
    text = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%s</t></si></sst>'
    cells = b'<c t="s"><v>0</v></c>' * 1000
    return with_parts(
        {
            TEXTS: text % (b"x" * 100_000),
            SHEET: _BEGINNING + b"<row>" + cells + b"</row></sheetData></worksheet>",
        }
    )


def many_members(count: int = 30_000) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number:040}", b"")
    return made.getvalue()


def lying_directory() -> bytes:
    """Claim a directory of four gigabytes."""
    content = bytearray(zip_file(b"a,b\n1,2\n"))
    place = content.rfind(b"PK\x05\x06")
    struct.pack_into("<L", content, place + 12, 0xFFFFFFF0)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(zip_file(b"a,b\n1,2\n"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        content[place + offset] |= 1
    return bytes(content)


def damaged(content: bytes, at: float) -> bytes:
    place = int(len(content) * at)
    return content[:place] + bytes(byte ^ 0xFF for byte in content[place : place + 16]) + content[place + 16 :]


def repeated(piece: bytes, times: int) -> Sequence[bytes]:
    return (piece,) * times


CASES = {
    "a zip file cut off": (lambda: zip_file(b"a,b\n1,2\n" * 1000)[:-30], "a.csv is a broken zip file"),
    "a zip file damaged": (
        lambda: damaged(zip_file(csv_file([HEADER, *(("acme", "s", n * n, "2026-10-02") for n in range(5_000))])), 0.5),
        "a.csv is damaged",
    ),
    "a zip file with a password": (encrypted, "a.csv is encrypted"),
    "a zip file of many files": (many_members, "a.csv has too many files in it"),
    "a zip file that lies about its directory": (lying_directory, "a.csv is a broken zip file"),
    "a zip file in a zip file": (lambda: zip_file(zip_file(b"a,b\n")), "a.csv is a zip file or a spreadsheet"),
    "a zip file with nothing in it": (lambda: b"PK\x03\x04" + zip_file()[:0], "a.csv is a broken zip file"),
    "a zip bomb": (
        lambda: zip_file(csv_file([HEADER]) + (b"x" * 10_000 + b"\n") * 1000),
        "a.csv unpacks to more than 500 times its size",
    ),
    "entities of entities": (entities, "a.csv is not a spreadsheet: it defines entities of its own"),
    "a row without end": (
        lambda: sheet_of(b"<row>", *repeated(b"<c t='str'><v>%s</v></c>" % (b"x" * 1000), 3000)),
        "a.csv: row 1 is longer than 1,048,576 characters",
    ),
    "a row of cells without end": (
        lambda: sheet_of(b"<row>", *repeated(b"<c><v>1</v></c>", 20_000)),
        "a.csv is not a spreadsheet: a row has more than 16,384 cells",
    ),
    "a cell far to the right": (
        lambda: sheet_of(b'<row><c r="ZZZ1"><v>1</v></c></row>'),
        "a.csv is not a spreadsheet: a row has more than 16,384 cells",
    ),
    "a wide header": (
        lambda: sheet_of(b"<row>", *repeated(b"<c><v>1</v></c>", 2000), b"</row>"),
        "a.csv has 2,000 columns; at most 1,000 can be read",
    ),
    "a row far below": (
        lambda: sheet_of(b'<row r="99999999"><c><v>1</v></c></row>'),
        "a.csv is not a spreadsheet: row 99,999,999 comes after row 0",
    ),
    "rows in no order": (
        lambda: sheet_of(b'<row r="2"><c><v>1</v></c></row><row r="1"><c><v>1</v></c></row>'),
        "a.csv is not a spreadsheet: row 1 comes after row 2",
    ),
    "elements in elements": (lambda: sheet_of(b"<a>" * 1000), "a.csv is not a spreadsheet: its elements are nested"),
    "a tag without end": (
        lambda: sheet_of(b'<row r="', b"1" * (3 * MB)),
        "a.csv is not a spreadsheet: a tag in xl/worksheets/sheet1.xml does not end",
    ),
    "a long text in every cell": (shared_text_everywhere, "a.csv: row 1 is longer than 1,048,576 characters"),
    "a text that is not there": (
        lambda: sheet_of(b'<row><c t="s"><v>99999999999999999999</v></c></row>'),
        "a.csv is a broken spreadsheet: a cell's text is missing",
    ),
    "a sheet that is not there": (lambda: with_parts({SHEET: None}), "a.csv is not a complete spreadsheet"),
    "a sheet that is no XML": (
        lambda: with_parts({SHEET: b"<worksheet><row></worksheet>"}),
        "a.csv is a broken spread",
    ),
    "an empty sheet": (lambda: sheet_of(b""), "a.csv is empty"),
    "formats without end": (
        lambda: with_parts({STYLES: b"<s><cellXfs>" + b"<xf/>" * 200_000 + b"</cellXfs></s>"}),
        "a.csv has more than 100,000 sheets or formats",
    ),
    "a Parquet file cut off": (lambda: parquet(ROWS)[:-20], "a.csv is a broken Parquet file"),
    "a Parquet file damaged": (lambda: parquet(ROWS)[:-8] + b"\xff\xff\xff\x7fPAR1", "a.csv is a broken Parquet file"),
    "a Parquet file without rows": (lambda: parquet(ROWS[:1]), "a.csv has columns but no rows"),
    "a wide Parquet file": (
        lambda: parquet([[f"c{n}" for n in range(1100)]]),
        "a.csv has 1,100 columns; at most 1,000 can be read",
    ),
}
"""How each is made, and what its message begins with."""
