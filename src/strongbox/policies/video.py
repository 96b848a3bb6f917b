"""Videos of what an agent does: the pictures that an environment draws, one before each action and one at the end.

The file's name tells its kind: ``.mp4`` (H.264, for any browser) or ``.gif`` (a palette for each picture). PyAV
(FFmpeg as a library, the extra ``[video]``) writes both, picture by picture, so that an hour takes no more memory
than a second; it loads when a video is begun. The file takes its name when all of it is there: whatever fails
before leaves an older one as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, BinaryIO

import numpy

from ..container import replace_file
from ..errors import MismatchError, MissingExtra
from .episodes import Environment
from .layers import Array

__all__ = ["FilmedEnvironment", "VideoWriter", "check_video_name", "open_video"]

KINDS = (".mp4", ".gif")
WHOLE = {"gifflags": "-offsetting-transdiff"}
"""Each picture of a GIF stands for itself. As differences, black ones let the picture before them shine through."""
DRAWN = 30
"""Pictures a second of an environment that does not say how many."""


def check_video_name(path: str) -> None:
    """Raise MismatchError where a name does not tell a kind of video that can be written, MissingExtra without PyAV."""
    if os.path.splitext(path)[1].lower() not in KINDS:
        raise MismatchError(f"expected a video's name that ends in {' or '.join(KINDS)}, found {path!r}.")
    _import_av()


@contextmanager
def open_video(path: str, environment: Environment) -> Iterator[FilmedEnvironment]:
    """The environment, its pictures going into a video that takes its place at the end of the block.

    Pictures follow each other as fast as the environment says (``metadata["render_fps"]``). Where the block
    raises, no file is left and an older one stays. Raises MismatchError where the environment draws no pictures.
    """
    check_video_name(path)
    rate = Fraction(getattr(environment, "metadata", {}).get("render_fps") or DRAWN).limit_denominator(1000)
    with replace_file(path, durable=False) as file:
        writer = VideoWriter(file, kind=os.path.splitext(path)[1].lower()[1:], rate=rate)
        yield FilmedEnvironment(environment, writer.add)
        writer.close()


class VideoWriter:
    """Pictures, uint8 (rows, columns, 3), all of one size, into a binary file; ``rate`` of them a second."""

    def __init__(self, file: BinaryIO, *, kind: str, rate: Fraction) -> None:
        self._av = _import_av()
        self._file = file
        self._kind = kind
        self._rate = rate
        self._shape: tuple[int, ...] | None = None
        self.count = 0

    def add(self, picture: Any) -> None:
        """Write the next picture; raises MismatchError where it is none, or of another size than the first."""
        picture = numpy.asarray(picture)
        if picture.dtype != numpy.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            found = f"{picture.dtype} of shape {picture.shape}"
            raise MismatchError(f"expected pictures as uint8 (rows, columns, 3) from the environment, found {found}.")
        if self._shape is None:
            self._shape = picture.shape
            self._begin(*_even(picture).shape[:2])
        if picture.shape != self._shape:
            raise MismatchError(f"expected pictures of one size, found {picture.shape} after {self._shape}.")
        frame = self._av.VideoFrame.from_ndarray(_even(picture), format="rgb24")
        frame.pts, frame.time_base = self.count, 1 / self._rate
        self.count += 1
        self._container.mux(self._stream.encode(self._reduce(frame)))

    def close(self) -> None:
        """Write what is still held back; the file stays open. Raises MismatchError where there was no picture."""
        if self._shape is None:
            raise MismatchError("expected at least one picture for a video, found none.")
        self._container.mux(self._stream.encode())
        self._container.close()

    def _begin(self, rows: int, columns: int) -> None:
        self._container = self._av.open(self._file, "w", format=self._kind)
        codec, colours = ("gif", "pal8") if self._kind == "gif" else ("libx264", "yuv420p")
        self._stream = self._container.add_stream(codec, rate=self._rate, options=WHOLE if codec == "gif" else {})
        self._stream.height, self._stream.width, self._stream.pix_fmt = rows, columns, colours
        self._reduce = self._make_palettes() if self._kind == "gif" else _as_it_is

    def _make_palettes(self) -> Callable[[Any], Any]:
        """FFmpeg's own way to a good GIF: 256 colours chosen for each picture."""
        graph, stream = self._av.filter.Graph(), self._stream
        source = graph.add_buffer(
            width=stream.width,
            height=stream.height,
            format=self._av.VideoFormat("rgb24"),
            time_base=1 / self._rate,
        )
        split, sink = graph.add("split"), graph.add("buffersink")
        choose, use = graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1:dither=none")
        for first, second, output, input in (
            (source, split, 0, 0),
            (split, choose, 0, 0),
            (split, use, 1, 0),
            (choose, use, 0, 1),
            (use, sink, 0, 0),
        ):
            first.link_to(second, output, input)
        graph.configure()

        def reduce(frame: Any) -> Any:
            graph.push(frame)
            return graph.pull()

        return reduce


class FilmedEnvironment:
    """An environment that hands a picture to ``add`` after every reset and step; all else is the environment's."""

    def __init__(self, environment: Any, add: Callable[[Any], None]) -> None:
        self._environment = environment
        self._add = add

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; its first picture is what is seen before the first action."""
        started: tuple[Any, dict[str, Any]] = self._environment.reset(seed=seed)
        self._add(self._draw())
        return started

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act once; the picture shows what came of it."""
        made: tuple[Any, Any, bool, bool, dict[str, Any]] = self._environment.step(action)
        self._add(self._draw())
        return made

    def close(self) -> None:
        """Give back what the environment holds."""
        self._environment.close()

    def _draw(self) -> Any:
        """Engines raise errors of many types where there is no screen and no OpenGL; each becomes one that says so."""
        try:
            return self._environment.render()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": .")
            raise MismatchError(
                f"expected an environment that can draw here, found {reason}.",
                hint="Without a screen, MuJoCo draws with MUJOCO_GL=egl or MUJOCO_GL=osmesa and their libraries.",
            ) from error


def _even(picture: Array) -> Array:
    """The picture with its last row and column repeated where H.264, which halves its colours, needs even sizes."""
    rows, columns, _ = picture.shape
    even: Array = numpy.pad(picture, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
    return numpy.ascontiguousarray(even)


def _as_it_is(frame: Any) -> Any:
    return frame


def _import_av() -> Any:
    try:
        import av
        import av.filter
    except ImportError:
        raise MissingExtra("av", "video", "writing a video") from None
    return av
