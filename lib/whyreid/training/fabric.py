"""The Lightning Fabric that every training here runs on."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from whyreid.training.device import resolve_precision


def launch_fabric(device: torch.device, precision: str, *, devices: int = 1) -> Fabric:
    """A launched Fabric that prints nothing.

    Args:
        device: kind of device, with the number of the GPU when one certain GPU is meant.
        precision: of Fabric, or "auto" (see `resolve_precision`).
        devices: number of devices of that kind.
    """
    chosen: Any = [device.index] if devices == 1 and device.index is not None else devices
    name = resolve_precision(precision, device)
    how: dict[str, Any] = {"precision": name}
    if name in ("bf16-mixed", "16-mixed"):  # as a plugin, because the plain name makes Fabric announce itself
        how = {"plugins": [MixedPrecision(name, device.type)]}
    fabric = Fabric(accelerator=device.type, devices=chosen, **how)
    fabric.launch()
    return fabric
