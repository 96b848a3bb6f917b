"""A replay buffer that takes its memory when it is first used.

SB3 makes the buffer while it loads, at full capacity: an Atari agent asks for 56 GB to be allowed to
act. A deferred buffer is an instance of the right class that has not run its constructor yet; the
first attribute that anything asks it for makes it an ordinary one, for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

__all__ = ["defer_buffer"]

_PENDING = "_strongbox_pending"


def defer_buffer(buffer_class: type, model: Any) -> Any:
    """An instance of ``buffer_class`` that is built, for what ``model`` is by then, at its first use.

    A buffer that needs the environment (HER's) takes the one that the model has at that time.
    """
    deferred: Any = object.__new__(_deferred_class(buffer_class))
    deferred.__dict__[_PENDING] = lambda: _buffer_arguments(buffer_class, model)
    return deferred


def _buffer_arguments(buffer_class: type, model: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    keywords = dict(model.replay_buffer_kwargs)
    if issubclass(buffer_class, HerReplayBuffer):
        keywords["env"] = model.env
    keywords.update(device=model.device, n_envs=model.n_envs, optimize_memory_usage=model.optimize_memory_usage)
    return (model.buffer_size, model.observation_space, model.action_space), keywords


def _deferred_class(buffer_class: type) -> type:
    def build(buffer: Any) -> None:
        arguments: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]] = buffer.__dict__.pop(_PENDING)
        object.__setattr__(buffer, "__class__", buffer_class)
        positional, keywords = arguments()
        buffer_class.__init__(buffer, *positional, **keywords)  # type: ignore[misc]

    class Deferred(buffer_class):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            build(self)
            return getattr(self, name)

        def __setattr__(self, name: str, value: Any) -> None:
            build(self)
            setattr(self, name, value)

        def __reduce_ex__(self, protocol: Any) -> Any:
            build(self)
            return self.__reduce_ex__(protocol)

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(Deferred, name, getattr(buffer_class, name))
    return Deferred
