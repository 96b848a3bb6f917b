"""One archive on one page of text, rendered from its summary: a list of sections, each a list of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, nan

from ..archive import MANIFEST
from ..values import RunningStatistics, describe
from .networks import Layer, Network
from .plot import draw_bar, draw_plot, number_text
from .summary import MovingSchedule, Summary
from .table import heading, name_width, rest, rows, some, values, wrapped
from .terminal import Line, Span, Terminal, size_text

__all__ = ["page_lines"]

LONGEST_ALGORITHM = 40
BAR, COUNT = 24, 14
"""Widths of a bar, and of a column of counts."""
VERSIONS = ("Stable-Baselines3", "Python", "PyTorch", "Numpy", "Gymnasium", "OpenAI Gym")
"""What of system_info.txt stands in the first lines."""

Section = Iterator[Line]


def page_lines(summary: Summary, terminal: Terminal) -> Iterator[Line]:
    """All lines of the page, an empty one between sections."""
    yield from _title(summary, terminal)
    for section in SECTIONS:
        lines = list(section(summary, terminal))
        if lines:
            yield ""
            yield from lines


def _title(summary: Summary, terminal: Terminal) -> Section:
    yield [Span(summary.path or "archive in memory", "title"), Span(f"  {size_text(summary.size)}", "dim")]
    name = terminal.fit((summary.algorithm or "unknown algorithm").rpartition(".")[2], LONGEST_ALGORITHM)
    full = terminal.fit(summary.algorithm or "", terminal.width - len(name) - 2)
    yield [Span(name, "title"), Span(f"  {full}", "dim")]
    yield from wrapped(f"told by: {summary.algorithm_evidence}", terminal, indent=2, style="dim")
    if summary.environment is not None:
        yield from wrapped(f"trained in {summary.environment}, as {MANIFEST} says", terminal, indent=2)
    versions = [f"{name} {summary.versions[name]}" for name in VERSIONS if name in summary.versions]
    writers = dict.fromkeys([summary.writer, *versions])
    yield from wrapped(f"written by {' · '.join(writers)}", terminal, indent=2)


def _problems(summary: Summary, terminal: Terminal) -> Section:
    if summary.problems:
        yield heading("Not readable")
    for problem in summary.problems:
        yield from wrapped(str(problem), terminal, indent=2, style="bad")


def _spaces(summary: Summary, terminal: Terminal) -> Section:
    return values("Spaces", summary.spaces, terminal)


def _schedules(summary: Summary, terminal: Terminal) -> Section:
    if summary.schedules:
        yield heading("Schedules")
    width = name_width(summary.schedules, terminal)
    for name, moving in some(summary.schedules.items()):
        alias = f"  (also {', '.join(moving.aliases)})" if moving.aliases else ""
        text = terminal.fit(describe(moving.schedule) + alias, terminal.width - width - 4)
        yield f"  {terminal.fit(name, width):<{width}}  {text}"
        if not moving.is_constant:
            yield from _plot(moving, terminal)
    yield from rest(summary.schedules)


def _plot(moving: MovingSchedule, terminal: Terminal) -> Section:
    """The highest and the lowest value beside the plot, progress below it."""
    lines = draw_plot(list(moving.points), rows=3, blocks=terminal.blocks)
    finite = [point for point in moving.points if isfinite(point)] or [nan]
    labels = {0: number_text(max(finite)), len(lines) - 1: number_text(min(finite))}
    width = max(map(len, labels.values()))
    for index, line in enumerate(lines):
        yield [Span(f"    {labels.get(index, ''):>{width}} │", "dim"), Span(line, "plot")]
    yield [Span(f"    {'':>{width}}  1{'progress remaining':^{len(moving.points) - 2}}0", "dim")]


def _training(summary: Summary, terminal: Terminal) -> Section:
    training = summary.training
    texts = {name: describe(value) for name, value in training.counters.items()}
    if training.started:
        texts["start_time"] = training.started
    if training.episodes:
        means = [
            f"{what} {number_text(mean)}"
            for what, mean in (
                ("mean return", training.mean_return),
                ("mean length", training.mean_length),
                ("successes", training.success_rate),
            )
            if mean is not None
        ]
        texts[f"last {training.episodes} episodes"] = ", ".join(means)
    return rows("Training", texts, terminal)


def _hyperparameters(summary: Summary, terminal: Terminal) -> Section:
    return values("Hyperparameters", summary.hyperparameters, terminal)


def _state(summary: Summary, terminal: Terminal) -> Section:
    return values("State", summary.state, terminal)


def _networks(summary: Summary, terminal: Terminal) -> Section:
    if summary.networks:
        yield heading("Networks", f"{summary.parameters:,} parameters in all")
        yield from _network_table(summary.networks, terminal)
    if summary.variables:
        yield heading("Variables")
        yield from _network_table(summary.variables, terminal)


def _network_table(networks: Sequence[Network], terminal: Terminal) -> Section:
    """One row for each layer; a network of several has a row of its own above them."""
    pairs = [(network, layer) for network in networks for layer in network.layers]
    names = name_width([layer.name for _, layer in pairs], terminal) + 2
    forms = min(max(len(_form(layer)) for _, layer in pairs), terminal.width - names - COUNT - 4)
    for network, layer in some(pairs):
        has_title = len(network.layers) > 1 or not network.name
        if has_title and layer is network.layers[0]:
            name = f": {network.name}" if network.name else ""
            title = terminal.fit(f"{network.state_dict}{name}", names + forms + 2)
            yield [Span(f"  {title:<{names + forms + 2}}{network.parameters:>{COUNT},}")]
        name = ("  " if has_title else "") + terminal.fit(layer.name, names - 2)
        count = f"{layer.parameters + layer.buffers:>{COUNT},}"
        form = terminal.fit(_form(layer), forms)
        yield [Span(f"  {name:<{names}}  {form:<{forms}}"), Span(count, "dim" if layer.shared else "")]
    yield from rest(pairs)


def _form(layer: Layer) -> str:
    parts = [f"{layer.kind} {layer.form}"]
    parts += [layer.dtype] if layer.dtype != "float32" else []
    parts += [f"{layer.buffers:,} running"] if layer.buffers else []
    parts += [f"shared with {layer.shared_with}"] if layer.shared_with else []
    return ", ".join(parts)


def _optimizers(summary: Summary, terminal: Terminal) -> Section:
    texts = {}
    for optimizer in summary.optimizers:
        parts = [optimizer.kind or "unknown kind", _count(optimizer.tensors, "tensor")]
        parts += [_count(optimizer.steps or 0, "step")]
        rates = dict.fromkeys(map(number_text, optimizer.learning_rates))
        parts += [f"learning rate {' '.join(rates)}"] if rates else []
        texts[optimizer.name] = ", ".join([*parts, f"{size_text(optimizer.size)} of state"])
    return rows("Optimizers", texts, terminal)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _members(summary: Summary, terminal: Terminal) -> Section:
    yield heading("Members", size_text(summary.size))
    width = name_width(summary.members, terminal)
    bars = min(BAR, terminal.width - width - 16)
    largest = max(summary.members.values(), default=0) or 1
    for name, size in some(summary.members.items()):
        bar = draw_bar(size / largest, bars, blocks=terminal.blocks)
        yield [Span(f"  {terminal.fit(name, width):<{width}}  {size_text(size):>10}  "), Span(bar, "plot")]
    for remark in some(summary.remarks):
        yield from wrapped(remark, terminal, indent=2, style="warning")
    yield from rest(summary.members)


def _normalization(summary: Summary, terminal: Terminal) -> Section:
    normalization = summary.normalization
    if normalization is None:
        return iter(())
    texts = {
        f"observations{f'[{key!r}]' if key else ''}": _statistics(statistics)
        for key, statistics in normalization.observations.items()
    }
    texts["rewards"] = _statistics(normalization.rewards)
    for name in ("norm_obs", "norm_reward", "clip_obs", "clip_reward", "gamma", "epsilon", "training", "returns"):
        texts[name] = describe(getattr(normalization, name))
    return rows("Normalization", texts, terminal)


def _statistics(statistics: RunningStatistics) -> str:
    mean, variance = describe(statistics.mean), describe(statistics.var)
    return f"mean {mean}; variance {variance}; {number_text(statistics.count)} samples"


def _opaque(summary: Summary, terminal: Terminal) -> Section:
    texts = {path: f"{part.type}: {part.reason}" for path, part in summary.opaque.items()}
    return rows("Not understood, kept as it is", texts, terminal)


def _left_out(summary: Summary, terminal: Terminal) -> Section:
    return rows("Left out when it was saved", summary.left_out, terminal)


def _shared(summary: Summary, terminal: Terminal) -> Section:
    return rows("The same thing, kept once", {name: f"is {kept}" for name, kept in summary.shared.items()}, terminal)


def _missing(summary: Summary, terminal: Terminal) -> Section:
    texts = {missing.name: missing.consequence for missing in summary.missing}
    return rows("Missing for an exact continuation", texts, terminal)


SECTIONS: tuple[Callable[[Summary, Terminal], Section], ...] = (
    _problems,
    _spaces,
    _schedules,
    _training,
    _hyperparameters,
    _networks,
    _optimizers,
    _normalization,
    _shared,
    _state,
    _members,
    _opaque,
    _left_out,
    _missing,
)
