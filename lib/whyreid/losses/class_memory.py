"""Class memory: each picture against the newest feature map of every training identity (QAConv 1.0)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.models.location_matching import require_maps, require_tensor


def focal_matching_loss(scores: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Focal binary cross-entropy of each picture against all classes, summed over the valid ones.

    ``sum_c (1 - p_t)^2 * BCE``: Liao and Shao, arXiv 1904.10424, as in the authors' code (gamma = 2, no alpha).

    Args:
        scores: [B, N] logits, higher = more likely this class.
        labels: [B] int64, the class of each picture, 0..N-1.
        valid: [N], 1 or True for classes that count.

    Returns:
        [B], each >= 0.

    Example:
        >>> focal_matching_loss(torch.zeros(1, 3), torch.tensor([0]), torch.tensor([1, 1, 0]))  # 2 x log(2) / 4
        tensor([0.3466])
    """
    own = F.one_hot(labels, scores.shape[1]).bool()
    against = torch.where(own, -scores, scores)  # the logit of being wrong
    return (against.sigmoid().square() * F.softplus(against) * valid).sum(dim=1)


class ClassMemory(nn.Module):
    """Loss of QAConv 1.0 and its memory: one feature map an identity, always the newest, without gradient.

    As in the authors' code: a map is overwritten after the loss is computed, in training and in evaluation mode,
    without momentum; of several pictures of an identity in a batch the last one stays. Identities not yet seen do not
    count (a correction that the authors made after 1.0, which matched against their zero maps).

    Args:
        matcher: ``matcher(maps [B, C, h, w], memory [n, C, h, w]) -> logits [B, n]``, such as
            `whyreid.models.QAConv`. Becomes a submodule, as in the authors' checkpoints.
        num_classes: N, training identities.
        num_features: C.
        height: h.
        width: w.
        mem_batch_size: classes matched at a time; None = all. It does not bound the memory (QAConv does that itself),
            but in training mode each group has its own statistics of batch normalisation. 1.0 normalised all at once,
            the authors' last version groups of 16.

    Raises:
        ValueError: ``num_classes`` or ``mem_batch_size`` below 1.

    Example:
        >>> from whyreid.models import QAConv
        >>> memory = ClassMemory(QAConv(8, 4, 2), 5, 8, 4, 2)
        >>> loss = memory(F.normalize(torch.rand(3, 8, 4, 2), dim=1), torch.tensor([4, 0, 4]))
        >>> list(loss.shape), memory.valid_class.tolist()
        ([3], [1.0, 0.0, 0.0, 0.0, 1.0])
    """

    class_memory: Tensor
    valid_class: Tensor

    def __init__(
        self,
        matcher: nn.Module,
        num_classes: int,
        num_features: int,
        height: int,
        width: int,
        *,
        mem_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        if num_classes < 1 or (mem_batch_size is not None and mem_batch_size < 1):
            raise ValueError(f"num_classes and mem_batch_size must be positive, got {num_classes}, {mem_batch_size}.")
        self.matcher = matcher
        self.mem_batch_size = mem_batch_size or num_classes
        self.register_buffer("class_memory", torch.zeros(num_classes, num_features, height, width))
        self.register_buffer("valid_class", torch.zeros(num_classes))

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Loss of each picture; then the memory takes the maps.

        Args:
            maps: [B, C, h, w], L2-normalised over C.
            labels: [B] int64, 0..N-1.

        Returns:
            [B], each >= 0; the authors average them.

        Raises:
            TypeError: not tensors.
            ValueError: shapes or labels that do not fit the memory.
        """
        self._check(maps, labels)
        loss = focal_matching_loss(self.scores(maps), labels, self.valid_class.clone())
        self.remember(maps, labels)
        return loss

    def scores(self, maps: Tensor) -> Tensor:
        """Logits [B, N] of maps [B, C, h, w] against the memory; its argmax over seen classes is the prediction."""
        # a copy: the memory is overwritten in place before the backward pass needs what was matched
        remembered = self.class_memory.clone().split(self.mem_batch_size)
        return torch.cat([self.matcher(maps, group) for group in remembered], dim=1)

    @torch.no_grad()
    def remember(self, maps: Tensor, labels: Tensor) -> None:
        """Overwrite the maps of these classes; of several of one class the last one stays, on every device."""
        rows = torch.arange(len(labels), device=labels.device)
        last = torch.zeros(len(self.class_memory), dtype=torch.int64, device=labels.device)
        last.scatter_reduce_(0, labels, rows, "amax")
        classes = labels.unique()
        self.class_memory[classes] = maps.detach()[last[classes]].to(self.class_memory.dtype)
        self.valid_class[classes] = 1.0

    def _check(self, maps: Tensor, labels: Tensor) -> None:
        require_maps("maps", maps)
        require_tensor("labels", labels)
        if maps.shape[1:] != self.class_memory.shape[1:] or labels.shape != maps.shape[:1] or len(maps) == 0:
            raise ValueError(
                f"maps must be [B, {', '.join(map(str, self.class_memory.shape[1:]))}] and labels [B] with B > 0, got "
                f"{list(maps.shape)} and {list(labels.shape)}; build the memory for this network's maps."
            )
        if labels.dtype != torch.int64 or not 0 <= int(labels.min()) <= int(labels.max()) < len(self.class_memory):
            raise ValueError(
                f"labels must be int64 in 0..{len(self.class_memory) - 1}, got {labels.dtype} in "
                f"{labels.min().item()}..{labels.max().item()}; see whyreid.data.sampling.relabel."
            )
