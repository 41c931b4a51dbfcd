"""Reading CSV as spreadsheets write it (RFC 4180, and what Excel makes of it in each country).

The delimiter is a comma, a semicolon or a tab, told by the header line or by Excel's own `sep=;` line above
it. The text is UTF-8 with or without a byte order mark, UTF-16 with one ("Unicode text"), or Windows-1251.
Files are read as a stream, twice: once to tell the encoding, once for the rows. No error here quotes what the
file says.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

DELIMITERS: Final = (",", ";", "\t")

_CHUNK: Final = 1 << 20
_SEP_LINE: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
# What bytes that are no text become: escaped one by one, or replaced where they come in pairs.
_ERRORS: Final = {"utf-16": "replace"}
_DAMAGE: Final = re.compile("[\udc80-\udcff\ufffd]")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


class SpreadsheetUnreadable(ValueError):
    """The file cannot be read as a table; `row` counts as a spreadsheet does, the header being row 1."""

    def __init__(
        self, path: Path, trouble: str, *, row: int | None = None, column: int | None = None
    ) -> None:
        place = "".join(
            f", {name} {number}" for name, number in (("row", row), ("column", column)) if number is not None
        )
        super().__init__(f"{path}{place}: {trouble}")
        self.row = row
        self.column = column


@dataclass(frozen=True, slots=True)
class Row:
    """A row's number, as a spreadsheet shows it, and its cells, as many as the file has."""

    number: int
    cells: tuple[str, ...] = field(repr=False)


class Spreadsheet:
    """An open file: its header at once, its rows by iteration."""

    def __init__(
        self,
        path: Path,
        binary: BinaryIO,
        encoding: str,
        delimiter: str,
        numbered: Iterator[Row],
        header: Row,
    ) -> None:
        self.path = path
        self.encoding = encoding
        self.delimiter = delimiter
        self.header = header.cells
        self._binary = binary
        self._rows = numbered

    def __iter__(self) -> Iterator[Row]:
        """The rows below the header, empty ones left out. Raises SpreadsheetUnreadable."""
        return (row for row in self._rows if "".join(row.cells).strip())

    @property
    def bytes_read(self) -> int:
        return self._binary.tell()


@contextmanager
def open_spreadsheet(path: Path, is_heading: Callable[[str], bool]) -> Iterator[Spreadsheet]:
    """Open a file and read its header; `is_heading` tells column names, so that the right delimiter shows.

    Raises SpreadsheetUnreadable, OSError.
    """
    encoding = _encoding_of(path)
    errors = _ERRORS.get(encoding, "surrogateescape")
    with path.open("rb") as binary, io.TextIOWrapper(binary, encoding, errors, newline="") as text:
        first = list(_first_lines(text, path))
        marked = _SEP_LINE.fullmatch(first[-1].strip())
        if marked:
            first += _first_lines(text, path)
        delimiter = marked[1] if marked else _delimiter_of(first[-1], is_heading)
        rows = _numbered(chain(first, text), delimiter, path)
        header = next(row for row in rows if row.number == len(first))
        yield Spreadsheet(path, binary, encoding, delimiter, rows, header)


def _encoding_of(path: Path) -> str:
    with path.open("rb") as binary:
        start = binary.read(_CHUNK)
    if start.startswith(_WORKBOOKS):
        raise SpreadsheetUnreadable(path, "this is an Excel workbook; save it as CSV (UTF-8) first")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        raise SpreadsheetUnreadable(path, "this is not a text file; save the table as CSV (UTF-8)")
    return _encoding_without_mark(path)


def _encoding_without_mark(path: Path) -> str:
    """UTF-8 where all of it is; Windows-1251 where what is not UTF-8 outweighs what could be.

    By weight, for a pair of Cyrillic letters in Windows-1251 can happen to be a UTF-8 character ("Фё" is),
    and a damaged UTF-8 file has a stray byte or two: taken for Windows-1251, its names would be rubbish.
    """
    foreign = others = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        while chunk := text.read(_CHUNK):
            if not chunk.isascii():
                strange = len(_NOT_UTF8.findall(chunk))
                foreign += strange
                others += len(_NOT_ASCII.findall(chunk)) - strange
    return "cp1251" if foreign > others else "utf-8"


def _first_lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """Lines up to and with the first that has something in it."""
    for line in text:
        yield line
        if line.strip():
            return
    raise SpreadsheetUnreadable(path, "the file is empty")


def _delimiter_of(header: str, is_heading: Callable[[str], bool]) -> str:
    """The delimiter that gives the most column names we know; then the most columns."""

    def score(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:  # a cell beyond any measure; reading on will say so
            cells = []
        return sum(map(is_heading, cells)), len(cells)

    return max(DELIMITERS, key=score)


def _numbered(lines: Iterator[str], delimiter: str, path: Path) -> Iterator[Row]:
    """Every record with its number: of records, not of lines, for a cell may have several lines."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            _refuse_damaged(cells, number, path)
            yield Row(number, tuple(cells))
    except csv.Error:
        pass
    else:
        return
    trouble = "a quotation mark is not closed, or has something after it before the next cell"
    raise SpreadsheetUnreadable(path, trouble, row=number + 1)


def _refuse_damaged(cells: list[str], number: int, path: Path) -> None:
    if "".join(cells).isascii():
        return
    for column, cell in enumerate(cells, 1):
        if _DAMAGE.search(cell):
            trouble = "it holds bytes that are no text in the rest of the file's encoding; save it as UTF-8"
            raise SpreadsheetUnreadable(path, trouble, row=number, column=column)
