import csv

import pytest

from labclip_lib.base.csv_tables import as_csv, check_filled, read_lines, read_table


@pytest.fixture
def table(tmp_path):
    def write(text, needed=(), name="t.csv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return read_table(tmp_path / name, needed)

    return write


def test_a_table_has_columns_and_numbered_lines(table):
    found = table('id, name\n1,"one, ""two"""\n\n 2 ,\n')
    assert found.columns == ["id", "name"]
    assert found.rows == [(2, {"id": "1", "name": 'one, "two"'}), (4, {"id": " 2 ", "name": ""})]


@pytest.mark.parametrize(
    "text", ["\ufeffid,n\r\n1,2\r\n", "id,n\r1,2\r", "\n\nid,n\n1,2", "id,n,\n1,2,\n,,\n", "id,n\n1,2,,\n \n"]
)
def test_what_spreadsheets_leave_does_not_matter(table, text):
    found = table(text, ["id"])
    assert found.columns == ["id", "n"] and [row for _, row in found.rows] == [{"id": "1", "n": "2"}]


def test_tabs_and_an_index_without_a_name(table):
    """The first column of a table that pandas writes has no name."""
    found = table("\ttitle\tneg\n0\ta, b\tc\n", ["title"], "t.TSV")
    assert found.columns == ["title", "neg"] and found.rows == [(2, {"title": "a, b", "neg": "c"})]


def test_a_table_may_be_its_header_alone(table):
    assert table("id,n\n") == (["id", "n"], []) and table("") == ([], [])


@pytest.mark.parametrize(
    "caption", ["a man\n", "two\r\nlines", "a tall man, who\nwaves\n\nand smiles", 'says "no"\nand goes', "\na man"]
)
def test_a_field_may_have_lines_of_its_own(table, caption):
    quoted = '"' + caption.replace('"', '""') + '"'
    texts = (f"image,caption\n0.jpg,{quoted}\n1.jpg,b\n", f"caption,image\n{quoted},0.jpg\nb,1.jpg\n")
    for text in texts[: 1 if "," in caption else 2]:
        (_, first), (line, second) = table(text).rows
        assert first == {"image": "0.jpg", "caption": caption} and second == {"image": "1.jpg", "caption": "b"}
        assert line == 3 + len(caption.splitlines()) - (not caption.endswith("\n"))


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("a,b,a", "'a' twice"), ("a, a ,b", "'a' twice"), ("a,A", "'A' twice, as 'a' and"), ("\u200ba,a", "'a' twice"),
        ("é,e\u0301", "'é' twice"),
    ],
)  # fmt: skip
def test_a_column_twice_is_refused(table, header, seen, raises_saying):
    with raises_saying(ValueError, "t.csv has the column", seen):
        table(f"{header}\n" + ",".join("1" * (header.count(",") + 1)) + "\n")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a,b\n1,2\nx,3,4\n", ["Line 3 of", "more fields than the header, 3 and not 2"]),
        ("a,b,\n1,2,3\n", ["Line 2 of", "more fields"]),
        ("a,b,c,d\n1\n", ["Line 2 of", "no b", "1 of the 4 fields"]),
        ("a,b,c\n\n1,2\n", ["Line 3 of", "no c"]),
        ("", ["no column 'c'", "none"]),
        ("a;c\n1;2\n", ["no column 'c'", "a;c"]),
    ],
)
def test_fields_that_do_not_fit_the_header(table, text, seen, raises_saying):
    with raises_saying(ValueError, "t.csv", *seen):
        table(text, ["c"] if "column" in seen[0] else [])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('a,b\n0,"big red\n1,blue\n2,green"\n', "Line 2 of"),  # three rows as one
        ('a,b\n0,x\n\n1,"big red\n2,blue"\n', "Line 4 of"),
        ('a\n"ada\nbob"\n', "Line 2 of"),
        ('a,b,c\n"x,y,z\n1",2,3\n', "Line 2 of"),
        ('a,b,c\n"x\n",y,"z\n1,2,3"\n', "Line 3 of"),
        ('a,b\n0,"big red\r1,blue"\r', "Line 2 of"),
        ('a,b\n0,1\n2,"big red\n3,blue\n', "opens in line 3 is not closed as it should by line 4"),
        ('a,b\n0,"big red\n1,"blue" star\n', "opens in line 2 is not closed as it should by line 3"),
        ('a,b\n0,"red" star\n', "opens in line 2 is astray"),
        (f'a,b\n0,1\n2,"{"x" * csv.field_size_limit()}y"\n', "a field in line 3 is longer than"),
    ],
)
def test_a_stray_quote_is_found_where_it_opens(table, text, seen, raises_saying):
    with raises_saying(ValueError, "t.csv", seen):
        table(text)
    with raises_saying(ValueError, "t.tsv", seen):
        table(text.replace(",", "\t"), name="t.tsv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_other_encodings_are_refused(table, encoding, raises_saying):
    with raises_saying(ValueError, "t.csv", "save it as UTF-8"):
        table("id,name\n1,Zoë\n2,Bob\n", encoding=encoding)
    with raises_saying(ValueError, "NUL character in line 2"):
        table("id,name\n1,\0\n")


def test_lines_without_a_header(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffx.png,cube\n\ny.png,ball,red\n")
    assert read_lines(tmp_path / "a.csv") == [(1, ["x.png", "cube"]), (3, ["y.png", "ball", "red"])]


def test_a_blank_field_is_found_by_its_line(table, raises_saying):
    rows = table("a,b,c\n1,2,\n\n3,\u200b ,\n").rows
    check_filled(rows, ["a"], "t.csv")
    with raises_saying(ValueError, "Line 4 of t.csv has no b;"):
        check_filled(rows, ["a", "b"], "t.csv")


def test_what_is_written_is_read_again(tmp_path):
    rows = [["a", "b"], ["one, two", 'says "no"'], ["two\r\nlines", "a\rb"], ["é", "1"]]
    (tmp_path / "a.csv").write_bytes(as_csv(rows).encode())
    assert [fields for _, fields in read_lines(tmp_path / "a.csv")] == rows
