"""``strongbox play``: real environments, the same returns as SB3's own ``predict`` reaches, and clear refusals."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import gymnasium
import numpy
import pytest
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from strongbox import policy, save
from strongbox.cli import main
from strongbox.errors import MismatchError
from strongbox.policies.environments import check_spaces, make_environment
from strongbox.policies.episodes import Environment, play_episode, play_episodes
from strongbox.values import Box, Dict, Discrete, MultiBinary, MultiDiscrete

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"
CARTPOLE = str(ARCHIVES / "cartpole.zip")
NORMALIZED = ARCHIVES / "ppo-gsde-normalized.zip"
STATISTICS = ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl"

Captured = pytest.CaptureFixture[str]


def test_episodes_are_printed_and_summed_up(capsys: Captured) -> None:
    assert main(["play", CARTPOLE, "--env", "CartPole-v1", "--episodes", "2", "--seed", "0"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "episode    1  return       500.00  length 500",
        "episode    2  return       500.00  length 500",
        "mean          return       500.00 ± 0.00  length 500.0 ± 0.0",
    ]
    assert err == ""


def play_json(capsys: Captured, *arguments: str) -> dict[str, Any]:
    assert main(["play", *arguments, "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_the_same_as_data(capsys: Captured) -> None:
    sac = str(ARCHIVES / "sac.zip")
    said = play_json(capsys, sac, "--env", "Pendulum-v1", "--episodes", "3", "--seed", "7")
    assert (said["path"], said["env"]) == (sac, "Pendulum-v1")
    assert [(e["length"], e["seed"]) for e in said["episodes"]] == [(200, 7), (200, 8), (200, 9)]
    returned = [e["return"] for e in said["episodes"]]
    assert said["return"] == {
        "mean": pytest.approx(numpy.mean(returned)),
        "deviation": pytest.approx(numpy.std(returned)),
    }
    assert said["length"] == {"mean": 200, "deviation": 0}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An agent that Strongbox saved with its environment, which stands in the archive."""
    save(PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, seed=1, device="cpu"), tmp_path / "saved.zip")
    return tmp_path / "saved.zip"


def test_the_environment_is_the_archives_where_none_is_named(saved: Path, capsys: Captured) -> None:
    arguments = ["--episodes", "1", "--seed", "0"]
    assert main(["play", str(saved), *arguments]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "environment CartPole-v1, as strongbox.json says"
    assert len(out) == 3
    said = play_json(capsys, str(saved), *arguments)
    assert (said["env"], said["env_evidence"]) == ("CartPole-v1", "written in strongbox.json")
    named = play_json(capsys, str(saved), *arguments, "--env", "CartPole-v1")
    assert named == {**said, "env_evidence": "given"}


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_an_exported_policy_knows_its_environment(kind: str, saved: Path, capsys: Captured) -> None:
    exported = saved.with_name(f"exported.{kind}")
    assert policy(saved).spec.environment == "CartPole-v1"
    policy(saved).export(exported)
    assert play_json(capsys, str(exported), "--seed", "0")["env"] == "CartPole-v1"


def test_an_archive_never_names_a_module_to_import(saved: Path, capsys: Captured) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["strongbox.json"] = members["strongbox.json"].replace(b"CartPole-v1", b"this:Cart-v1")
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert main(["play", str(saved)]) == 2
    assert "expected the id of an environment, found 'this:Cart-v1'" in capsys.readouterr().err.replace("\\'", "'")
    assert "this" not in sys.modules


def test_an_environment_of_the_archive_that_is_not_registered_is_refused(
    signs: str, tmp_path: Path, capsys: Captured
) -> None:
    model = PPO("MlpPolicy", signs, n_steps=8, batch_size=8, device="cpu")
    save(model, tmp_path / "signs.zip")
    registered = gymnasium.registry.pop(signs)
    assert main(["play", str(tmp_path / "signs.zip")]) == 2
    gymnasium.registry[signs] = registered
    assert "expected an environment that can be played here, found 'Signs-v0'" in capsys.readouterr().err.replace(
        "\\'", "'"
    )


def test_a_seed_gives_the_same_returns_and_none_gives_others(capsys: Captured) -> None:
    arguments = [str(ARCHIVES / "sac.zip"), "--env", "Pendulum-v1", "--episodes", "2"]
    first = play_json(capsys, *arguments, "--seed", "3")
    assert play_json(capsys, *arguments, "--seed", "3") == first
    alone = play_json(capsys, *arguments[:-1], "1", "--seed", "4")
    assert alone["episodes"] == first["episodes"][1:]
    fresh = play_json(capsys, *arguments)
    assert fresh["episodes"] != first["episodes"]
    assert [e["seed"] for e in fresh["episodes"]] == [None, None]


@pytest.mark.parametrize(
    ("name", "algorithm", "environment"),
    [("a2c", A2C, "CartPole-v1"), ("sac", SAC, "Pendulum-v1"), ("recurrent-ppo", RecurrentPPO, "CartPole-v1")],
)
def test_returns_are_those_of_sb3(
    name: str, algorithm: type[BaseAlgorithm], environment: str, capsys: Captured
) -> None:
    file = ARCHIVES / f"{name}.zip"
    model = algorithm.load(file, device="cpu")
    expected = play_with_sb3(model, gymnasium.make(environment), lambda observation: observation)
    said = play_json(capsys, str(file), "--env", environment, "--episodes", "1", "--seed", "5")
    assert (said["return"]["mean"], said["length"]["mean"]) == pytest.approx(expected, rel=1e-3)


def test_statistics_of_vecnormalize_are_applied_to_observations_alone(capsys: Captured) -> None:
    statistics = VecNormalize.load(str(STATISTICS), DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")]))
    model = PPO.load(NORMALIZED, device="cpu")
    expected = play_with_sb3(model, gymnasium.make("Pendulum-v1"), statistics.normalize_obs)
    arguments = [str(NORMALIZED), "--env", "Pendulum-v1", "--episodes", "1", "--seed", "5"]
    said = play_json(capsys, *arguments, "--normalize", str(STATISTICS))
    assert (said["return"]["mean"], said["length"]["mean"]) == pytest.approx(expected, rel=1e-3)
    assert play_json(capsys, *arguments)["return"] != said["return"]


def play_with_sb3(model: BaseAlgorithm, environment: Any, see: Callable[[Any], Any]) -> tuple[float, int]:
    observation, _ = environment.reset(seed=5)
    state, returned, length, over = None, 0.0, 0, False
    while not over:
        action, state = model.predict(see(observation), state, numpy.array([length == 0]), deterministic=True)
        observation, reward, ended, cut, _ = environment.step(action)
        returned, length, over = returned + float(reward), length + 1, ended or cut
    return returned, length


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(["play", CARTPOLE, "--env", "CartPole-v1", "--episodes", "2"]) == 0
    assert "0/2 |" in screen.getvalue()
    assert "CartPole-v1, step 0" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected the id of an environment, found none in the archive. Name the one that"),
        (
            ["--env", "Pendulum-v1"],
            "as the observation space, which is the policy's, found Box([-1. -1. -8.], [1. 1. 8.]",
        ),
        (["--env", "Nothing-v0"], "expected an environment that can be played here, found 'Nothing-v0': "),
        (["--env", "no_such_package:Thing-v0"], "found 'no_such_package:Thing-v0': No module named 'no_such_package'"),
        (["--env", "CartPole-v1", "--normalize", "none.pkl"], "none.pkl: no such file."),
        (["--env", "CartPole-v1", "--video", "seen.avi"], "expected a video's name that ends in .mp4 or .gif"),
        (["--env", "CartPole-v1", "--episodes", "0"], "expected a number of episodes, found '0'"),
        (["--env", "CartPole-v1", "--seed", "-1"], "expected a seed, 0 to 999999999, found '-1'"),
    ],
)
def test_what_is_refused_is_one_line(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(["play", CARTPOLE, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err.replace("\\'", "'")
    assert err.count("\n") == 1


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_video_has_a_picture_before_each_action_and_one_at_the_end(
    kind: str, tmp_path: Path, capsys: Captured
) -> None:
    agent, video = str(ARCHIVES / "a2c.zip"), tmp_path / f"seen.{kind}"
    arguments = [agent, "--env", "CartPole-v1", "--episodes", "2", "--seed", "5"]
    said = play_json(capsys, *arguments, "--video", str(video))
    assert said["video"] == str(video)
    assert said["episodes"] == play_json(capsys, *arguments)["episodes"]
    assert count_pictures(video) == sum(episode["length"] + 1 for episode in said["episodes"])


def count_pictures(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_video_of_mujoco_needs_opengl_and_says_so_where_there_is_none(tmp_path: Path) -> None:
    """Drawing happens in a process of its own: MuJoCo chooses how to draw when it is imported."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MUJOCO_GL")}
    file, video = tmp_path / "hopper.zip", tmp_path / "seen.mp4"
    SAC("MlpPolicy", "Hopper-v5", buffer_size=10, device="cpu", seed=1).save(file)
    command = [sys.executable, "-W", "ignore", "-m", "strongbox", "play", str(file), "--env", "Hopper-v5"]
    command += ["--episodes", "1", "--seed", "0", "--video", str(video), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert count_pictures(video) == json.loads(done.stdout)["episodes"][0]["length"] + 1
        video.unlink()
    else:
        assert "MUJOCO_GL" in done.stderr
    broken = subprocess.run(command, env={**environment, "MUJOCO_GL": "nothing"}, capture_output=True, text=True)
    assert broken.returncode == 2
    assert "strongbox: " in broken.stderr
    assert "MUJOCO_GL" in broken.stderr
    assert not video.exists()


def test_a_window_or_a_video(capsys: Captured) -> None:
    assert main(["play", CARTPOLE, "--env", "CartPole-v1", "--render", "--video", "seen.mp4"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_an_environment_that_draws_nothing_is_refused(signs: str, tmp_path: Path, capsys: Captured) -> None:
    agent, video = str(ARCHIVES / "maskable-ppo.zip"), tmp_path / "seen.gif"
    assert main(["play", agent, "--env", signs, "--video", str(video)]) == 2
    assert "expected an environment that can draw here, found NotImplementedError. " in capsys.readouterr().err
    assert not video.exists()


def test_gymnasium_is_an_extra(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert main(["play", CARTPOLE, "--env", "CartPole-v1"]) == 2
    assert 'Install it with: pip install "strongbox[play]"' in capsys.readouterr().err


class Signs(gymnasium.Env[Any, Any]):
    """Ten steps, in which only the action that the mask allows is taken; shows itself where asked."""

    metadata: dict[str, Any] = {"render_modes": ["human"]}  # noqa: RUF012 (gymnasium's own declaration)
    shown = 0

    def __init__(self, render_mode: str | None = None) -> None:
        spec = policy(ARCHIVES / "maskable-ppo.zip").spec
        assert isinstance(spec.observation_space, Discrete)
        assert isinstance(spec.action_space, Discrete)
        self.observation_space = spaces.Discrete(spec.observation_space.n)
        self.action_space = spaces.Discrete(spec.action_space.n)
        self.actions = spec.action_space.n
        self.render_mode = render_mode
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        taken = {self.allowed: 1.0}[action]  # a key: an action that is no plain number would not be found
        self.steps += 1
        Signs.shown += self.render_mode == "human"
        return self.steps % 2, taken, self.steps == 10, False, {}

    @property
    def allowed(self) -> int:
        return self.steps % self.actions

    def action_masks(self) -> Any:
        return numpy.arange(self.actions) == self.allowed


@pytest.fixture
def signs() -> Iterator[str]:
    gymnasium.register("Signs-v0", entry_point=lambda **options: Signs(**options), max_episode_steps=50)
    yield "Signs-v0"
    del gymnasium.registry["Signs-v0"]


def test_masks_are_handed_through_all_wrappers(signs: str, capsys: Captured) -> None:
    said = play_json(capsys, str(ARCHIVES / "maskable-ppo.zip"), "--env", signs, "--episodes", "2")
    assert [e["return"] for e in said["episodes"]] == [10, 10]


def test_a_plain_object_is_an_environment() -> None:
    agent = policy(ARCHIVES / "maskable-ppo.zip")
    assert [episode.returned for episode in play_episodes(Signs(), agent, 3, seed=1)] == [10, 10, 10]


def test_rendering_is_the_environments_own(signs: str, capsys: Captured) -> None:
    Signs.shown = 0
    play_json(capsys, str(ARCHIVES / "maskable-ppo.zip"), "--env", signs, "--episodes", "1", "--render")
    assert Signs.shown == 10


def box(low: float, high: float, shape: tuple[int, ...], dtype: Any = numpy.float32) -> Box:
    return Box(
        low=numpy.full(shape, low, dtype), high=numpy.full(shape, high, dtype), shape=shape, dtype=numpy.dtype(dtype)
    )


PICTURE = box(0, 255, (3, 8, 9), numpy.uint8)


@pytest.mark.parametrize(
    ("kind", "wanted", "found", "fits"),
    [
        ("observation", box(-1, 1, (2,)), spaces.Box(-5, 5, (2,), numpy.float32), True),
        ("observation", box(-1, 1, (2,)), spaces.Box(-5, 5, (2,), numpy.float64), True),
        ("observation", box(-1, 1, (2,)), spaces.Box(0, 255, (2,), numpy.uint8), False),
        ("observation", box(-1, 1, (2,)), spaces.Box(-1, 1, (2, 1), numpy.float32), False),
        ("observation", PICTURE, spaces.Box(0, 255, (3, 8, 9), numpy.uint8), True),
        ("observation", PICTURE, spaces.Box(0, 255, (8, 9, 3), numpy.uint8), True),
        ("observation", PICTURE, spaces.Box(0, 255, (9, 8, 3), numpy.uint8), False),
        ("observation", Discrete(n=4), spaces.Discrete(4), True),
        ("observation", Discrete(n=4), spaces.MultiBinary(4), False),
        ("observation", Dict(spaces={"a": Discrete(n=4)}), spaces.Dict(a=spaces.Discrete(4)), True),
        ("observation", Dict(spaces={"a": Discrete(n=4)}), spaces.Dict(a=spaces.Discrete(5)), False),
        ("observation", Dict(spaces={"a": Discrete(n=4)}), spaces.Dict(b=spaces.Discrete(4)), False),
        ("action", box(-1, 1, (2,)), spaces.Box(-1, 1, (2,), numpy.float32), True),
        ("action", box(-1, 1, (2,)), spaces.Box(-2, 2, (2,), numpy.float32), False),
        ("action", Discrete(n=4), spaces.Discrete(4, start=1), False),
        ("action", MultiBinary(n=3), spaces.MultiBinary(3), True),
        ("action", MultiBinary(n=3), spaces.MultiBinary(4), False),
        ("action", MultiDiscrete(nvec=numpy.array([2, 3])), spaces.MultiDiscrete([2, 3]), True),
        ("action", MultiDiscrete(nvec=numpy.array([2, 3])), spaces.MultiDiscrete([3, 2]), False),
    ],
)
def test_spaces_fit_where_acting_is_the_same(kind: str, wanted: Any, found: spaces.Space[Any], fits: bool) -> None:
    if fits:
        check_spaces("Thing-v0", {kind: (wanted, found)})
    else:
        with pytest.raises(MismatchError, match=rf"the {kind} space.*, which is the policy's, found .* in Thing-v0"):
            check_spaces("Thing-v0", {kind: (wanted, found)})


SMALL = {"features_extractor_kwargs": {"features_dim": 16}}


@pytest.fixture(scope="module")
def atari_agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import ale_py  # noqa: F401 (names its games to gymnasium)
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    environment = VecFrameStack(make_atari_env("BreakoutNoFrameskip-v4", n_envs=1, seed=0), n_stack=4)
    file = tmp_path_factory.mktemp("atari") / "breakout.zip"
    PPO("CnnPolicy", environment, n_steps=8, batch_size=8, seed=1, device="cpu", policy_kwargs=SMALL).save(file)
    environment.close()
    return file


@pytest.mark.parametrize("name", ["BreakoutNoFrameskip-v4", "ALE/Breakout-v5"])
def test_an_atari_agent_gets_its_frames(name: str, atari_agent: Path) -> None:
    game = make_environment(name, policy(atari_agent).spec)
    try:
        observation, _ = game.reset(seed=0)
        assert (observation.shape, observation.dtype) == ((4, 84, 84), numpy.uint8)
        assert [bool(frame.any()) for frame in observation] == [False, False, False, True]
        later = game.step(0)[0]
        assert [bool(frame.any()) for frame in later] == [False, False, True, True]
        assert (later[2] == observation[3]).all()
        first = [game.step(step % 4)[0] for step in range(40)]
        for repeated, frames in zip(replay(game, 40), first, strict=True):
            numpy.testing.assert_array_equal(repeated, frames)
        assert any(not frames[:3].any() for frames in first), "a lost life begins with empty frames"
    finally:
        game.close()


def replay(game: Environment, steps: int) -> list[Any]:
    """The same seed and actions again."""
    game.reset(seed=0)
    game.step(0)
    return [game.step(step % 4)[0] for step in range(steps)]


def test_an_atari_agent_plays_a_whole_game(atari_agent: Path, capsys: Captured) -> None:
    said = play_json(capsys, str(atari_agent), "--env", "ALE/Breakout-v5", "--episodes", "1", "--seed", "2")
    assert said["length"]["mean"] > 30  # five lives, each begun with FIRE
    assert said["return"]["mean"] >= 0


def test_a_video_of_an_atari_game_is_in_colour(atari_agent: Path, tmp_path: Path, capsys: Captured) -> None:
    video = tmp_path / "seen.mp4"
    arguments = [str(atari_agent), "--env", "ALE/Breakout-v5", "--episodes", "1", "--seed", "2", "--video", str(video)]
    said = play_json(capsys, *arguments)
    with av.open(str(video)) as container:
        assert container.streams.video[0].average_rate == 15
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == said["episodes"][0]["length"] + 1
    assert pictures[0].shape == (210, 160, 3)
    assert numpy.ptp(pictures[0].astype(int), axis=2).max() > 100


def test_an_atari_game_with_other_actions_is_refused(atari_agent: Path, capsys: Captured) -> None:
    assert main(["play", str(atari_agent), "--env", "BoxingNoFrameskip-v4"]) == 2
    assert "as the action space, which is the policy's, found Discrete(18) in Boxing" in capsys.readouterr().err


def test_an_episode_says_its_seed() -> None:
    environment = make_environment("CartPole-v1", policy(CARTPOLE).spec)
    assert play_episode(environment, policy(CARTPOLE), seed=9).seed == 9
    environment.close()
