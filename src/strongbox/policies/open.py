"""From an archive to a policy that acts."""

from __future__ import annotations

from functools import partial

from ..archive import Archive, ArchiveFile, find_states, open_archive
from ..container import Directory
from ..errors import FormatError, MismatchError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..values import Normalization
from .description import read_description
from .policy import Policy
from .weights import Weights

__all__ = ["open_policy"]

POLICY = "policy"
"""The state dict that holds the policy's weights."""


def open_policy(
    file: ArchiveFile | Archive,
    *,
    normalize: ArchiveFile | Normalization | bool | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Policy:
    """The policy of an archive, which acts with numpy alone; reads its own weights and no others.

    ``normalize`` says how raw observations become those that the network saw in training: None takes the
    statistics in the archive, where it has any; a path, bytes or binary file is a VecNormalize pickle;
    True insists on the archive's; False leaves observations as they are. Raises UnsupportedError, by
    name, for networks that are not SB3's or sb3-contrib's own, and the errors of :func:`strongbox.open`.
    """
    archive = file if isinstance(file, Archive) else open_archive(file, limits=limits)
    with locate(path=archive.path):
        if archive.is_own:
            raise UnsupportedError(
                f"expected an agent of SB3 or sb3-contrib, found one of {archive.algorithm}, whose own code acts.",
                hint="Load it into such an agent: strongbox.load(path, into=agent).",
            )
        statistics = _read_normalization(archive, normalize, limits)
        if POLICY in archive.parameters:
            weights = Weights(archive.parameters[POLICY], path=archive.path)
            digest = partial(_digest, archive.members, f"{POLICY}.pth")
            return Policy(read_description(archive), weights, statistics, digest=digest)
        from .packed import read_npz

        packed = read_npz(archive)
        if packed is None and find_states(archive.data):
            raise UnsupportedError(
                "expected networks of torch, found ones of JAX, which numpy does not act with here.",
                hint="Load the agent instead, strongbox.load; it needs sbx.",
            )
        if packed is None:
            raise FormatError(f"expected the weights of a policy, found {', '.join(archive.parameters) or 'none'}.")
        return Policy(read_description(archive), Weights(packed, path=archive.path), statistics)


def _digest(members: Directory, name: str) -> str:
    """Worked out when asked for: it reads all of the member, which may be inflated for it."""
    from hashlib import sha256

    return sha256(members.read(name)).hexdigest()


def _read_normalization(
    archive: Archive, normalize: ArchiveFile | Normalization | bool | None, limits: Limits
) -> Normalization | None:
    if isinstance(normalize, Normalization):
        return normalize
    if normalize is None or isinstance(normalize, bool):
        found = None if normalize is False else archive.normalization
        if normalize is True and found is None:
            raise MismatchError(
                "expected an archive with the statistics of VecNormalize, found none in it.",
                hint='Hand them over: normalize="vecnormalize.pkl".',
            )
        return found
    from ..archive import open_normalization

    return open_normalization(normalize, limits=limits)
