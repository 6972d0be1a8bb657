from __future__ import annotations

import pytest
import torch

from whyreid.models import NonLocalBlock


def slow_block(block: NonLocalBlock, x: torch.Tensor) -> torch.Tensor:
    """Place by place, from the formula, with the block's own weights."""
    _, _, height, width = x.shape
    gathered = torch.zeros(x.shape[0], block.g.out_channels, height, width)
    for b in range(x.shape[0]):
        theta, phi, g = block.theta(x[b : b + 1])[0], block.phi(x[b : b + 1])[0], block.g(x[b : b + 1])[0]
        for i in range(height):
            for j in range(width):
                for k in range(height):
                    for m in range(width):
                        attention = (theta[:, i, j] * phi[:, k, m]).sum() / (height * width)
                        gathered[b, :, i, j] += attention * g[:, k, m]
    return x + block.W(gathered)


def test_it_is_the_identity_at_the_start(vectors):
    x = torch.randn(2, 16, 6, 3)
    assert vectors("agw_bot_pieces")["nl_is_identity_at_init"]
    assert torch.equal(NonLocalBlock(16)(x), x)


@pytest.fixture
def original(vectors) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in vectors("agw_bot_pieces").items()}


@pytest.fixture
def published(original) -> NonLocalBlock:
    """The authors' block, by their own key names."""
    block = NonLocalBlock(16)
    block.load_state_dict({k.removeprefix("nl_sd_"): v for k, v in original.items() if k.startswith("nl_sd_")})
    return block


def test_outputs_in_training_mode_agree_with_the_authors_code(original, published):
    found = published.train()(original["nl_in"])
    torch.testing.assert_close(found, original["nl_out_train"], rtol=1e-4, atol=2e-5)


def test_outputs_in_evaluation_mode_agree_with_the_authors_code(original, published):
    # the state was stored after the training pass, the output before it: take the pass out of the running statistics
    norm = published.W[1]
    assert norm.num_batches_tracked == 1
    before = norm.running_mean.clone(), norm.running_var.clone()
    norm.reset_running_stats()
    norm.momentum = 1.0
    published.train()(original["nl_in"])  # the statistics of the pass itself
    for running, stored in zip((norm.running_mean, norm.running_var), before, strict=True):
        running.copy_((stored - 0.1 * running) / 0.9)
    found = published.eval()(original["nl_in"])
    torch.testing.assert_close(found, original["nl_out_eval"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inner", [1, 3])
def test_it_equals_the_slow_loop(inner):
    torch.manual_seed(0)
    block = NonLocalBlock(5, inner_channels=inner).eval()
    torch.nn.init.normal_(block.W[1].weight)
    x = torch.randn(2, 5, 3, 2)
    torch.testing.assert_close(block(x), slow_block(block, x), rtol=1e-4, atol=1e-5)


def test_the_order_of_the_places_does_not_matter(generator):
    block = NonLocalBlock(5).eval()
    torch.nn.init.normal_(block.W[1].weight, generator=generator)
    x = torch.randn(2, 5, 3, 2, generator=generator)
    torch.testing.assert_close(block(x.flip(2, 3)), block(x).flip(2, 3))


def test_impossible_widths_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 4 and 0"):
        NonLocalBlock(4, inner_channels=0)
