"""What the processes of ``test_training_distributed.py`` run: VRN trained whole, stopped by one of them, resumed.

Arguments: folder with cases, folder for the results, "learn", "fail" (the second process does) or "full" (the disk is).
"""

import errno
import sys
from pathlib import Path

import torch

from radiologycnn.errors import Cancelled
from radiologycnn.progress import no_progress
from radiologycnn.training import run_files
from radiologycnn.training.distributed import joined_team
from radiologycnn.training.rotatorcuff import trainer
from radiologycnn.training.rotatorcuff.settings import TrainingSettings

SETTINGS = {
    "grid_size": 16,
    "base_filters": 4,
    "epochs": 2,
    "coarse_epochs": 1,
    "batch_size": 5,
    "coarse_batch_size": 4,
    "dropout": "off",
    "optimizer": "sgd",
    "autocast": False,
    "localization_weight": 0.5,
    "learning_rate": 0.01,
    "seed": 3,
}


def settings(**changes) -> TrainingSettings:
    return TrainingSettings.from_preset("default", SETTINGS | changes)


def paths_in(folder: Path) -> tuple[list[Path], list[Path]]:
    paths = sorted(folder.glob("*.npz"))
    return paths[:11], paths[11:]


def main(cases: Path, output: Path, kind: str) -> None:
    training, validation = paths_in(cases)
    stop = output / "stop"
    with joined_team("cpu") as team:
        assert (team.size, team.device) == (2, "cpu")
        if not team.leads:  # the only one that looks for the stop
            team.follow(stop.exists if kind != "fail" else lambda: sys.exit("out of luck"))
            return
        if kind == "full":
            run_files.save_checkpoint = no_room
        with team.leading():

            def train(name: str, resume: bool = False, after_epoch=no_progress, **changes) -> dict[str, torch.Tensor]:
                wanted = settings(**changes)
                found = trainer.train(training, validation, wanted, output / name, resume, "cpu", after_epoch)
                return found.state_dict

            for head in ("batch", "running"):
                torch.save(train(head, head_norm=head), output / f"{head}.pt")
            try:
                train("cut", after_epoch=lambda part, text: stop.touch() if text.startswith("Epoch") else None)
            except Cancelled:
                stop.unlink()
                torch.save(train("cut", resume=True), output / "resumed.pt")


def no_room(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, "out of room")


def threads_of_gloo() -> list[str]:
    """Names of this process's threads that the process group started; Linux tells them."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    left = threads_of_gloo()
    assert not left, f"still running when Python ends, where they may abort it: {left}"
