"""Folders that an import refuses in words, leaving no manifest behind."""

import shutil

import pytest
from engine.datasets.made_up_folders import lines_of

from radiologycnn.datasets.importing import LAYOUTS, import_dataset
from radiologycnn.errors import Cancelled, InputError


def test_an_older_ct_ich_is_known(tmp_path) -> None:
    (tmp_path / "old" / "Patients_CT" / "049" / "brain").mkdir(parents=True)
    with pytest.raises(InputError, match="older version of CT-ICH"):
        import_dataset("ct-ich", tmp_path / "old", tmp_path / "out")


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_other_layouts_are_refused_in_words(sources, tmp_path, name: str) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        import_dataset(name, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"not laid out as {LAYOUTS[name].title}") as refused:
        import_dataset(name, tmp_path / "empty", tmp_path / "out")
    assert refused.value.hint == LAYOUTS[name].expected
    for other in set(sources) - {name}:
        with pytest.raises(InputError, match="not laid out as"):
            import_dataset(name, sources[other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables_that_are_not_ct_ichs_are_refused(own_source, tmp_path) -> None:
    root = next(own_source("ct-ich").iterdir())
    table = root / "hemorrhage_diagnosis_raw_ct.csv"
    table.write_text(table.read_text().replace("Epidural", "EDH"))
    with pytest.raises(InputError, match="has no column Epidural"):
        import_dataset("ct-ich", root, tmp_path / "out")
    table.write_text(table.read_text().replace("EDH", "Epidural").replace("49,2,", "forty,2,"))
    with pytest.raises(InputError, match="line 3: a number cannot be read"):
        import_dataset("ct-ich", root, tmp_path / "out")
    table.write_text(table.read_text().replace("forty", "49"), encoding="utf-16")
    with pytest.raises(InputError, match=r"hemorrhage_diagnosis_raw_ct\.csv cannot be read as a CSV table"):
        import_dataset("ct-ich", root, tmp_path / "out")
    table.unlink()
    with pytest.raises(InputError, match=r"no hemorrhage_diagnosis_raw_ct\.csv"):
        import_dataset("ct-ich", root, tmp_path / "out")


def test_two_copies_of_a_data_set_or_a_manifest_that_is_there_are_refused(own_source, tmp_path) -> None:
    source = own_source("instance")
    shutil.copytree(source / "train_2", source / "copy")
    with pytest.raises(InputError, match="several times"):
        import_dataset("instance", source, tmp_path / "out")
    import_dataset("instance", source / "copy", tmp_path / "out")
    with pytest.raises(InputError, match="holds a cases"):
        import_dataset("instance", source / "copy", tmp_path / "out")
    with pytest.raises(InputError, match="Known: bhsd, ct-ich, instance") as unknown:
        import_dataset("rsna", source, tmp_path / "other")
    assert "no reader for “rsna”" in unknown.value.message


def test_nothing_usable_or_stopped_leaves_no_manifest(own_source, tmp_path) -> None:
    source = own_source("instance")
    for mask in (source / "train_2" / "label").iterdir():
        mask.unlink()
    with pytest.raises(InputError, match="None of the 3 scans"):
        import_dataset("instance", source, tmp_path / "out")
    assert not (tmp_path / "out" / "cases.csv").exists()
    assert len(lines_of(tmp_path / "out" / "import-report.csv")) == 3
    with pytest.raises(Cancelled):
        import_dataset(
            "instance", own_source("bhsd").parent / "instance-source", tmp_path / "o2", cancelled=lambda: True
        )
    assert not (tmp_path / "o2" / "cases.csv").exists()
