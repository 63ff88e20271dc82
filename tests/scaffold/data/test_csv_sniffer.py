import pytest

from firelib.recipe import CsvDialect
from firelib.scaffold.data.csv_sniffer import sniff_dialect


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rows.csv", b"a,b\n1,2\n3,4\n", None),
        ("rows.csv", b"a;b\n1,5;x\n3,25;y\n", CsvDialect(delimiter=";", decimal=",")),
        ("rows.csv", b"a;b\n1,500;x\n0,250;y\n", CsvDialect(delimiter=";", decimal=",")),
        ("rows.csv", b"a;b\n1,50;12.05.2020\n2,5;13.05.2020\n", CsvDialect(delimiter=";", decimal=",")),
        ("rows.tsv", b"a\tb\n1\t2\n", None),
        ("rows.tsv", b"city\tpeople\tarea\nA\t1,234\t1.5\nB\t12,345\t2.5\n", None),
        ("rows.tsv", b"city\tpeople\nA\t1,234\nB\t999\n", None),
        ("rows.tsv", b"place\tx\n1,2\t1.5\n3,4\t2.5\n", None),
        ("rows.tsv", b"note\tx\n1,2\t1\nabc\t2\n", None),
        ("rows.txt", b"a|b\n1|2\n", CsvDialect(delimiter="|")),
        ("rows.csv", b"1,2.5,x\n3,4.5,y\n", CsvDialect(header=False)),
        ("rows.csv", b"2020,2021\n1,2\n3,4\n", CsvDialect(header=False)),
        ("rows.csv", b"x,2021\n1,2\n3,4\n", None),
        ("rows.csv", "stadt,y\nZürich,1\n".encode("cp1252"), CsvDialect(encoding="cp1252")),
        ("rows.csv", "stadt,y\nZürich,1\n".encode("utf-16"), CsvDialect(encoding="utf-16")),
        ("rows.csv", b"\xef\xbb\xbfa,b\n1,2\n", None),
        ("rows.csv", b'text,y\n"one, two",1\n"line\nbreak; x",2\n', None),
        ("rows.csv", b"only\n1\n2\n", None),
        ("rows.csv", b"", None),
        ("rows.parquet", b"PAR1", None),
    ],
)
def test_dialect(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert sniff_dialect(tmp_path / name) == expected
