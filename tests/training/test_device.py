from __future__ import annotations

import pytest
import torch

from whyreid.training.device import cpu_has_bfloat16, resolve_device, resolve_precision


def test_auto_is_the_gpu_where_there_is_one_and_the_cpu_elsewhere(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match=r'device=\'cuda:1\' but PyTorch finds no CUDA device; use device="auto"'):
        resolve_device("cuda:1")


@pytest.mark.parametrize(("capability", "precision"), [("avx512_bf16", "bf16-mixed"), ("avx2", "32-true")])
def test_auto_precision_is_bfloat16_where_the_processor_computes_in_it(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True, "avx512_bf16": capability != "avx2"})
    assert cpu_has_bfloat16() == (precision == "bf16-mixed")
    assert resolve_precision("auto", torch.device("cpu")) == precision


def test_auto_precision_on_a_gpu_without_bfloat16_is_half_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert resolve_precision("auto", torch.device("cuda")) == "16-mixed"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert resolve_precision("auto", torch.device("cuda")) == "bf16-mixed"


def test_a_named_precision_is_taken_as_it_is():
    assert resolve_precision("64-true", torch.device("cpu")) == "64-true"
    assert resolve_precision("auto", torch.device("mps")) == "32-true"


def test_a_pytorch_that_does_not_tell_its_capabilities_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not cpu_has_bfloat16()
