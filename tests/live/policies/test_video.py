"""Videos: written whole or not at all, and read again picture by picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
import pytest

from strongbox.errors import MismatchError, MissingExtra
from strongbox.policies.video import VideoWriter, check_video_name, open_video


class Squares:
    """An environment whose pictures go from dark to bright, with a red square in them."""

    def __init__(self, shape: tuple[int, ...] = (48, 64, 3), rate: float | None = 20) -> None:
        self.metadata = {} if rate is None else {"render_fps": rate}
        self.shape = shape
        self.steps = 0

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return 0, 1.0, False, False, {}

    def render(self) -> Any:
        return picture(self.steps, self.shape)

    def close(self) -> None:
        pass

    def action_masks(self) -> str:
        return "its own"


def picture(step: int, shape: tuple[int, ...] = (48, 64, 3)) -> Any:
    made = numpy.full(shape, min(255, 20 * step), numpy.uint8)
    made[10:30, 10:30] = (200, 0, 0)
    return made


def read(file: Path) -> tuple[list[Any], Fraction]:
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        rate = container.streams.video[0].average_rate
        assert rate is not None
        return frames, rate


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_every_picture_is_in_the_file(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"seen.{kind}"
    with open_video(str(file), Squares()) as filmed:
        for _ in range(2):
            filmed.reset(seed=0)
            for _ in range(9):
                filmed.step(0)
    frames, rate = read(file)
    assert len(frames) == 20
    assert rate == 20
    for step, frame in enumerate(frames):
        assert frame.shape == (48, 64, 3)
        off = numpy.abs(frame.astype(int) - picture(step % 10))
        assert off.mean() < 3, "colours are kept, but for what compression takes"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_sizes_that_are_odd_get_one_more_row_and_column(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"seen.{kind}"
    with open_video(str(file), Squares((47, 63, 3))) as filmed:
        filmed.reset()
    assert [frame.shape for frame in read(file)[0]] == [(48, 64, 3)]


@pytest.mark.parametrize(("rate", "expected"), [(None, 30), (50, 50), (12.5, 12.5)])
def test_pictures_follow_each_other_as_the_environment_says(rate: Any, expected: float, tmp_path: Path) -> None:
    file = tmp_path / "seen.mp4"
    with open_video(str(file), Squares(rate=rate)) as filmed:
        filmed.reset()
        for _ in range(4):
            filmed.step(0)
    assert float(read(file)[1]) == pytest.approx(expected)


def test_all_else_is_the_environments_own(tmp_path: Path) -> None:
    with open_video(str(tmp_path / "seen.gif"), Squares()) as filmed:
        assert filmed.action_masks() == "its own"
        assert filmed.reset() == (0, {})
        assert filmed.step(1)[1:4] == (1.0, False, False)


def film(file: Path, actions: list[Callable[[], Any]]) -> None:
    with open_video(str(file), Squares()) as filmed:
        for action in actions:
            filmed.reset()
            filmed.step(action())


@pytest.mark.parametrize("kind", ["mp4", "gif"])
@pytest.mark.parametrize(
    ("actions", "error"), [([lambda: 1, lambda: 1 / 0], ZeroDivisionError), ([], MismatchError)], ids=["some", "none"]
)
def test_an_older_file_stays_where_something_fails(
    kind: str, actions: list[Callable[[], Any]], error: type[Exception], tmp_path: Path
) -> None:
    file = tmp_path / f"seen.{kind}"
    file.write_bytes(b"an older one")
    with pytest.raises(error):
        film(file, actions)
    assert file.read_bytes() == b"an older one"
    assert list(tmp_path.iterdir()) == [file]


class Fails(Squares):
    def render(self) -> Any:
        raise AttributeError("no such library")


def test_an_environment_that_cannot_draw_is_told_from_one_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "seen.mp4"
    with (
        pytest.raises(MismatchError, match=r"can draw here, found AttributeError: no such library\. .*MUJOCO_GL=egl"),
        open_video(str(file), Fails()) as filmed,
    ):
        filmed.reset()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        numpy.zeros((4, 4), numpy.uint8),
        numpy.zeros((4, 4, 3), numpy.float32),
        numpy.zeros((4, 4, 4), numpy.uint8),
        numpy.zeros((0, 4, 3), numpy.uint8),
    ],
)
def test_what_is_no_picture_is_refused(wrong: Any, tmp_path: Path) -> None:
    with (tmp_path / "seen").open("wb") as file, pytest.raises(MismatchError, match="expected pictures as uint8"):
        VideoWriter(file, kind="mp4", rate=Fraction(30)).add(wrong)


def test_pictures_have_one_size(tmp_path: Path) -> None:
    with (tmp_path / "seen").open("w+b") as file:
        writer = VideoWriter(file, kind="gif", rate=Fraction(30))
        writer.add(picture(0))
        with pytest.raises(MismatchError, match=r"one size, found \(8, 64, 3\) after \(48, 64, 3\)"):
            writer.add(picture(0)[:8])
        writer.close()


@pytest.mark.parametrize("name", ["seen.avi", "seen", "mp4", ""])
def test_the_name_tells_the_kind(name: str) -> None:
    with pytest.raises(MismatchError, match=r"ends in \.mp4 or \.gif"):
        check_video_name(name)
    check_video_name("Seen.MP4")


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"'av'.*strongbox\[video\]"):
        check_video_name("seen.mp4")


def test_pyav_loads_when_a_video_is_begun() -> None:
    program = "import sys, strongbox.cli.play, strongbox.policies.video; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
