"""Networks as torch builds them, read from their weights' names into a graph.

A ``Sequential`` numbers its parts, and parts without weights leave a gap: ``0.weight``, ``2.weight`` is
linear, activation, linear. So the names and shapes tell how many layers there are and how wide; which
function fills the gaps is told by the settings. Names that do not fit the scheme belong to a network
that is not SB3's own, and are refused.

Sources: ``create_mlp``, ``MlpExtractor`` and ``NatureCNN`` of ``stable_baselines3/common/torch_layers.py``,
``BatchRenorm`` of ``sb3_contrib/common/torch_layers.py``, ``torch.nn.LSTM``.
"""

from __future__ import annotations

import re

from ..errors import UnsupportedError
from .activations import LEARNED, REBUILD
from .graph import GraphBuilder
from .layers import LSTM, Activation, BatchRenorm, Convolution, Flatten, Linear, LstmWeights, ParametricRelu
from .weights import Weights

__all__ = ["NetworkBuilder"]

_NATURE = ((0, 4), (2, 2), (4, 1))
"""The convolutions of NatureCNN: their place, and their stride."""


class NetworkBuilder(GraphBuilder):
    """A graph under construction and the weights that it is made of.

    ``activation`` follows every hidden layer, None for no function; ``epsilon`` is batch
    renormalisation's. Every method adds layers to what ``source`` names and returns the last one's name.
    """

    def __init__(self, weights: Weights, activation: Activation | None, *, epsilon: float = 0.001) -> None:
        super().__init__()
        self.weights = weights
        self.activation = activation
        self.epsilon = epsilon

    def add_linear(self, prefix: str, source: str) -> str:
        """Add a linear layer, with a bias where there is one."""
        layer = Linear(self.weights.read(f"{prefix}.weight"), self.weights.read_if_present(f"{prefix}.bias"))
        return self.add(layer, source, name=prefix)

    def add_activation(self, prefix: str, source: str) -> str:
        """Add the activation of hidden layers; a learned one has its slope under ``prefix``."""
        if self.activation is None:
            return source
        if self.activation is LEARNED:
            return self.add(ParametricRelu(self.weights.read(f"{prefix}.weight")), source, name=prefix)
        return self.add(self.activation, source, name=prefix)

    def add_renorm(self, prefix: str, source: str) -> str:
        """Add batch renormalisation with its running statistics."""
        mean, variance, scale, bias = (
            self.weights.read(f"{prefix}.{name}") for name in ("ra_mean", "ra_var", "scale", "bias")
        )
        return self.add(BatchRenorm(mean, variance, scale, bias, self.epsilon), source, name=prefix)

    def add_mlp(self, prefix: str, source: str, *, head: bool = False) -> str:
        """Add linear layers, each followed by the activation; with ``head`` the last one is not.

        Where the first part is batch renormalisation, one stands before every linear layer, and one
        after the last activation. No weights at all mean no layers.
        """
        plan = self._plan_mlp(prefix, head=head)
        for index, kind in enumerate(plan):
            add = {"linear": self.add_linear, "activation": self.add_activation, "renorm": self.add_renorm}[kind]
            source = add(f"{prefix}.{index}", source)
        return source

    def add_nature_cnn(self, prefix: str, source: str) -> str:
        """Add the three convolutions and the linear layer of NatureCNN, ReLU after each."""
        names = {f"cnn.{index}" for index, _ in _NATURE} | {"linear.0"}
        self._expect_parts(prefix, {f"{name}.{part}" for name in names for part in ("weight", "bias")})
        for index, stride in _NATURE:
            name = f"{prefix}.cnn.{index}"
            weight, bias = self.weights.read(f"{name}.weight"), self.weights.read(f"{name}.bias")
            source = self.add(Convolution(weight, bias, stride), source, name=name)
            source = self.add(Activation("relu"), source, name=f"{prefix}.cnn.{index + 1}")
        source = self.add(Flatten(), source, name=f"{prefix}.cnn.6")
        source = self.add_linear(f"{prefix}.linear.0", source)
        return self.add(Activation("relu"), source, name=f"{prefix}.linear.1")

    def add_lstm(self, prefix: str, source: str, state: tuple[str, str, str]) -> tuple[str, str, str]:
        """Add an LSTM; takes the names of hidden state, cell state and episode start.

        Returns the names of its output and of the next hidden and cell state.
        """
        parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        count = sum(name.startswith("weight_ih_l") for name in self.weights.under(f"{prefix}."))
        names = [[f"{part}_l{number}" for part in parts] for number in range(max(count, 1))]
        self._expect_parts(prefix, {name for layer in names for name in layer}, optional="bias")
        layers = tuple(self._lstm_layer(prefix, *layer) for layer in names)
        output, hidden, cell = self.add_many(
            LSTM(layers), source, *state, names=(prefix, f"{prefix}.hidden", f"{prefix}.cell")
        )
        return output, hidden, cell

    def _lstm_layer(self, prefix: str, input: str, hidden: str, input_bias: str, hidden_bias: str) -> LstmWeights:
        weights = self.weights
        return LstmWeights(
            weights.read(f"{prefix}.{input}"),
            weights.read(f"{prefix}.{hidden}"),
            weights.read_if_present(f"{prefix}.{input_bias}"),
            weights.read_if_present(f"{prefix}.{hidden_bias}"),
        )

    def _plan_mlp(self, prefix: str, *, head: bool) -> list[str]:
        """What stands at each place of a Sequential: ``linear``, ``activation`` or ``renorm``."""
        found = self.weights.under(f"{prefix}.")
        matrices = [name for name in found if name.endswith(".weight") and self._is_matrix(f"{prefix}.{name}")]
        renorm = ["renorm"] if "0.ra_mean" in found else []
        plan = [*renorm, "linear", "activation"] * len(matrices)
        if head and plan:
            plan.pop()
        elif plan:
            plan += renorm
        names = {f"{index}.{part}" for index, kind in enumerate(plan) for part in self._parts(kind)}
        self._expect_parts(prefix, names, optional="(bias|steps)")  # steps count training alone
        return plan

    def _is_matrix(self, name: str) -> bool:
        return len(self.weights.shape(name)) == 2

    def _parts(self, kind: str) -> tuple[str, ...]:
        if kind == "activation":
            return ("weight",) if self.activation is LEARNED else ()
        return ("weight", "bias") if kind == "linear" else ("ra_mean", "ra_var", "scale", "bias", "steps")

    def _expect_parts(self, prefix: str, names: set[str], *, optional: str = "-") -> None:
        """Raise UnsupportedError unless exactly these weights stand under a prefix; some may be missing."""
        found = set(self.weights.under(f"{prefix}."))
        required = {name for name in names if not re.search(rf"\b{optional}", name)}
        wrong = sorted(found - names) or sorted(required - found)
        if wrong:
            raise UnsupportedError(
                f"expected the layers of SB3's own networks under {prefix!r}, where {wrong[0]!r} does not fit.",
                hint=REBUILD,
            )
