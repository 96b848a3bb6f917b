"""What an agent last saw goes back as it lay in memory, and what no resume would take is not captured."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import strongbox
from strongbox.adapters.training import Session
from strongbox.adapters.training.agent import leave_out_misfits
from strongbox.adapters.training.expected import Expected, expect
from strongbox.archive import Contents, Exact, write_archive
from strongbox.errors import CheckpointError, StrongboxError
from tests.live.adapters.training.test_strangers import captured, make_ppo, make_recurrent
from tests.live.runs.cases import Pictures

SMALL: dict[str, Any] = {"n_steps": 4, "batch_size": 4, "n_epochs": 1, "seed": 1, "device": "cpu"}


class Looking(Pictures):
    """A camera beside a number."""

    def __init__(self) -> None:
        super().__init__(colours=1)
        self.seen: Any = self.observation_space
        box = gymnasium.spaces.Box(0, 1, (1,))
        self.observation_space = gymnasium.spaces.Dict({"camera": self.seen, "speed": box})  # type: ignore[assignment]

    def _picture(self) -> Any:
        camera = self.np_random.integers(0, 256, self.seen.shape, numpy.uint8)
        return {"camera": camera, "speed": numpy.array([0.5], numpy.float32)}


def make_pictures() -> Any:
    options = {"features_extractor_kwargs": {"features_dim": 4}}
    return PPO("CnnPolicy", DummyVecEnv([Pictures]), policy_kwargs=options, **SMALL)


def make_looking() -> Any:
    options = {"net_arch": [4], "features_extractor_kwargs": {"cnn_output_dim": 4}}
    return PPO("MultiInputPolicy", DummyVecEnv([Looking] * 2), policy_kwargs=options, **{**SMALL, "n_steps": 2})


@functools.cache
def captured_once(make: Callable[[], Any]) -> Contents:
    return captured(make)


def strides(seen: Any) -> Any:
    return {key: array.strides for key, array in seen.items()} if isinstance(seen, dict) else seen.strides


def put_back(make: Callable[[], Any], contents: Contents) -> Any:
    """A model made anew, in which a script's reset has been overwritten."""
    file = io.BytesIO()
    write_archive(file, contents)
    session = Session(make())
    saved = session.read(strongbox.open(file.getvalue()))
    session.model._last_obs = session.model.env.reset()  # type: ignore[union-attr, assignment]
    assert saved.agent.restore(session.model) == {}
    return session.model


@pytest.mark.parametrize("make", [make_pictures, make_looking])
def test_what_was_last_seen_lies_as_a_step_gives_it(make: Callable[[], Any]) -> None:
    contents, model = captured_once(make), make()
    model.learn(4)
    assert strides(put_back(make, contents)._last_obs) == strides(model._last_obs)
    assert contents.resume["agent"]["axes"] in ({"_last_obs": [0, 2, 3, 1]}, {"_last_obs": {"camera": [0, 2, 3, 1]}})


@pytest.mark.parametrize("make", [make_pictures, make_looking])
def test_a_checkpoint_that_does_not_tell_how_it_lay_lies_as_a_reset_gives_it(make: Callable[[], Any]) -> None:
    contents, model = captured_once(make), make()
    agent = {name: value for name, value in contents.resume["agent"].items() if name != "axes"}
    model.learn(4)
    older = put_back(make, replace(contents, resume={**contents.resume, "agent": agent}))
    assert strides(older._last_obs) == strides(model._last_obs)


@pytest.mark.parametrize("axes", [3, {"_last_obs": [0, 1, 2]}, {"_last_obs": {"camera": [0, 1, 2, 3]}}, {"other": [0]}])
def test_an_order_of_axes_that_is_none_is_refused(axes: Any) -> None:
    contents = captured_once(make_pictures)
    agent = {**contents.resume["agent"], "axes": axes}
    with pytest.raises(StrongboxError, match="order of axes"):
        put_back(make_pictures, replace(contents, resume={**contents.resume, "agent": agent}))


# -- what no resume would take ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole() -> tuple[Expected, Contents]:
    return expect(make_ppo()), captured(make_ppo)


def changed(contents: Contents, data: Mapping[str, Any], **agent: Any) -> Contents:
    resume = {**contents.resume, "agent": {**contents.resume["agent"], **agent}}
    return replace(contents, data={**contents.data, **data}, resume=resume)


def test_what_fits_stays_as_it_is(whole: tuple[Expected, Contents]) -> None:
    expected, contents = whole
    assert leave_out_misfits(expected, contents) is contents


@pytest.mark.parametrize(
    ("name", "value"),
    [("_n_updates", "many"), ("_n_updates", 1.5), ("ep_info_buffer", [3]), ("ep_success_buffer", ["yes"])],
)
def test_an_attribute_that_would_be_refused_is_left_out(
    name: str, value: Any, whole: tuple[Expected, Contents]
) -> None:
    expected, contents = whole
    left = leave_out_misfits(expected, changed(contents, {name: Exact(value)}))
    assert left.data.keys() == contents.data.keys() - {name}
    assert left.left_out.keys() == contents.left_out.keys() | {name}
    assert left.left_out[name].startswith("expected ")


def test_a_function_in_place_of_a_method_is_left_out(whole: tuple[Expected, Contents]) -> None:
    expected, contents = whole
    expected = replace(expected, kinds={**expected.kinds, "train": type(len)})
    left = leave_out_misfits(expected, changed(contents, {"train": Exact("trained")}))
    assert "method" in left.left_out["train"]


@pytest.mark.parametrize("seen", [numpy.zeros((1, 4)), numpy.array([["a", "b", "c"]]), {"a": numpy.zeros((1, 3))}])
def test_what_was_last_seen_is_left_out_where_it_is_of_no_space(seen: Any, whole: tuple[Expected, Contents]) -> None:
    expected, contents = whole
    observed = {**contents.resume["agent"]["observed"], "_last_obs": seen}
    left = leave_out_misfits(expected, changed(contents, {}, observed=observed))
    assert "_last_obs" in left.left_out
    assert "_last_obs" not in left.resume["agent"]["observed"]
    assert set(put_back_state(left).inexact) == {"_last_obs"}


def put_back_state(contents: Contents) -> Any:
    file = io.BytesIO()
    write_archive(file, contents)
    return Session(make_ppo()).read(strongbox.open(file.getvalue()))


@pytest.mark.parametrize(
    ("data", "agent"),
    [
        ({"num_timesteps": Exact("many")}, {}),
        ({"n_envs": Exact(2)}, {}),
        ({"observation_space": Exact(3)}, {}),
        ({}, {"policy": {}}),
        ({}, {"actor": {}}),
        ({}, {"lstm": []}),
    ],
)
def test_where_nothing_can_be_left_out_there_is_no_checkpoint(
    data: dict[str, Any], agent: dict[str, Any], whole: tuple[Expected, Contents]
) -> None:
    expected, contents = whole
    with pytest.raises(CheckpointError, match="that a run can go on from"):
        leave_out_misfits(expected, changed(contents, data, **agent))


def test_states_of_recurrent_networks_have_to_be_there() -> None:
    contents = captured(make_recurrent)
    agent = {name: value for name, value in contents.resume["agent"].items() if name != "lstm"}
    with pytest.raises(CheckpointError, match="recurrent"):
        leave_out_misfits(expect(make_recurrent()), replace(contents, resume={**contents.resume, "agent": agent}))
