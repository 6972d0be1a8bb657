from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from whyreid.training import choose_attribute_classifier, fit_attribute_classifier


def problem(generator: torch.Generator, pictures: int = 80) -> tuple[Tensor, Tensor]:
    embeddings = torch.randn(pictures, 5, generator=generator, dtype=torch.float64)
    truth = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(pictures, 3, generator=generator, dtype=torch.float64)
    return embeddings, embeddings @ truth + noise > torch.tensor([0.0, 1.0, 2.0])


def loss_reference(weight, embeddings, labels, *, penalty, weighted):
    """The objective of one attribute as the docstring states it, picture by picture."""
    scale = math.sqrt(float((embeddings**2).mean()))
    share = float(labels.double().mean())
    total = 0.0
    for x, y in zip(embeddings / scale, labels.tolist(), strict=True):
        logit = sum(float(w) * float(f) for w, f in zip(weight, x, strict=True))
        importance = (math.exp(1 - share) if y else math.exp(share)) if weighted else 1.0
        total += importance * math.log1p(math.exp(-logit if y else logit))
    return total / len(labels) + penalty / 2 * sum(float(w) ** 2 for w in weight)


@pytest.mark.parametrize("weighting", ["exponential", "none"])
def test_fit_is_the_minimum_that_another_optimiser_finds(generator, weighting):
    embeddings, attributes = problem(generator)
    fit = fit_attribute_classifier(embeddings, attributes, penalty=0.05, weighting=weighting)
    scale = embeddings.square().mean().sqrt()
    losses = []
    for a in range(3):
        weighted = weighting == "exponential"

        def objective(weight, a=a, weighted=weighted):
            return loss_reference(weight, embeddings, attributes[:, a], penalty=0.05, weighted=weighted)

        found = minimize(objective, [0.0] * 5, method="BFGS", options={"gtol": 1e-6})
        losses.append(found.fun)
        expected = torch.from_numpy(found.x) / scale
        torch.testing.assert_close(fit.classifier.weight[a].double(), expected, rtol=1e-3, atol=1e-4)
    assert fit.loss == pytest.approx(sum(losses), rel=1e-6)
    assert fit.gradient_norm <= 1e-6


def test_twice_the_same_bits(generator):
    embeddings, attributes = problem(generator)
    one, two = (fit_attribute_classifier(embeddings.float(), attributes) for _ in range(2))
    assert torch.equal(one.classifier.weight, two.classifier.weight)
    assert one.iterations > 0


def test_scale_of_the_embeddings_does_not_change_predictions(generator):
    embeddings, attributes = problem(generator)
    small, large = (fit_attribute_classifier(embeddings * s, attributes) for s in (1e-3, 1e3))
    torch.testing.assert_close(
        small.classifier((embeddings * 1e-3).float()),
        large.classifier((embeddings * 1e3).float()),
        rtol=1e-4,
        atol=1e-5,
    )


def test_missing_labels_do_not_count(generator):
    embeddings, attributes = problem(generator)
    known = torch.rand(attributes.shape, generator=generator) < 0.7
    fit = fit_attribute_classifier(embeddings, attributes, known=known)
    flipped = fit_attribute_classifier(embeddings, attributes ^ ~known, known=known)
    assert torch.equal(fit.classifier.weight, flipped.classifier.weight)
    for a in range(3):
        rows = known[:, a]
        alone = fit_attribute_classifier(embeddings[rows], attributes[rows, a : a + 1])
        # the same labels; only the common scale of the embeddings, and so the penalty, differs a little
        torch.testing.assert_close(fit.classifier.weight[a], alone.classifier.weight[0], rtol=0.05, atol=0.02)


def test_constant_attribute_is_left_alone_and_said(generator):
    embeddings, attributes = problem(generator)
    attributes[:, 0], attributes[:, 1] = True, False
    known = torch.ones_like(attributes)
    known[:, 2] = False
    fit = fit_attribute_classifier(embeddings, attributes, known=known)
    assert fit.fitted.tolist() == [False, False, False]
    assert (fit.classifier(embeddings.float()) == 0.5).all()
    assert fit.positive_share[:2].tolist() == [1.0, 0.0]
    assert fit.positive_share[2].isnan()


def test_constant_attribute_does_not_touch_the_others(generator):
    embeddings, attributes = problem(generator)
    whole = fit_attribute_classifier(embeddings, attributes)
    attributes[:, 1] = True
    part = fit_attribute_classifier(embeddings, attributes)
    torch.testing.assert_close(part.classifier.weight[[0, 2]], whole.classifier.weight[[0, 2]], rtol=1e-3, atol=1e-4)
    assert part.fitted.tolist() == [True, False, True]


def test_weighting_lifts_a_rare_attribute(generator):
    embeddings = torch.randn(2000, 4, generator=generator, dtype=torch.float64) + 0.5
    attributes = (embeddings[:, :1] + 0.5 * torch.randn(2000, 1, generator=generator, dtype=torch.float64)) > 2.2
    recall = {}
    for weighting in ("none", "exponential"):
        fit = fit_attribute_classifier(embeddings, attributes, weighting=weighting)
        recall[weighting] = float((fit.classifier(embeddings.float()) > 0.5)[attributes].float().mean())
    assert recall["exponential"] > recall["none"] + 0.05


def test_the_caller_may_be_in_inference_mode_and_labels_noisy(generator):
    embeddings, attributes = problem(generator)
    with torch.no_grad():
        fit = fit_attribute_classifier(embeddings, attributes ^ (torch.rand(80, 3, generator=generator) < 0.1))
    assert fit.fitted.all()
    assert not fit.classifier.training


def test_penalty_is_chosen_on_validation_people(generator):
    # 20 noisy training pictures, 30 dimensions: a strong penalty is better; 2,000 pictures: a weak one is
    truth = torch.randn(30, 1, generator=generator)
    x = torch.randn(4000, 30, generator=generator)
    y = x @ truth + 4 * torch.randn(4000, 1, generator=generator) > 0
    few = choose_attribute_classifier(x[:20], y[:20], x[2000:], y[2000:])
    many = choose_attribute_classifier(x[:2000], y[:2000], x[2000:], y[2000:])
    assert few.penalty > many.penalty
    losses = {
        penalty: float(
            torch.nn.functional.binary_cross_entropy(  # on other people
                fit_attribute_classifier(x[:20], y[:20], penalty=penalty, weighting="none")
                .classifier(x[2000:])
                .detach(),
                y[2000:].float(),
            )
        )
        for penalty in (1e-3, 1e-1)
    }
    chosen = choose_attribute_classifier(x[:20], y[:20], x[2000:], y[2000:], penalties=(1e-3, 1e-1), weighting="none")
    assert chosen.penalty == min(losses, key=losses.get)


def test_start_changes_the_time_not_the_minimum(generator):
    embeddings, attributes = problem(generator)
    cold = fit_attribute_classifier(embeddings, attributes, penalty=0.01)
    near = fit_attribute_classifier(embeddings, attributes, penalty=0.03)
    warm = fit_attribute_classifier(embeddings, attributes, penalty=0.01, start=near.classifier.weight)
    torch.testing.assert_close(warm.classifier.weight, cold.classifier.weight, rtol=1e-3, atol=1e-4)
    done = fit_attribute_classifier(embeddings, attributes, penalty=0.01, start=cold.classifier.weight, tolerance=1e-5)
    assert done.iterations <= 1
    with pytest.raises(ValueError, match=r"start must be \[3, 5\], got \[5, 3\]"):
        fit_attribute_classifier(embeddings, attributes, start=cold.classifier.weight.T)


def test_too_few_steps_are_said(generator):
    embeddings, attributes = problem(generator)
    with pytest.raises(RuntimeError, match=r"did not converge in 2 steps.*raise penalty or max_iterations"):
        fit_attribute_classifier(embeddings, attributes, max_iterations=2)


def test_wrong_inputs_are_refused(generator):
    embeddings, attributes = problem(generator)
    with pytest.raises(TypeError, match=r"attributes must be bool, got torch.float32"):
        fit_attribute_classifier(embeddings, attributes.float())
    with pytest.raises(TypeError, match=r"embeddings must be a torch.Tensor, got ndarray"):
        fit_attribute_classifier(embeddings.numpy(), attributes)
    with pytest.raises(ValueError, match=r"one row a picture in both"):
        fit_attribute_classifier(embeddings[1:], attributes)
    with pytest.raises(ValueError, match=r"known must be \[80, 3\]"):
        fit_attribute_classifier(embeddings, attributes, known=attributes[:, :2])
    with pytest.raises(ValueError, match=r"penalty must be positive, got 0"):
        fit_attribute_classifier(embeddings, attributes, penalty=0)
    with pytest.raises(ValueError, match=r"embeddings must be finite"):
        fit_attribute_classifier(embeddings / 0, attributes)
    with pytest.raises(ValueError, match=r"penalties must hold at least one"):
        choose_attribute_classifier(embeddings, attributes, embeddings, attributes, penalties=())
    with pytest.raises(ValueError, match=r'weighting must be "exponential" or "none"'):
        fit_attribute_classifier(embeddings, attributes, weighting="inverse")
