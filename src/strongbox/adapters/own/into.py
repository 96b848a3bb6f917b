"""An archive goes into a live agent of one's own, in place: everything is compared first, and changed then.

The walk of the live agent says what there is to fill; the archive is looked up by these names. So a file can say what
stands in a place, and never which place: it names no attribute that is set, no method that is called.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from ...archive import Archive, open_archive, write_archive
from ...errors import FormatError, MismatchError, StrongboxError, locate
from ...tensors import Tensor
from ...values import Opaque, find_opaque
from ..transfer import select
from .capture import capture, class_name
from .data import data_entry
from .dictionaries import items_left, put_items
from .kinds import framework, is_jax_array, jax_numbers, like_jax, uncompiled
from .revive import Reviver
from .states import StateFiller, is_certain
from .tables import agree_on_tables
from .walk import ARRAY, DATA, STATE, TENSOR, Place, walk

__all__ = ["Plan", "check_into", "fill_into"]

MOST_STEPS = 32
"""Names that lead from one to the next; a save writes the last one at once."""

_LISTED = 12


@dataclass(frozen=True)
class _Kept:
    """A state dict that stands in data, since a file of tensors cannot hold it."""

    value: Any


@dataclass(frozen=True)
class Plan:
    """An archive that has been compared with a live agent.

    ``taken`` are the names that are filled, ``left`` what of the archive is not, with the reasons.
    """

    agent: Any
    archive: Archive
    skip: frozenset[str]
    taken: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


def check_into(agent: Any, archive: Archive, *, skip: Collection[str] = ()) -> Plan:
    """Compare an archive with a live agent, and change nothing; gives what :func:`fill_into` takes, as often as needed.

    ``skip`` are names, or patterns over names, to leave alone. Raises MismatchError where the class, a name, a shape,
    the type of elements or the kind of a value is another, and FormatError where the archive is damaged.
    """
    with locate(path=archive.path):
        _check_class(agent, archive)
        found = _Comparison(agent, archive, frozenset(skip))
        for member in archive.members:
            if member.endswith(".pth"):
                archive.members.verify(member)
        return Plan(agent, archive, frozenset(skip), tuple(found.contents), found.left)


def fill_into(plan: Plan) -> None:
    """Put everything of an archive into the agent that it was compared with.

    The agent is walked again, so that it may have been used in between. Raises MismatchError where it no longer fits,
    or where a class of the caller's refuses its state; the agent is then as it was. Where a class has code of its own
    that runs after networks have been filled, what the agent was before is kept in memory meanwhile.
    """
    with locate(path=plan.archive.path):
        comparison = _Comparison(plan.agent, plan.archive, plan.skip)
        before = None if comparison.is_certain else _archived(plan.agent, comparison.untouched)
        try:
            comparison.fill()
        except StrongboxError:
            if before is not None:
                _Comparison(plan.agent, before, frozenset(), lenient=True).fill()
            raise


def _archived(agent: Any, exclude: Collection[str]) -> Archive:
    """What an agent is, as an archive in memory."""
    file = io.BytesIO()
    write_archive(file, capture(agent, exclude=exclude), pickles=False)
    return open_archive(file.getvalue())


def _check_class(agent: Any, archive: Archive) -> None:
    live, kept = class_name(type(uncompiled(agent))), archive.algorithm or ""
    same = live == kept
    if "__main__" in (live.partition(".")[0], kept.partition(".")[0]):
        same = live.rpartition(".")[2] == kept.rpartition(".")[2]
    if not same:
        raise MismatchError(
            f"expected an agent of {live}, found one of {kept or 'an unknown class'}.",
            hint="Load it with neither into nor cls, and take the parts: strongbox.load(path).parameters.",
        )


class _Comparison:
    """The places of a live agent, each with what an archive has for it.

    ``lenient``: where a class refuses what it had before, the rest is put back all the same.
    """

    def __init__(self, agent: Any, archive: Archive, skip: frozenset[str], *, lenient: bool = False) -> None:
        self._archive, self._lenient = archive, lenient
        self._found = walk(agent)
        self._reviver = Reviver(self._found.modules)
        self._states = StateFiller(archive.release_memory)
        self._shared = dict(archive.shared)
        self._variables = archive.variables.raw if archive.variables is not None else {}
        self._arrays = frozenset(archive.manifest.arrays if archive.manifest else ())
        self._kept = {*archive.data, *archive.parameters, *self._variables}
        kinds = dict.fromkeys(archive.data, DATA)
        kinds.update({name: ARRAY if name in self._arrays else TENSOR for name in self._variables})
        empty = [name for name, value in archive.data.items() if isinstance(value, dict) and not value]
        self._changes = agree_on_tables(self._found, kinds, empty)
        self.left = dict(archive.left_out)
        names = {*self._kept, *self._shared, *self._found.names, *self._changes}
        skipped = set(select(skip, sorted(names), "skip"))
        tables = tuple(f"{path}." for path in skipped & self._found.tables.keys())
        skipped |= {name for name in names if name.startswith(tables)}
        self.left.update(dict.fromkeys(sorted(skipped), "left out on request"))
        self.contents: dict[str, Any] = {}
        self._check_names(skipped)
        for path in self.contents:
            self._check(self._found.places[path])

    @property
    def is_certain(self) -> bool:
        """Whether nothing can be refused once networks have been filled."""
        return self._found.certain

    @property
    def untouched(self) -> set[str]:
        """The places that are not filled."""
        return self._found.places.keys() - self.contents.keys()

    # -- names -------------------------------------------------------------------------------------

    def _check_names(self, skipped: Collection[str]) -> None:
        """Find what the archive has for each place; raises MismatchError for names that one of both lacks."""
        missing, places = [], self._found.places
        for path, place in places.items():
            if path in skipped or path in self._archive.left_out:
                continue
            name = self._name(path)
            if name is not None:
                self.contents[path] = self._content(name, path, place)
            elif place.kind != DATA or _has_value(place.live):
                missing.append(path)
        for path, kept in self._found.shared.items():
            together = self._shared.get(path) == kept or kept in self._found.left_out
            if path not in skipped and not together and path in (*self._kept, *self._shared):
                raise MismatchError(
                    f"expected {path!r} and {kept or 'the agent'!r} to be one, as they are in this agent, found two.",
                    hint=f'Leave one of them alone: skip=["{path}"].',
                )
        known = {outer for path in self._found.names for outer in _outer(path)}  # an object is shared with all in it
        strangers = sorted((self._kept - self._found.names | self._shared.keys() - known) - set(skipped))
        if missing or strangers:
            self._refuse(missing, strangers)
        for path in sorted(self._kept & self._found.left_out.keys()):
            self.left.setdefault(path, self._found.left_out[path].reason)

    def _refuse(self, missing: list[str], strangers: list[str]) -> None:
        parts = [f"without {_listed(missing)}"] if missing else []
        parts += [f"with {_listed(strangers)}, which this agent does not have"] if strangers else []
        names = sorted(map(repr, (missing + strangers)[:3]))
        raise MismatchError(
            f"expected the parts of this agent, found an archive {' and '.join(parts)}.",
            hint=f"The agent has {_listed(sorted(self._found.places))}. Leave names alone: skip=[{', '.join(names)}].",
        )

    def _name(self, path: str) -> str | None:
        """The name under which the archive has a place: its own, or that of what it, or what it is in, was the same as.

        None where there is none.
        """
        name = path
        for _ in range(MOST_STEPS):
            outer = next((part for part in _outer(name) if part in self._shared), None)
            if name in self._kept or outer is None:
                return name if name in self._kept or name != path else None
            name = self._shared[outer] + name[len(outer) :]
        raise FormatError(f"expected {path!r} to be shared with something, found that it goes round in circles.")

    def _content(self, name: str, path: str, place: Place) -> Any:
        """What the archive holds under a name, for a place."""
        if place.kind in (TENSOR, ARRAY) or (place.live is None and name in self._variables):
            return self._tensor(name, path)
        if place.kind == STATE and name in self._archive.parameters:
            return self._archive.parameters[name].raw
        if name in self._archive.data:
            value = self._archive.data[name]
            if isinstance(value, Opaque) or find_opaque(value):
                raise MismatchError(f"expected a value that is understood for {path!r}, found none.")
            return value if place.kind == DATA else _Kept(value)
        found = "a state dict" if name in self._archive.parameters else "a tensor"
        raise MismatchError(
            f"expected {_article(place.kind)} for {path!r}, found {found}.", hint=f'Leave it alone: skip=["{path}"].'
        )

    def _tensor(self, name: str, path: str) -> Tensor | None:
        """The tensor of a place; None where there was none, as before the first of many steps."""
        found = self._variables.get(name)
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            outer = ".".join(parts[:cut])
            if found is None and outer in self._archive.parameters:
                found = self._archive.parameters[outer].raw.get(".".join(parts[cut:]))
        if found is None and name in self._archive.data and self._archive.data[name] is None:
            return None
        if not isinstance(found, Tensor):
            raise MismatchError(f"expected a tensor for {path!r}, found something else.")
        return found

    # -- one place ---------------------------------------------------------------------------------

    def _check(self, place: Place) -> None:
        content = self.contents[place.path]
        if isinstance(content, _Kept):
            self._states.check_kept(place.live, self._reviver.build(content.value), place.path)
        elif place.kind == STATE:
            self._states.check(place.live, content, place.path)
        elif place.kind == DATA and not isinstance(content, Tensor):
            refused = self._reviver.refuse(place.live, content)
            if refused is not None:
                raise MismatchError(f"{refused}, for {place.path!r}.", hint=f'Leave it alone: skip=["{place.path}"].')
        elif content is not None and place.live is not None:
            _check_tensor(place, content)

    def fill(self) -> None:
        """Put everything in its place: what may refuse it first, with a way back."""
        states = [place for place in self._found.of(STATE) if place.path in self.contents]
        undo: list[Callable[[], None]] = []
        try:
            for place in sorted(states, key=lambda place: is_certain(place.live)):
                content = self.contents[place.path]
                if isinstance(content, _Kept):
                    undo.append(self._states.give(place.live, self._reviver.build(content.value), place.path))
                else:
                    undo.append(self._states.fill(place.live, content, place.path))
        except StrongboxError:
            for put_back in reversed(undo):
                put_back()
            raise
        for place in self._found.of(TENSOR, ARRAY):
            if place.path in self.contents:
                self._put(place, self._new_tensor(place.live, place.path))
        for place in self._found.of(DATA):
            content = self.contents.get(place.path)
            if isinstance(content, Tensor):
                self._put(place, self._new_tensor(None, place.path))
            elif place.path in self.contents:
                stays = tuple(items_left(place.live, place.path, self._archive.left_out))
                new = self._reviver.revive(place.live, content)
                put_items(new, stays)
                self._put(place, new)
        for name, change in self._changes.items():
            if name not in self.left:
                self._call(change, name)
        for rebuilt in self._found.rebuilt:
            self._call(rebuilt.finish, rebuilt.path)
        for restored in self._found.restored:
            self._call(restored.finish, restored.path)

    def _put(self, place: Place, new: Any) -> None:
        if new is not place.live or place.path in self._found.given:
            self._call(lambda: place.put(new), place.path)

    def _call(self, set_it: Callable[[], object], path: str) -> None:
        """Run what may be code of the caller's; raises MismatchError for whatever it raises."""
        try:
            set_it()
        except Exception as error:
            if not self._lenient:
                raise MismatchError(
                    f"expected {path or 'the agent'} to take what was kept, found that it does not: "
                    f"{type(error).__name__}: {error}.",
                    hint=f'Leave it alone: skip=["{path}"].' if path else None,
                ) from error

    def _new_tensor(self, live: Any, path: str) -> Any:
        """The live tensor or array, filled where that is possible, otherwise another."""
        content = self.contents[path]
        if content is None:
            return None
        if is_jax_array(live):
            return like_jax(live, content.copy())
        is_array = path in self._arrays or framework("torch") is None
        if isinstance(live, numpy.ndarray) or (live is None and is_array):
            if live is None or not live.flags.writeable or live.shape != content.shape:
                return content.copy()
            live[...] = content.numpy()
            return live
        from ..state import Filler

        filler = Filler(self._archive.release_memory)
        if live is None or live.shape != content.shape or _overlaps(live):
            fresh = filler.torch_value(content)
            like = content if live is None else live
            return (fresh if live is None else fresh.to(live.device)).requires_grad_(like.requires_grad)
        filler.fill_tensor(live, content, path)
        return live


def _check_tensor(place: Place, content: Tensor) -> None:
    live = jax_numbers(place.live) if is_jax_array(place.live) else place.live
    dtype = live.dtype.name if hasattr(live.dtype, "name") else str(live.dtype).removeprefix("torch.")
    shape = tuple(live.shape)
    empty = 0 in shape or 0 in content.shape  # What grows from nothing has another shape each time.
    if (shape != content.shape and not empty) or dtype != content.dtype:
        raise MismatchError(
            f"expected {dtype} of {shape} for {place.path!r}, found {content.dtype} of {content.shape}.",
            hint=f'Leave it alone: skip=["{place.path}"].',
        )


def _outer(path: str) -> Iterator[str]:
    """A path, and those of what it is in, the nearest first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _overlaps(live: Any) -> bool:
    """Whether several elements of a tensor are one, so that it cannot be written into."""
    return any(stride == 0 and size > 1 for size, stride in zip(live.shape, live.stride(), strict=True))


def _has_value(live: Any) -> bool:
    """Whether a save would have kept some plain data, so that an archive should have it."""
    try:
        data_entry(live)
    except StrongboxError:
        return False
    return True


def _article(kind: str) -> str:
    return "an array" if kind == ARRAY else f"a {kind}" if kind != DATA else "plain data"


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)[:_LISTED]
    return ", ".join(shown) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "") or "nothing"
