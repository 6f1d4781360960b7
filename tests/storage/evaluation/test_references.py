"""Files of references: what a table without lists holds in place of one."""

import csv
from pathlib import Path

from storage.evaluation.references import read_references


def test_a_text_is_a_list_of_references_where_it_is_one_in_json(tmp_path: Path) -> None:
    # A list that no parser takes is a text like any other.
    deep = "[" * 3000
    rows = {
        "a": ('["a dog", " ", "a cat"]', ("a dog", "a cat")),
        "b": ("[a dog]", ("[a dog]",)),
        "c": (deep, (deep,)),
    }
    path = tmp_path / "references.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["asset_id", "references"])
        writer.writerows([name, text] for name, (text, _) in rows.items())
    found = {one.asset_id: one.texts for one in read_references(str(path), "captions")}
    assert found == {name: texts for name, (_, texts) in rows.items()}
