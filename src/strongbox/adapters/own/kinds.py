"""What a live object is, told without importing the framework that it is of.

An object of torch, jax, gymnasium or SB3 exists only where its module has been imported, so each is looked for in
``sys.modules``: an agent of numpy alone is recognised, kept and loaded without any of them.
"""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import PurePath
from typing import Any

__all__ = [
    "framework",
    "is_environment",
    "is_jax_array",
    "is_module",
    "is_optimizer",
    "is_own_class",
    "is_replay_buffer",
    "is_space",
    "is_stateful",
    "is_tensor",
    "is_torch_generator",
    "jax_numbers",
    "like_jax",
    "uncompiled",
    "why_no_part",
]

WALKED = frozenset(
    (
        "gymnasium.wrappers.utils.RunningMeanStd",
        "stable_baselines3.common.noise.NormalActionNoise",
        "stable_baselines3.common.noise.OrnsteinUhlenbeckActionNoise",
        "stable_baselines3.common.noise.VectorizedActionNoise",
        "stable_baselines3.common.running_mean_std.RunningMeanStd",
    )
)
"""Classes of libraries whose attributes are all of their state, and which people put into agents of their own."""

LIBRARIES = frozenset(("site-packages", "dist-packages"))
"""Folders in which installed packages lie."""

RUNNING = frozenset(
    (
        "_asyncio",
        "_io",
        "_socket",
        "_ssl",
        "_thread",
        "_weakref",
        "argparse",
        "asyncio",
        "concurrent",
        "contextvars",
        "ctypes",
        "io",
        "logging",
        "matplotlib",
        "mmap",
        "multiprocessing",
        "re",
        "rich",
        "selectors",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "tensorboard",
        "tensorboardX",
        "threading",
        "tqdm",
        "typing",
        "wandb",
        "weakref",
    )
)
"""Packages whose objects belong to a process, tell people of it, or are made by the code itself."""

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
)


def framework(name: str) -> Any:
    """A module by its full name where it has been imported, or else None."""
    return sys.modules.get(name)


def is_tensor(live: Any) -> bool:
    """Whether an object is a tensor of torch, a parameter of a network included."""
    torch = framework("torch")
    return torch is not None and isinstance(live, torch.Tensor)


def is_module(live: Any) -> bool:
    """Whether an object is a network of torch."""
    torch = framework("torch")
    return torch is not None and isinstance(live, torch.nn.Module)


def uncompiled(live: Any) -> Any:
    """Of a compiled network the one inside; anything else as it is."""
    return vars(live).get("_modules", {}).get("_orig_mod", live) if is_module(live) else live


def is_optimizer(live: Any) -> bool:
    """Whether an object is an optimizer of torch."""
    torch = framework("torch")
    return torch is not None and isinstance(live, torch.optim.Optimizer)


def is_torch_generator(live: Any) -> bool:
    """Whether an object is a random generator of torch."""
    torch = framework("torch")
    return torch is not None and isinstance(live, torch.Generator)


def is_jax_array(live: Any) -> bool:
    """Whether an object is an array of jax, which nobody can write into."""
    jax = framework("jax")
    return jax is not None and isinstance(live, jax.Array)


def jax_numbers(live: Any) -> Any:
    """The numbers of an array of jax; of a random key, those that it is made of."""
    jax = framework("jax")
    is_key = jax.dtypes.issubdtype(live.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(live) if is_key else live


def like_jax(live: Any, numbers: Any) -> Any:
    """An array of jax with these numbers, or a random key where the live one is a key."""
    jax = framework("jax")
    made = jax.numpy.asarray(numbers)
    is_key = jax.dtypes.issubdtype(live.dtype, jax.dtypes.prng_key)
    return jax.random.wrap_key_data(made, impl=jax.random.key_impl(live)) if is_key else made


def is_space(live: Any) -> bool:
    """Whether an object is a space of gymnasium."""
    gymnasium = framework("gymnasium")
    return gymnasium is not None and isinstance(live, gymnasium.Space)


def is_stateful(live: Any) -> bool:
    """Whether the class of an object gives a state dict and takes one."""
    kind = type(live)
    return callable(getattr(kind, "state_dict", None)) and callable(getattr(kind, "load_state_dict", None))


def is_environment(live: Any) -> bool:
    """Whether an object is an environment, or several, of gymnasium or SB3, or behaves as one."""
    known = (
        ("gymnasium", "Env"),
        ("gymnasium.vector", "VectorEnv"),
        ("stable_baselines3.common.vec_env.base_vec_env", "VecEnv"),
    )
    if any(isinstance(live, found) for module, name in known if (found := getattr(framework(module), name, None))):
        return True
    kind = type(live)
    methods, spaces = ("reset", "step", "close"), ("observation_space", "action_space")
    return all(hasattr(kind, name) for name in methods) and all(hasattr(live, name) for name in spaces)


def is_replay_buffer(live: Any) -> bool:
    """Whether an object is a replay buffer of SB3's."""
    buffers = framework("stable_baselines3.common.buffers")
    return buffers is not None and isinstance(live, buffers.ReplayBuffer)


def is_own_class(kind: type, root: str) -> bool:
    """Whether the attributes of a class's objects are all of their state: a class of the caller's, or a plain record.

    ``root`` is the package of the agent itself. What an installed library makes of its objects is its own matter, but
    for dataclasses, whose fields say what they hold.
    """
    if kind in (types.SimpleNamespace, argparse.Namespace) or f"{kind.__module__}.{kind.__qualname__}" in WALKED:
        return True
    package = kind.__module__.partition(".")[0]
    if package == root or package == "__main__":
        return True
    if package in sys.stdlib_module_names:
        return False
    if "__dataclass_fields__" in vars(kind) or hasattr(kind, "__strongbox_state__"):
        return True
    file = getattr(framework(kind.__module__), "__file__", None)
    return file is not None and LIBRARIES.isdisjoint(PurePath(file).parts)


def why_no_part(live: Any) -> tuple[str, bool]:
    """Why an object of no known kind is left out, in words, and whether it may well be a part of the agent's state."""
    kind = type(live)
    if isinstance(live, FUNCTIONS) or kind.__name__ in ("partial", "ufunc", "PjitFunction"):
        return "it is a function, which the agent's own code makes", False
    if isinstance(live, types.ModuleType):
        return "it is a module, which the agent's own code imports", False
    package = kind.__module__.partition(".")[0]
    if kind is object or package in RUNNING or kind.__module__.startswith("torch.utils.tensorboard"):
        return f"it is a {kind.__module__}.{kind.__qualname__}, which belongs to the running process", False
    return f"it is a {kind.__module__}.{kind.__qualname__}, whose state is not known", True
