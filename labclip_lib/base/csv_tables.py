"""CSV and TSV tables: people's are read strictly, so that no value silently ends up in the wrong column or row."""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from labclip_lib.base.text_files import is_blank, read_text, trimmed

BREAK = re.compile(r"\r\n?|\n")


class Table(NamedTuple):
    """A table with a header. columns: names in order. rows: [(number of the row's first line, {column: str})]."""

    columns: list
    rows: list


def read_table(path, needed=()):
    """Read a CSV file with a header, or a TSV file if it is called so: a Table.

    needed: columns that must be present. Blank lines, and blank fields beyond the header, are ignored.
    Raises ValueError, in one sentence, for a column that is missing or occurs twice (in whatever case), for a line
    with more or fewer fields than the header, and as `read_lines` does.
    """
    return as_table(read_lines(path), path, needed)


def read_lines(path):
    """Read a CSV or TSV file without a header, blank lines left out: [(number of the row's first line, fields)].

    A field in quotes may hold line breaks. Raises ValueError, in one sentence, for a file that is not UTF-8, and for a
    quote that opens in one row and closes rows later: the line in which it opens and another line that it spans each
    have enough separators for a whole row.
    """
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    raw = list(io.StringIO(read_text(path), newline=""))
    reader = csv.reader(raw, delimiter=delimiter, strict=True)
    out, begin = [], 1
    try:
        for fields in reader:
            enough = len(out[0][1] if out else fields) - 1
            line = begin
            for field in fields if reader.line_num > begin else ():
                end = line + len(BREAK.findall(field))
                rows = [raw[k - 1].count(delimiter) >= enough for k in range(line, end + 1)]
                if rows[0] and any(rows[1:]) and BREAK.search(field.strip()):
                    raise ValueError(
                        f"Line {line} of {path} opens a quote that closes in line {end} only; close it where its field "
                        "ends, or take the line break out."
                    )
                line = end
            if not all(map(is_blank, fields)):
                out.append((begin, fields))
            begin = reader.line_num + 1
    except csv.Error as error:
        if "limit" in str(error):
            why = f"a field in line {begin} is longer than {csv.field_size_limit():,} characters; close its quote"
            raise ValueError(f"Cannot read {path}: {why}, or shorten it.") from None
        until = f"is not closed as it should by line {reader.line_num}" if reader.line_num > begin else "is astray"
        raise ValueError(
            f"Cannot read {path}: a quote that opens in line {begin} {until}; close it where its field ends, and write "
            "a quote within a field twice."
        ) from None
    return out


def as_table(lines, path, needed=()):
    """Turn what `read_lines` gives into a Table; the first row is its header. Arguments and errors as `read_table`."""
    columns = [trimmed(column) for column in lines[0][1]] if lines else []
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) == 1 and ";" in columns[0]:  # as spreadsheets of many countries save it
        raise ValueError(f"{path} has semicolons between its columns, {columns[0]}; save it as CSV with commas.")
    seen = {}
    for column in filter(None, columns):
        if column.casefold() in seen:
            other = seen[column.casefold()]
            also = "" if other == column else f", as {other!r} and"
            raise ValueError(f"{path} has the column {column!r} twice{also}; remove or rename one.")
        seen[column.casefold()] = column
    lacking = [column for column in needed if column not in columns]
    if lacking:
        names = ", ".join(filter(None, columns)) or "none"
        raise ValueError(f"{path} has no column {lacking[0]!r}; its first line names {names}.")
    rows = []
    for line, fields in lines[1:]:
        while len(fields) > len(columns) and is_blank(fields[-1]):
            fields = fields[:-1]
        if len(fields) > len(columns):
            raise ValueError(
                f"Line {line} of {path} has more fields than the header, {len(fields)} and not {len(columns)}; put "
                "quotes around a field that holds the separator."
            )
        if len(fields) < len(columns):
            absent = columns[len(fields) :]
            first = next((column for column in absent if column in needed), absent[0])
            raise ValueError(
                f"Line {line} of {path} has no {first}, for it has {len(fields)} of the {len(columns)} fields that the "
                "header names; fill it in or drop the line."
            )
        rows.append((line, {column: field for column, field in zip(columns, fields, strict=True) if column}))
    return Table([column for column in columns if column], rows)


def check_filled(rows, columns, path):
    """Raise ValueError, in one sentence, if one of these columns is blank in a Table's rows. path: where they are."""
    for line, row in rows:
        for column in columns:
            if is_blank(row[column]):
                raise ValueError(f"Line {line} of {path} has no {column}; fill it in or drop the line.")


def as_csv(rows):
    """Rows as the text of a CSV file."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
