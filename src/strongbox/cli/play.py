"""``strongbox play``: an agent acts in its environment, and what it reaches there is counted."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy

from ..archive import MANIFEST
from ..errors import MismatchError, locate
from ..policies import Policy, open_policy
from ..policies.environments import explain_refusals, make_environment
from ..policies.episodes import Environment, Episode, play_episodes
from ..policies.video import check_video_name, open_video
from .json_form import strict_json
from .limits import read_limits
from .progress import Progress
from .terminal import Span, Terminal

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Play all episodes, say of each what it brought when it is over, and at last mean and deviation."""
    with locate(path=arguments.file):
        policy = open_policy(arguments.file, normalize=arguments.normalize, limits=read_limits(arguments))
        named = arguments.env or policy.spec.environment
        if named is None:
            raise MismatchError(
                "expected the id of an environment, found none in the archive.",
                hint="Name the one that the agent was trained in: --env CartPole-v1",
            )
        if arguments.env is None and not arguments.json:
            Terminal(sys.stdout).print([Span(f"environment {named}, as {MANIFEST} says", "dim")])
        episodes = _play_shown(policy, named, arguments)
    if arguments.json:
        print(json.dumps(strict_json(_as_data(named, arguments, episodes)), allow_nan=False))
    return 0


def _play_shown(policy: Policy, named: str, arguments: argparse.Namespace) -> list[Episode]:
    """Play in a window, into a video, or unseen."""
    if arguments.video is not None:
        check_video_name(arguments.video)
        _draw_without_screen()
    show = "human" if arguments.render else "rgb_array" if arguments.video is not None else None
    environment = make_environment(named, policy.spec, show=show)
    try:
        with explain_refusals(named):
            if arguments.video is None:
                return _play(environment, policy, named, arguments)
            with open_video(arguments.video, environment) as filmed:
                return _play(filmed, policy, named, arguments)
    finally:
        environment.close()


def _draw_without_screen() -> None:
    """MuJoCo opens a window to draw unless told otherwise before it is imported; on a server there is none."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")


def _play(environment: Environment, policy: Policy, named: str, arguments: argparse.Namespace) -> list[Episode]:
    output, progress = Terminal(sys.stdout), Progress(Terminal(sys.stderr), arguments.episodes)
    played: list[Episode] = []

    def watch(number: int, step: int) -> None:
        progress.show(number, f"{named}, step {step:,}")

    try:
        for episode in play_episodes(environment, policy, arguments.episodes, seed=arguments.seed, watch=watch):
            played.append(episode)
            if not arguments.json:
                progress.clear()
                output.print(f"episode {len(played):>4}  return {episode.returned:>12,.2f}  length {episode.length:,}")
    finally:
        progress.clear()
    if not arguments.json:
        returned, length = _summary([e.returned for e in played]), _summary([e.length for e in played])
        output.print(
            [
                Span("mean        ", "good"),
                Span(
                    f"  return {returned[0]:>12,.2f} ± {returned[1]:,.2f}  length {length[0]:,.1f} ± {length[1]:,.1f}"
                ),
            ]
        )
    return played


def _summary(numbers: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation, that of all numbers there are, as SB3's ``evaluate_policy`` has it."""
    return float(numpy.mean(numbers)), float(numpy.std(numbers))


def _as_data(named: str, arguments: argparse.Namespace, episodes: Sequence[Episode]) -> dict[str, Any]:
    returned, length = _summary([e.returned for e in episodes]), _summary([e.length for e in episodes])
    return {
        "path": arguments.file,
        "env": named,
        "env_evidence": f"written in {MANIFEST}" if arguments.env is None else "given",
        "video": arguments.video,
        "episodes": [{"return": e.returned, "length": e.length, "seed": e.seed} for e in episodes],
        "return": {"mean": returned[0], "deviation": returned[1]},
        "length": {"mean": length[0], "deviation": length[1]},
    }
