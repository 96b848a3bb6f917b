"""VecNormalize pickles: real ones, and ones that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongbox.errors import FormatError
from strongbox.pickles import Call, Decoded, decode
from strongbox.values import (
    Dict,
    normalization_from_json,
    normalization_to_json,
    read_normalization,
    same,
)
from tests.core.values.fixtures import FIXTURES, call, new
from tests.zoo import ZOO, requires_zoo

BOX = next(fixture for fixture in FIXTURES if fixture.name == "normalizations: box")


def state() -> dict[str, Any]:
    """The attributes of a real one, made anew each time."""
    content: dict[str, Any] = BOX.decode().root.state
    return content


def read(**changes: Any) -> Any:
    attributes = {**state(), **changes}
    kept = {name: value for name, value in attributes.items() if value is not ...}
    return read_normalization(Decoded(new("stable_baselines3.common.vec_env.vec_normalize.VecNormalize", **kept)))


def running(**attributes: Any) -> Call:
    return new("stable_baselines3.common.running_mean_std.RunningMeanStd", **attributes)


@requires_zoo
def test_all_real_ones_read_and_go_through_json() -> None:
    paths = sorted(ZOO.glob("*.vecnormalize.pkl"))
    assert len(paths) > 30
    for path in paths:
        statistics = read_normalization(decode(path.read_bytes()))
        form = json.loads(json.dumps(normalization_to_json(statistics)))
        assert same(normalization_from_json(form), statistics)
        shapes = {key: part.mean.shape for key, part in statistics.observations.items()}
        space = statistics.observation_space
        if isinstance(space, Dict):
            assert shapes == {key: inner.shape for key, inner in space.spaces.items()}  # type: ignore[attr-defined]
        else:
            assert shapes == {"": space.shape}  # type: ignore[union-attr]


def test_observations_that_are_not_normalized() -> None:
    assert read(norm_obs=False, obs_rms=...).observations == {}


def test_attributes_of_other_releases_are_left_aside() -> None:
    assert same(read(old_reward=..., render_mode="human", anything=call("os.getenv", "x")), read())


def test_returns_that_another_program_kept() -> None:
    returns = read(ret=state()["ret_rms"].state["mean"]).returns
    assert returns is not None
    assert returns.shape == ()


def test_a_space_that_is_not_understood_is_missing() -> None:
    assert read(observation_space=call("my.code.Space")).observation_space is None


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"clip_obs": "ten"}, "expected clip_obs to be a number, found a str"),
    ({"gamma": ...}, "expected the attribute gamma of a VecNormalize, found none"),
    ({"training": 1}, "expected training to be true or false, found a int"),
    ({"ret_rms": ...}, "expected the attribute ret_rms"),
    ({"ret_rms": call("os.system", "x")}, "expected a RunningMeanStd, found os.system"),
    ({"ret_rms": running(mean=0.0, var=0.0)}, "expected the attribute count"),
    ({"ret_rms": running(mean="a", var=0.0, count=1.0)}, "expected the mean to be an array, found a str"),
    ({"ret_rms": running(mean=0.0, var=0.0, count=None)}, "expected the count to be a number, found None"),
    ({"obs_rms": {1: running(mean=0.0, var=0.0, count=1.0)}}, "keys of observations to be text"),
    ({"obs_rms": [1]}, "expected a RunningMeanStd, found list"),
    ({"norm_obs_keys": "all"}, "norm_obs_keys to be a list of text"),
    ({"returns": [0.0]}, "the returns to be an array, found a list"),
]


@pytest.mark.parametrize(("changes", "message"), BROKEN, ids=[row[1] for row in BROKEN])
def test_a_broken_one(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError) as raised:
        read(**changes)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "root", [None, [], call("os.system", "x"), new("my.code.VecNormalize"), {"obs_rms": 1}], ids=repr
)
def test_another_pickle(root: Any) -> None:
    with pytest.raises(FormatError, match="expected a VecNormalize, found"):
        read_normalization(Decoded(root))
