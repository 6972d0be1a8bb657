"""The attribute-guided metric interpreter: which attribute makes how much of a target's distance, and where."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from whyreid.models.attention import AttributeDecompositionHead, attention_activation
from whyreid.models.attribute_embeddings import attribute_embeddings
from whyreid.models.target import TargetModel

Start = Literal["fresh", "target"]


class InterpreterOutput(NamedTuple):
    """What an interpreter says about a batch of pictures.

    Attributes:
        attention: [B, A, h, w] float32, > 0: how much each place counts for each attribute; 1 = as in the target.
        attribute_embeddings: [B, A, D] float32, the target's embedding as each attribute alone sees the picture.
        embedding: [B, D] float32, the target's own, without gradient.

        Both are compared by Euclidean distance. When the target compares by cosine, both are divided by the length of
        the target's embedding: ``embedding`` then has length one, attention 1 everywhere gives it again.
    """

    attention: Tensor
    attribute_embeddings: Tensor
    embedding: Tensor


class Interpreter(nn.Module):
    """Splits a frozen target's distance into attributes (AMD / AttriMeter; Chen et al., arXiv 2103.01451).

    The interpreter shares the target's early layers, has its own copy of the later ones and ends in one attention map
    for each attribute. The target's feature map under attention map k, passed through the target's own pooling and
    neck, is the embedding of attribute k; its distance between two pictures is what attribute k makes of the target's
    distance. Works on every `TargetModel`, convolutional or transformer grid.

    A target that compares by cosine is explained through the Euclidean distance of its embeddings scaled to length one,
    which ranks alike; the attribute embeddings of a picture are divided by the same length, that of the target's
    embedding. Each of them scaled to length one by itself would keep every attribute's distance below 2, and leave the
    few exclusive attributes of a pair no room for the share that the prior asks of them.

    Deviation from the official code: its third branch (attribute classifier for a demonstration) is left out. The
    paper's own later layers start from ImageNet weights: load those into ``own.stages`` by
    ``load_state_dict``; its names are the network's.

    Args:
        target: the model to explain. It is frozen in place: no parameter asks for a gradient any more, and it stays in
            evaluation mode whatever mode the interpreter is in.
        num_attributes: A.
        share_until: name of the last shared module of the target's network (``"layer2"`` of a ResNet in the paper);
            None shares nothing.
        start: "fresh" = own layers begin with new random weights, as the modules' ``reset_parameters`` draws them
            (parameters of modules without it, such as position embeddings or layer scales, keep the target's values);
            "target" = with the target's weights.
        hidden_channels: width of the decomposition head; 256 in the official code.
        seed: of the new weights; the caller's random state is left alone.

    Attributes:
        own: everything that is trained and worth saving: ``own.stages`` and ``own.head``.

    Raises:
        ValueError: the target cannot be cut there; fewer than one attribute; an unknown start.

    Example:
        >>> from whyreid.models import thin_network
        >>> interpreter = Interpreter(thin_network(), 5, share_until="stage1")
        >>> interpreter(torch.zeros(2, 3, 128, 64)).attention.shape
        torch.Size([2, 5, 16, 8])
    """

    def __init__(
        self,
        target: TargetModel,
        num_attributes: int,
        *,
        share_until: str | None,
        start: Start = "fresh",
        hidden_channels: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if num_attributes < 1:
            raise ValueError(f"num_attributes must be at least 1, got {num_attributes}; an attribute is what explains.")
        if start not in ("fresh", "target"):
            raise ValueError(f'start must be "fresh" or "target", got {start!r}.')
        self.target = target.requires_grad_(False).eval()
        self.num_attributes = num_attributes
        self.share_until = share_until
        self.shared, self.rest = _cut(target, share_until)
        stages = copy.deepcopy(self.rest).requires_grad_(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if start == "fresh":
                _draw_new_weights(stages)
            head = AttributeDecompositionHead(_channels(target), num_attributes, hidden_channels=hidden_channels)
        device = next((parameter.device for parameter in target.parameters()), None)
        self.own = nn.Sequential(OrderedDict(stages=stages, head=head.to(device)))
        self.train()

    def train(self, mode: bool = True) -> Interpreter:
        """Set the mode of the own layers; the target always stays in evaluation mode."""
        super().train(mode)
        for frozen in (self.target, self.shared, self.rest):
            frozen.eval()
        return self

    def forward(self, image: Tensor) -> InterpreterOutput:
        """Normalised pictures, float [B, 3, H, W]; gradients reach the own layers only."""
        return self.decompose(*self.frozen(image))

    @torch.no_grad()
    def frozen(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What the target computes once and for all: activation of the last shared layer, and feature map.

        Without augmentation both can be kept, and `decompose` trained on them alone.
        """
        activation = self.shared(image)
        return activation, self.rest(activation)

    def decompose(self, activation: Tensor, feature_map: Tensor) -> InterpreterOutput:
        """Attention and embeddings from what `frozen` returned."""
        raw = self.own(activation)
        with torch.autocast(raw.device.type, enabled=False):
            attention = attention_activation(raw.float())
            features = feature_map.float()
            explained = attribute_embeddings(features, attention, self.target.pooling, self.target.neck)
            with torch.no_grad():
                embedding = self.target.embed(self.target.pool(features))
        if self.unit_length:
            length = embedding.norm(dim=-1, keepdim=True).clamp(min=1e-12)
            embedding, explained = embedding / length, explained / length[:, None]
        return InterpreterOutput(attention, explained, embedding)

    @property
    def unit_length(self) -> bool:
        """Whether the target's embeddings are scaled to length one before they are compared."""
        return self.target.normalise or self.target.distance == "cosine"


def _cut(target: TargetModel, share_until: str | None) -> tuple[nn.Module, nn.Module]:
    """Shared part and rest of the target: image -> activation -> feature map."""
    if share_until is not None:
        return target.cut(share_until)
    rest = target.backbone if target.to_map is None else nn.Sequential(target.backbone, target.to_map)
    return nn.Identity(), rest


def _channels(target: TargetModel) -> int:
    """C of the feature map, found by passing one black picture."""
    parameter = next(target.parameters(), None)
    device = None if parameter is None else parameter.device
    with torch.inference_mode():
        return target.feature_map(torch.zeros(1, 3, *target.image_input.size, device=device)).shape[1]


def _draw_new_weights(module: nn.Module) -> None:
    """Let every module that can draw its parameters anew do so."""
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if callable(reset):
            reset()
