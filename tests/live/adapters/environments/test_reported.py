"""What is not exact is named, with the reason, when it is captured or when it is restored."""

from __future__ import annotations

import enum
import itertools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
from gymnasium import wrappers
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from strongbox.adapters.environments import capture_environments, restore_environments, watch_environments
from strongbox.errors import CheckpointError
from tests.live.adapters.environments.rolling import begin, differences, roll, through_json
from tests.live.adapters.environments.stacks import STACKS, Hidden, Nondeterministic, WithProtocol, with_file

Build = Callable[[], gymnasium.Env[Any, Any]]


def started(build: Build, steps: int = 20, *, watch: bool = True) -> VecEnv:
    env = DummyVecEnv([build])
    if watch:
        watch_environments(env)
    env.seed(3)
    env.action_space.seed(3)
    env.reset()
    roll(env, steps)
    return env


def moved(build: Build, other: Build | None = None) -> dict[str, str]:
    """What is reported when a state goes from one environment into another."""
    captured = capture_environments(started(build))
    assert captured.inexact == {}
    return restore_environments(started(other or build, 3), through_json(captured.state))


def test_an_environment_that_does_not_repeat_itself_is_reported() -> None:
    (place, reason), *more = moved(lambda: Monitor(Nondeterministic())).items()
    assert place == "environment 0, Nondeterministic"
    assert "not deterministic" in reason
    assert more == []


def test_a_replay_leaves_the_global_generators_alone() -> None:
    state = capture_environments(started(Nondeterministic)).state
    env = started(Nondeterministic, 3)
    numpy.random.seed(1)
    restore_environments(env, state)
    assert numpy.random.random() == numpy.random.RandomState(1).random_sample()


def test_an_environment_that_was_never_watched_is_reported() -> None:
    captured = capture_environments(started(Hidden, watch=False))
    assert "not watched" in captured.inexact["environment 0, Hidden"]
    assert restore_environments(started(Hidden), captured.state) == {
        "environment 0, Hidden": "the checkpoint does not have its state"
    }


def test_an_environment_that_was_watched_too_late_is_exact_from_its_next_reset() -> None:
    env = started(Hidden, watch=False)
    watch_environments(env)
    assert "has not been reset" in capture_environments(env).inexact["environment 0, Hidden"]
    env.reset()
    assert capture_environments(env).inexact == {}


def test_an_environment_that_is_not_watched_here_is_restored_none_the_less() -> None:
    captured = capture_environments(started(Hidden))
    assert restore_environments(started(Hidden, watch=False), captured.state) == {}


class Mood(enum.Enum):
    GOOD = 1
    BAD = 2


class Opaque(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps what is no plain data."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.lock = threading.Lock()
        self.mood = Mood.GOOD
        self.shape = lambda reward: reward
        self.kind = Hidden
        self.objects = numpy.array([None, 1], object)
        self.path = Path("somewhere")


def test_attributes_that_are_no_plain_data_are_named_and_code_is_not() -> None:
    captured = capture_environments(started(lambda: Opaque(gymnasium.make("CartPole-v1"))))
    assert set(captured.inexact) == {f"environment 0, Opaque.{name}" for name in ("lock", "objects")}


class Moody(Hidden):
    """Takes actions that nothing can copy."""

    def step(self, action: Any) -> Any:
        return super().step(numpy.zeros(2))


def test_a_member_of_an_enumeration_goes_along() -> None:
    def build() -> gymnasium.Env[Any, Any]:
        env = Opaque(gymnasium.make("CartPole-v1"))
        del env.lock, env.objects
        return env

    env, other = started(build), started(build, 3)
    env.envs[0].mood = Mood.BAD  # type: ignore[attr-defined]
    assert restore_environments(other, through_json(capture_environments(env).state)) == {}
    assert other.get_attr("mood") == [Mood.BAD]


def test_actions_that_cannot_be_kept_are_reported() -> None:
    env = started(Moody, 3)
    inner: Any = env.envs[0]  # type: ignore[attr-defined]
    inner.step(object())
    assert "an action was no plain data" in capture_environments(env).inexact["environment 0, Moody"]
    env.reset()
    assert capture_environments(env).inexact == {}


class Broken(Hidden):
    """Fails in its third step."""

    def step(self, action: Any) -> Any:
        result = super().step(action)
        if self.trail.steps == 4:
            raise ArithmeticError("too much")
        return result


def test_an_environment_whose_last_step_failed_is_reported() -> None:
    env = started(Broken, 2)
    with pytest.raises(ArithmeticError):
        roll(env, 1)
    assert "exception" in capture_environments(env).inexact["environment 0, Broken"]


def test_settings_stay_the_scripts_and_a_difference_is_said() -> None:
    def limited(steps: int) -> Build:
        return lambda: wrappers.TimeLimit(gymnasium.make("CartPole-v1").unwrapped, steps)

    assert moved(limited(50), limited(60)) == {
        "environment 0, TimeLimit._max_episode_steps": "a setting of the script: 60 here, 50 in the checkpoint"
    }


def test_a_setting_that_was_changed_while_training_is_state() -> None:
    env = started(lambda: gymnasium.make("CartPole-v1"))
    inner: Any = env.envs[0].unwrapped  # type: ignore[attr-defined]
    inner.length = 0.75
    other = started(lambda: gymnasium.make("CartPole-v1"))
    assert restore_environments(other, capture_environments(env).state) == {}
    assert other.get_attr("unwrapped")[0].length == 0.75


def test_a_setting_of_an_environment_that_is_replayed_is_the_scripts_too() -> None:
    inexact = moved(Hidden, lambda: Hidden(level=2))
    assert inexact["environment 0, Hidden.level"] == "a setting of the script: 2 here, 1 in the checkpoint"
    assert inexact["environment 0, Hidden"]


class Drawing(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Draws from spaces that stand in containers, of which one is a part of another space anyway."""

    def __init__(self) -> None:
        super().__init__(Hidden())
        self.named = {"noise": gymnasium.spaces.Box(0, 1, (2,)), "coin": gymnasium.spaces.Discrete(2)}
        self.both = gymnasium.spaces.Dict({"coin": self.named["coin"]})
        self.row = (gymnasium.spaces.Discrete(5),)

    def draw(self) -> list[Any]:
        return [space.sample().tolist() for space in (*self.named.values(), *self.row)]


def test_the_generators_of_spaces_in_containers_go_on() -> None:
    env = started(Drawing)
    env.env_method("draw")
    captured = capture_environments(env)
    assert captured.inexact == {}
    state = captured.state["environments"][0]["wrappers"][0]
    assert set(state["spaces"]) == {"both", "named.noise", "row.0"}
    other = started(Drawing, 3)
    assert restore_environments(other, through_json(captured.state)) == {}
    assert [other.env_method("draw") for _ in range(9)] == [env.env_method("draw") for _ in range(9)]


class Unseeded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Has a generator that it may not have drawn from yet."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.dice = numpy.random.default_rng()


def test_a_generator_is_never_a_setting() -> None:
    env, other = (started(lambda: Unseeded(gymnasium.make("CartPole-v1"))) for _ in range(2))
    assert restore_environments(other, through_json(capture_environments(env).state)) == {}
    assert env.get_attr("dice")[0].random() == other.get_attr("dice")[0].random()


def test_another_table_of_transitions_is_said() -> None:
    inexact = moved(lambda: gymnasium.make("FrozenLake-v1"), lambda: gymnasium.make("FrozenLake-v1", is_slippery=False))
    assert "another table" in inexact["environment 0, FrozenLakeEnv.P"]


def test_another_physical_model_is_said() -> None:
    def heavy() -> gymnasium.Env[Any, Any]:
        env = gymnasium.make("InvertedPendulum-v5")
        inner: Any = env.unwrapped
        inner.model.body_mass[1] *= 2
        return env

    inexact = moved(lambda: gymnasium.make("InvertedPendulum-v5"), heavy)
    assert list(inexact) == ["environment 0, InvertedPendulumEnv.model"]


def test_other_layers_are_said() -> None:
    def one() -> gymnasium.Env[Any, Any]:
        return gymnasium.make("CartPole-v1")

    assert list(moved(one, lambda: Monitor(one()))) == ["environment 0, Monitor"]
    assert moved(lambda: Monitor(one()), one) == {"environment 0, Monitor": "there is no such layer here"}
    other = moved(one, lambda: gymnasium.make("Acrobot-v1"))
    assert set(other) == {"environment 0, AcrobotEnv", "DummyVecEnv.buf_obs"}


def test_another_number_of_environments_is_refused() -> None:
    state = capture_environments(started(Hidden)).state
    with pytest.raises(CheckpointError, match="expected the states of 2 environments, found 1"):
        restore_environments(DummyVecEnv([Hidden, Hidden]), state)


NUMBERS = itertools.count()


class Lossy(WithProtocol):
    """Forgets something in its own protocol."""

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "calls": self.__dict__.setdefault("calls", next(NUMBERS))}


class Failing(WithProtocol):
    """Cannot do what it offers."""

    def set_state(self, state: dict[str, Any]) -> None:
        raise ArithmeticError("not today")


def test_a_protocol_that_does_not_keep_its_word_is_reported() -> None:
    assert "something else than was given" in moved(Lossy)["environment 0, Lossy"]
    assert "not today" in moved(Failing)["environment 0, Failing"]


class Whole(VecEnv):
    """A simulator that steps all environments at once."""

    def __init__(self) -> None:
        self.ticks = 0
        space = gymnasium.spaces.Box(-1, 1, (1,), numpy.float32)
        super().__init__(2, space, space)

    def reset(self) -> Any:
        return numpy.zeros((2, 1), numpy.float32)

    def step_async(self, actions: Any) -> None:
        self.ticks += 1

    def step_wait(self) -> Any:
        return self.reset(), numpy.zeros(2), numpy.zeros(2, bool), [{}, {}]

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None, None]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing to set."""

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False, False]


def test_environments_that_cannot_be_reached_are_reported_and_their_layers_restored() -> None:
    env = VecNormalize(Whole())
    watch_environments(env)
    env.reset()
    for _ in range(3):
        env.step(numpy.zeros((2, 1), numpy.float32))
    captured = capture_environments(env)
    assert captured.inexact == {"Whole": "there is no way into the environments of this class"}
    other = VecNormalize(Whole())
    other.reset()
    assert restore_environments(other, through_json(captured.state)) == captured.inexact
    assert (other.ticks, other.obs_rms.count) == (3, env.obs_rms.count)  # type: ignore[attr-defined]


# -- files ------------------------------------------------------------------------------------------


def rows(path: Path) -> list[list[str]]:
    """The rows of a file of Monitor, without their times."""
    return [line.split(",")[:2] for line in path.read_text().splitlines()[1:]]


def test_a_file_goes_on_after_the_rows_of_the_checkpoint(tmp_path: Path) -> None:
    path, kept = tmp_path / "run.monitor.csv", tmp_path / "kept.csv"
    env = started(with_file(str(path)), 100)
    captured = capture_environments(env)
    shutil.copy(path, kept)
    known = rows(kept)
    assert captured.logs == {str(path): kept.stat().st_size}
    assert len(known) > 3
    roll(env, 50)  # rows that no checkpoint knows of
    expected = rows(path)
    env.close()

    with kept.open("a") as copy:
        copy.write("a row that was written after the checkpoint")
    again = started(with_file(str(path)), 30)
    assert restore_environments(again, through_json(captured.state), logs={str(path): str(kept)}) == {}
    assert rows(path) == known
    roll(again, 50)
    assert rows(path) == expected
    again.close()


def test_without_a_copy_the_missing_rows_are_said(tmp_path: Path) -> None:
    env = started(with_file(str(tmp_path / "run")), 60)
    captured = capture_environments(env)
    (path,) = captured.logs
    env.close()
    again = started(with_file(str(tmp_path / "run")), 3)
    assert (
        "rows before the checkpoint are missing"
        in restore_environments(again, captured.state)["environment 0, Monitor log"]
    )
    (tmp_path / "short").write_text("r,l,t")
    for copy, reason in (("short", "expected at least"), ("gone", "could not be restored")):
        inexact = restore_environments(again, captured.state, logs={path: str(tmp_path / copy)})
        assert reason in inexact["environment 0, Monitor log"]
    again.close()
    bare = started(lambda: Monitor(gymnasium.make("CartPole-v1")), 3)
    assert "writes no file here" in restore_environments(bare, captured.state)["environment 0, Monitor log"]


def test_elapsed_time_goes_on(tmp_path: Path) -> None:
    env = started(lambda: Monitor(wrappers.RecordEpisodeStatistics(gymnasium.make("CartPole-v1"))))
    monitor: Any = env.envs[0]  # type: ignore[attr-defined]
    monitor.t_start -= 1000.0
    monitor.env.episode_start_time -= 500.0
    other = started(lambda: Monitor(wrappers.RecordEpisodeStatistics(gymnasium.make("CartPole-v1"))))
    assert restore_environments(other, through_json(capture_environments(env).state)) == {}
    restored: Any = other.envs[0]  # type: ignore[attr-defined]
    assert 0 <= restored.t_start - monitor.t_start < 500
    assert 0 <= restored.env.episode_start_time - monitor.env.episode_start_time < 250


def test_videos_are_recorded_anew_and_that_is_said(tmp_path: Path) -> None:
    env = begin("CartPole", tmp_path)
    assert capture_environments(env).inexact == {}
    build = lambda: wrappers.RenderCollection(gymnasium.make("CartPole-v1", render_mode="rgb_array"))  # noqa: E731
    rendered = started(build, 3)
    assert "not kept" in capture_environments(rendered).inexact["environment 0, RenderCollection"]
    assert set(STACKS) >= {"CartPole"}


class Course:
    """An object of an environment's own that lives on over resets."""

    def __init__(self) -> None:
        self.episodes = 0

    def scale(self, reward: float) -> float:
        self.episodes += 1
        return reward * self.episodes


class Schooled(Hidden):
    """Becomes another after some episodes, which only its course knows."""

    def __init__(self) -> None:
        super().__init__()
        self.course = Course()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.course.episodes += 1
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        observation, reward, *rest = super().step(action)
        return (observation, float(reward) * (-1 if self.course.episodes > 3 else 1), *rest)


def test_what_an_environments_own_object_remembers_over_resets_goes_on() -> None:
    env = started(Schooled)
    for _ in range(2):
        env.reset()
    captured = capture_environments(env)
    other = started(Schooled)
    assert restore_environments(other, through_json(captured.state)) == {}
    assert other.get_attr("course")[0].episodes == env.get_attr("course")[0].episodes
    for each in (env, other):
        each.reset()
    assert differences(roll(other, 5), roll(env, 5)) == []


def counted() -> Any:
    count = 0

    def scale(reward: float) -> float:
        nonlocal count
        count += 1
        return reward * count

    return scale


def scaled(function: Any) -> Any:
    return started(lambda: gymnasium.wrappers.TransformReward(gymnasium.make("CartPole-v1"), function))


def test_a_method_of_ones_own_object_goes_on_and_a_closure_is_named() -> None:
    env, other = scaled(Course().scale), scaled(Course().scale)
    roll(env, 3)
    captured = capture_environments(env)
    assert captured.inexact == {}
    assert restore_environments(other, through_json(captured.state)) == {}
    assert differences(roll(other, 5), roll(env, 5)) == []
    assert set(capture_environments(scaled(counted())).inexact) == {"environment 0, TransformReward.func"}
    assert capture_environments(scaled(lambda reward, factor=2: reward * factor)).inexact == {}
