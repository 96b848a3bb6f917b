"""Logs are cut back and gone on with; a checkpoint, whatever it says, reaches no other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import A2C
from stable_baselines3.common.logger import CSVOutputFormat, configure

from strongbox.adapters.preserving import preserve_logs
from strongbox.adapters.training.logs import LogPositions, continue_logs, remove_events


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return A2C("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path / "boards"), device="cpu")


def logged(folder: Path, formats: list[str], *rows: dict[str, float]) -> Any:
    logger = configure(str(folder), formats)
    for step, row in enumerate(rows):
        for name, value in row.items():
            logger.record(name, value)
        logger.dump(step)
    return logger


@pytest.mark.parametrize("kind", ["csv", "json", "log"])
def test_a_text_log_goes_on_after_the_rows_of_the_checkpoint(kind: str, tmp_path: Path, model: Any) -> None:
    logger = logged(tmp_path / "a", [kind], {"x": 1}, {"x": 2})
    positions = LogPositions()
    sizes, rows = positions.sizes(logger), positions.rows(logger)
    (path,) = map(Path, sizes)
    expected = path.read_text()
    logger.record("x", 3)
    logger.record("y", 4)  # A new column: the whole file is written again.
    logger.dump(2)
    logger.close()
    copies = preserve_logs(sizes, rows, tmp_path / "copies")
    model.set_logger(logged(tmp_path / "a", [kind]))
    assert path.read_text() != expected
    assert continue_logs(model, sizes, rows, copies) == {}
    found = path.read_text()
    assert found == (expected if kind != "csv" else found)
    assert found.count("\n") == expected.count("\n")
    model.logger.record("x", 3)
    model.logger.dump(2)
    assert path.read_text().startswith(found)
    model.logger.close()


def test_columns_are_known_again(tmp_path: Path, model: Any) -> None:
    logger = logged(tmp_path, ["csv"], {"a": 1, "b": 2})
    positions = LogPositions()
    sizes, rows = positions.sizes(logger), positions.rows(logger)
    logger.close()
    copies = preserve_logs(sizes, rows, tmp_path / "copies")
    model.set_logger(logged(tmp_path, ["csv"]))
    continue_logs(model, sizes, rows, copies)
    output = model.logger.output_formats[0]
    assert isinstance(output, CSVOutputFormat)
    assert sorted(output.keys) == ["a", "b"]
    model.logger.close()


def test_a_copy_of_an_earlier_attempt_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text("x\n1\n2\n3\n")
    first = preserve_logs({str(path): 8}, {"progress.csv": 3}, tmp_path / "copies")
    path.write_text("")
    again = preserve_logs({str(path): 8}, {"progress.csv": 3}, tmp_path / "copies")
    assert first == again
    assert Path(first[str(path)]).read_text() == "x\n1\n2\n"


def test_other_files_are_not_copied(tmp_path: Path) -> None:
    for name in ("secret.txt", "id_rsa", "data.csv", "progress.csv.bak"):
        (tmp_path / name).write_text("private")
    sizes = {str(tmp_path / name): 7 for name in ("secret.txt", "id_rsa", "data.csv", "progress.csv.bak", "log.txt")}
    assert preserve_logs(sizes, {}, tmp_path / "copies") == {}
    assert not (tmp_path / "copies").exists()


def test_files_that_the_script_does_not_write_are_not_touched(tmp_path: Path, model: Any) -> None:
    foreign = tmp_path / "elsewhere" / "events.out.tfevents.1"
    foreign.parent.mkdir()
    foreign.write_bytes(bytes(100))
    progress = tmp_path / "elsewhere" / "progress.csv"
    progress.write_text("x\n1\n")
    model.set_logger(logged(tmp_path / "own", ["csv", "tensorboard"]))
    sizes = {str(foreign): 10, str(progress): 1}
    lost = continue_logs(model, sizes, {}, {str(progress): str(progress)})
    assert set(lost) == {"log progress.csv", "log elsewhere"}
    assert foreign.stat().st_size == 100
    assert progress.read_text() == "x\n1\n"
    model.logger.close()


def test_only_events_below_the_models_own_place_are_removed(tmp_path: Path, model: Any) -> None:
    inside = tmp_path / "boards" / "A2C_2" / "events.out.tfevents.2"
    kept = tmp_path / "boards" / "A2C_1" / "events.out.tfevents.1"
    outside = tmp_path / "other" / "A2C_2" / "events.out.tfevents.2"
    notes = tmp_path / "boards" / "A2C_2b" / "notes.txt"
    for path in (inside, kept, outside, notes):
        path.parent.mkdir(parents=True)
        path.write_text("")
    remove_events(model, map(str, (inside, kept, outside, notes)), kept=[str(kept)])
    assert not inside.parent.exists()
    assert kept.exists()
    assert outside.exists()
    assert notes.exists()


def test_files_of_another_run_in_the_same_folder_are_neither_named_nor_touched(tmp_path: Path, model: Any) -> None:
    boards = tmp_path / "boards"
    foreign = boards / "events.out.tfevents.1.other"
    boards.mkdir()
    foreign.write_bytes(bytes(100))
    model.set_logger(logged(boards, ["tensorboard"]))
    positions = LogPositions()
    sizes = positions.sizes(model.logger)
    assert len(sizes) == 1
    assert str(foreign) not in sizes
    assert continue_logs(model, sizes, {}, {}) == {}
    assert foreign.stat().st_size == 100
    positions.go_on({str(foreign): 100})
    assert str(foreign) in positions.sizes(model.logger)
    model.logger.close()


def test_a_folder_of_the_same_name_without_the_checkpoints_files_is_anothers(tmp_path: Path, model: Any) -> None:
    foreign = tmp_path / "boards" / "A2C_1" / "events.out.tfevents.1.other"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(bytes(100))
    model.tensorboard_log = str(tmp_path / "boards")
    model.set_logger(logged(tmp_path / "boards" / "A2C_2", ["tensorboard"]))
    lost = continue_logs(model, {str(foreign.with_name("events.out.tfevents.9.mine")): 10}, {}, {})
    assert "not there any more" in lost["log A2C_1"]
    assert foreign.stat().st_size == 100
    assert [path.parent.name for path in sorted((tmp_path / "boards").rglob("events*"))] == ["A2C_1", "A2C_2"]
    model.logger.close()


def test_a_path_that_leads_back_out_of_the_place_is_not_removed(tmp_path: Path, model: Any) -> None:
    outside = tmp_path / "events.out.tfevents.1"
    outside.write_text("")
    (tmp_path / "boards").mkdir()
    model.tensorboard_log = str(tmp_path / "boards")
    remove_events(model, [str(tmp_path / "boards" / ".." / outside.name)], kept=[])
    assert outside.exists()
