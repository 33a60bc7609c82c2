"""The worker's jobs on an annotation dataset, as the panel asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine.annotated_folder import annotated_folder

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.images import write_image


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    annotated_folder(tmp_path / "data", 4, {"ab": (1.0, 0), "cd": (1.1, 1), "ef": (0.9, 0), "network": (0.8, 0)})
    return tmp_path / "data"


def refused(worker, **request: object) -> dict:
    worker.send(job="no", **request)
    return worker.wait_until(lambda message: message["event"] == "error", "error")


def test_agreement_for_tables_and_plots(worker, dataset: Path, tmp_path: Path) -> None:
    worker.send(cmd="agreement", job="a", dataset=str(dataset), output=str(tmp_path / "out"))
    answer = worker.wait_for("result", "a")
    assert answer["raters"] == ["ab", "cd", "ef", "network"]
    assert [row[0] for row in answer["table"]["rows"]][:2] == ["ab, cd", "ab, ef"]
    assert np.shape(answer["matrix"]["absolute"]) == (4, 4)
    assert len(answer["plots"]) == 6 and len(answer["plots"][0]["first_ml"]) == 4
    assert answer["comparison"]["kappa_experts"] > answer["comparison"]["kappa_method"]
    written = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert written["pairs"] == answer["pairs"]
    assert refused(worker, cmd="agreement", dataset=str(tmp_path))["code"] == "no-dataset"


def test_consensus_becomes_the_training_mask(worker, dataset: Path) -> None:
    worker.send(cmd="consensus", job="c", dataset=str(dataset), method="staple", use_for_training=True)
    answer = worker.wait_for("result", "c")
    assert answer["training_masks"] == "consensus" and len(answer["cases"]) == 4
    assert (dataset / answer["cases"][0]["mask"]).is_file()
    assert ",consensus," in (dataset / "cases.csv").read_text()
    assert refused(worker, cmd="consensus", dataset=str(dataset), method="mean")["code"] == "unknown-consensus"


def test_cases_that_nobody_has_opened_are_ranked(start_worker: Callable, head_volume: dict, tmp_path: Path) -> None:
    array, matrix = np.load(head_volume["array"]), np.array(head_volume["ijk_to_lps"], float)
    scans = []
    store = AnnotationStore(tmp_path / "data", "ab")
    for number in range(2):
        path = tmp_path / f"scan-{number}.nii.gz"
        write_image(path, array + np.int16(number), matrix)
        case = store.add_sources([(f"{number:032x}", "")])[f"{number:032x}"]
        scans.append({"case": case, "path": str(path)})
    scans.append({"case": "case-0001", "path": str(tmp_path / "scan-0.nii.gz")})
    scans.append({"case": "case-0009", "path": str(tmp_path / "scan-0.nii.gz")})
    worker = start_worker()
    worker.send(
        cmd="rank_cases", job="r", dataset=str(store.folder), scans=scans, model="tiny-1.0.0", device="torch-cpu"
    )
    answer = worker.wait_for("result", "r")
    assert [row["case"] for row in answer["cases"]] == ["case-0001", "case-0002"]
    assert [one["case"] for one in answer["problems"]] == ["case-0009"]
    kept = AnnotationDataset(store.folder).predictions()
    assert kept["case-0001"].uncertainty == answer["cases"][0]["uncertainty"]
    assert 0 <= kept["case-0002"].uncertainty <= 1
    assert kept["case-0001"].model["id"] == "tiny-1.0.0"
    assert not list((store.folder / "images").iterdir()), "an image enters when a rater opens the case"
    # Again: both are known, and nobody reads their scans.
    for scan in scans[:2]:
        Path(scan["path"]).unlink()
    worker.send(
        cmd="rank_cases", job="s", dataset=str(store.folder), scans=scans[:2], model="tiny-1.0.0", device="torch-cpu"
    )
    again = worker.wait_for("result", "s")
    assert again["cases"] == answer["cases"] and not again["problems"]
