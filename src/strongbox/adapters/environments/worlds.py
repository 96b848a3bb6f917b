"""Box2D worlds that outlive an episode, and would make the next one depend on all before it.

BipedalWalker and CarRacing destroy their bodies at a reset, but keep the world, whose lists and free places then lie in
another order: the same actions from the same generator come out otherwise in the last bits. LunarLander makes a new
world at each reset for this very reason (Gymnasium issue 728); watched environments of the other kinds do so, too.
"""

from __future__ import annotations

from typing import Any

__all__ = ["renew_world"]

MODULES = ("gymnasium.envs.box2d.bipedal_walker", "gymnasium.envs.box2d.car_racing")


def renew_world(env: Any) -> None:
    """Give an environment of a kind that keeps its world a new one, before it is reset."""
    if not any(kind.__module__ in MODULES for kind in type(env).__mro__):
        return
    old = getattr(env, "world", None)
    if old is not None:
        env._destroy()
        env.world = type(old)(gravity=old.gravity)
