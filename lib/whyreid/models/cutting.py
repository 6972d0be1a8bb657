"""Cut any network at named nodes: image -> node, and node -> later node, in training and evaluation mode.

torch.fx records the network as a graph; torchvision's tracer gives every step of the graph the dotted name of the
module that made it ("layer3", "features.5.1"), and its ``DualGraphModule`` keeps one graph for each mode, because
dropout and stochastic depth trace differently. Cutting keeps the network's parameters (shared, not copied) and names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torchvision
from torch import fx, nn
from torchvision.models.feature_extraction import DualGraphModule, NodePathTracer

_PATH = "module_path"


class TracedNetwork(DualGraphModule):
    """Torchvision's traced network; a copy of it keeps the training flags, which torchvision's own copy resets."""

    def __deepcopy__(self, memo: dict[int, Any]) -> TracedNetwork:
        copied = super().__deepcopy__(memo)
        restore_training_flags(copied, training_flags(self))
        return copied


_LEAVES = tuple(c for c in vars(torchvision.ops).values() if isinstance(c, type) and issubclass(c, nn.Module))


def extract(module: nn.Module, node: str, *, leaf_modules: Iterable[type[nn.Module]] = ()) -> TracedNetwork:
    """The part of a network from its input to a named node.

    Args:
        module: a network with one tensor input.
        node: a module name as in ``named_modules()`` (its last step is meant), or the name of a single step as
            ``torchvision.models.feature_extraction.get_graph_node_names`` lists them.
        leaf_modules: classes whose inside cannot or should not be traced.

    Returns:
        A module: input -> activation of the node. It shares the parameters of ``module`` and keeps their names; what
        comes after the node is left out.

    Raises:
        ValueError: the network cannot be traced, or has no such node.
    """
    graphs = [_trace(module, mode, leaf_modules) for mode in (True, False)]
    return _dual(module, [_until(graph, _find(graph, node)) for graph in graphs])


def remainder(extracted: nn.Module, node: str) -> TracedNetwork:
    """The part of an extracted network from a named node to its end.

    Args:
        extracted: a network made by `extract`.
        node: where to start: every path from the input to the end must pass through it.

    Returns:
        A module: activation of the node -> output. Its parameters are shared with ``extracted``.

    Raises:
        ValueError: no such node, or some path goes around it; the message names the steps that cross.
    """
    return _dual(extracted, [_after(graph, _find(graph, node)) for graph in _graphs(extracted)])


def until(extracted: nn.Module, node: str) -> TracedNetwork:
    """The part of an extracted network from its input to a named node; see `remainder` for the other part."""
    return _dual(extracted, [_until(graph, _find(graph, node)) for graph in _graphs(extracted)])


def _graphs(extracted: nn.Module) -> list[fx.Graph]:
    if not isinstance(extracted, DualGraphModule):
        raise ValueError(
            f"{type(extracted).__name__} was not traced and cannot be cut; build the TargetModel with a feature_node."
        )
    return [extracted.train_graph, extracted.eval_graph]


def _trace(module: nn.Module, training: bool, leaf_modules: Iterable[type[nn.Module]]) -> fx.Graph:
    """Record one mode of the network; every step remembers its dotted module name."""
    flags = training_flags(module)
    tracer = NodePathTracer(autowrap_modules=(math, torchvision.ops), leaf_modules=(*_LEAVES, *leaf_modules))
    try:
        graph = tracer.trace(module.train(training))
    except Exception as error:  # tracing runs the user's code: anything can come out of it
        raise ValueError(
            f"{type(module).__name__} cannot be traced by torch.fx ({type(error).__name__}: {error}); name the "
            "class that cannot be traced in leaf_modules, or wrap the network in a module that returns the feature "
            "map itself and pass feature_node=None."
        ) from error
    finally:
        restore_training_flags(module, flags)
    for step in graph.nodes:
        step.meta[_PATH] = tracer.node_to_qualname.get(step, step.name)
    return graph


def _find(graph: fx.Graph, name: str) -> fx.Node:
    """The last step of the module called ``name``."""
    steps = [step for step in graph.nodes if step.op != "output"]
    inside = [s for s in steps if s.meta.get(_PATH) == name or s.meta.get(_PATH, "").startswith(f"{name}.")]
    if not inside:
        known = dict.fromkeys(".".join(s.meta.get(_PATH, "").split(".")[: name.count(".") + 1]) for s in steps)
        raise ValueError(f"the network has no node {name!r}; nodes at this depth: {', '.join(known)}.")
    return inside[-1]


def _copy(graph: fx.Graph) -> tuple[fx.Graph, dict[fx.Node, fx.Node]]:
    copied: dict[fx.Node, fx.Node] = {}
    clone = fx.Graph(tracer_cls=graph._tracer_cls)
    for step in graph.nodes:
        if step.op != "output":
            copied[step] = clone.node_copy(step, lambda n: copied[n])
    return clone, copied


def _is_boundary(step: fx.Node) -> bool:
    return step.op in ("placeholder", "output")


def _until(graph: fx.Graph, end: fx.Node) -> fx.Graph:
    clone, copied = _copy(graph)
    clone.output(copied[end])
    clone.eliminate_dead_code(is_impure_node=_is_boundary)
    clone.lint()
    return clone


def _after(graph: fx.Graph, start: fx.Node) -> fx.Graph:
    clone, copied = _copy(graph)
    (end,) = next(step for step in graph.nodes if step.op == "output").args
    clone.output(copied[end])
    with clone.inserting_before(next(iter(clone.nodes))):
        entrance = clone.placeholder("activation")
    entrance.meta[_PATH] = "activation"
    copied[start].replace_all_uses_with(entrance)
    clone.eliminate_dead_code(is_impure_node=_is_boundary)
    _refuse_crossings(graph, start, {original for original, node in copied.items() if node in set(clone.nodes)})
    for step in [node for node in clone.nodes if node.op == "placeholder" and node is not entrance]:
        clone.erase_node(step)
    clone.lint()
    return clone


def _refuse_crossings(graph: fx.Graph, start: fx.Node, alive: set[fx.Node]) -> None:
    """Nothing that the later part still needs may come from before ``start``, except parameters."""
    steps = list(graph.nodes)
    before, after = set(steps[: steps.index(start)]), set(steps[steps.index(start) + 1 :]) & alive
    needed = [step for step in before & alive if step.op != "get_attr" and after & set(step.users)]
    if needed:
        names = sorted(step.meta.get(_PATH, step.name) for step in needed)
        raise ValueError(
            f"the network cannot be cut at {start.meta[_PATH]!r}: later steps also need {', '.join(names)}; choose a "
            "node that every path passes through."
        )


def _dual(root: nn.Module, graphs: list[fx.Graph]) -> TracedNetwork:
    """A network of two graphs over the root's own modules, in the mode that each of them is in."""
    flags = training_flags(root)
    part = TracedNetwork(root, *graphs, class_name=type(root).__name__)
    part.train(root.training)
    restore_training_flags(root, flags)
    return part


def training_flags(module: nn.Module) -> dict[str, bool]:
    """The mode of every part of a network, by name."""
    return {name: part.training for name, part in module.named_modules()}


def restore_training_flags(module: nn.Module, flags: dict[str, bool]) -> None:
    """Give every part its own mode back; traced parts switch their graphs with it."""
    for name, part in module.named_modules():
        if isinstance(part, DualGraphModule) and part.training != flags[name]:
            part.train(flags[name])
    for name, part in module.named_modules():
        part.training = flags[name]
