"""Dictionaries of arrays by name: which names there are is a part of what is kept, as in a table of values by state.

Its items are kept each under its own name, and the dictionary as an empty one among the data, which says that it is a
dictionary. A live one has other names than the archive, or none yet: the places of a walk are made to agree with
the archive's before anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from .walk import DATA, Place, Walk

__all__ = ["agree_on_tables"]


def agree_on_tables(found: Walk, kinds: Mapping[str, str], empty: Collection[str]) -> dict[str, Callable[[], object]]:
    """Give the dictionaries of a walk the places that an archive has; gives what is to be done besides, by name.

    ``kinds`` says of the archive's data and variables what each is, ``empty`` which of them are empty dictionaries.
    What is to be done: items that the archive does not have go, and a new dictionary stands where there was none.
    """
    changes: dict[str, Callable[[], object]] = {}
    waiting = [*found.tables.values()]
    waiting += [place for place in found.of(DATA) if place.live is None or isinstance(place.live, dict)]
    for place in waiting:
        path, live = place.path, {} if place.live is None else place.live
        kept = _items(path, kinds) if path in empty else {}
        if not kept and path not in found.tables:
            continue
        own = {f"{path}.{key}": key for key in live}
        if path in found.tables and not own.keys() <= found.places.keys() | found.tables.keys():
            continue  # Some items are other things, too, or were left out.
        if kept:
            found.places.pop(path, None)
            _forget(found, own.keys() - kept.keys() if path in found.tables else ())
            found.tables[path] = place
            changes.update({name: partial(live.pop, key, None) for name, key in own.items() if name not in kept})
            if place.live is None:
                changes[path] = partial(place.put, live)
            for name in sorted(kept.keys() - found.places.keys() - found.tables.keys()):
                key = name[len(path) + 1 :]
                old = live.get(key) if kept[name] == DATA else None
                found.places[name] = Place(name, kept[name], old, partial(live.__setitem__, key))
                waiting.append(found.places[name])
        elif path in kinds:
            _forget(found, [path, *own])
            found.places[path] = place
    return changes


def _items(path: str, kinds: Mapping[str, str]) -> dict[str, str]:
    """The names of the items of a dictionary, each with what it is."""
    items = {name: kind for name, kind in kinds.items() if name.startswith(f"{path}.")}
    return {name: kind for name, kind in items.items() if "." not in name[len(path) + 1 :]}


def _forget(found: Walk, names: Collection[str]) -> None:
    for name in names:
        for known in (found.places, found.tables):
            for path in [path for path in known if path == name or path.startswith(f"{name}.")]:
                del known[path]
