"""New projects for data whose columns have names that Python has not."""

from tests.scaffold.tables import ROWS
from tests.scaffold.test_init import check, start

ODD_NAMES = (
    'a "quoted" name',
    "with space",
    "größe",
    "label",
    "name",
    "2024",
    "x'y",
    "a\\b",
    "{n}",
    "Row",
    "row_number",
)


def test_odd_names_of_columns(tmp_path, monkeypatch):
    header = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (*ODD_NAMES, "my label"))
    lines = [",".join([*(f"{(i * (k + 3)) % 17}.5" for k in range(len(ODD_NAMES))), "ab"[i % 2]]) for i in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join([header, *lines]) + "\n")
    draft = start(tmp_path / "p", tmp_path / "rows.csv", "my label")
    recipe = check(tmp_path / "p", monkeypatch)
    assert recipe.label.name == "my_label"
    assert draft.numbered not in {"Row", "row"}


def test_wide_table_with_odd_names(tmp_path, monkeypatch):
    header = [f'"col {index}, {{x}} ""{index * 7}"""' for index in range(200)]
    lines = [",".join([*(f"{(i * i + k) % 19}" for k in range(200)), str(i % 2)]) for i in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join([",".join([*header, "y"]), *lines]) + "\n")
    start(tmp_path / "p", tmp_path / "rows.csv", "y")
    assert check(tmp_path / "p", monkeypatch).features[0].shape == (200,)
