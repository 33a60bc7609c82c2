"""What every classifier with global average pooling shares: the head, and how an activation map gets at it.

features -> global average pooling -> (normalization) -> fully connected layer(s) -> logits. With one fully connected
layer the head is linear in the features, which is what makes a class activation map exact (Zhou 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class GapClassifier(nn.Module):
    """Base of the classifiers; a subclass gives :meth:`stages` and calls :meth:`make_head`.

    ``halving_offset`` says where each halving of the grid puts its voxel i: on voxel ``2 * i + halving_offset`` of the
    grid before.
    """

    halving_offset: float = 0.0

    def make_head(
        self, channels: int, classes: int, hidden_features: int = 0, norm: bool = True, eps: float = 1e-5
    ) -> None:
        """Make ``head_norm`` and ``classifier``."""
        self.head_norm = nn.BatchNorm1d(channels, eps=eps) if norm else nn.Identity()
        if hidden_features:
            self.classifier: nn.Module = nn.Sequential(
                nn.Linear(channels, hidden_features, bias=False),
                nn.BatchNorm1d(hidden_features, eps=eps),
                nn.ELU(),
                nn.Linear(hidden_features, classes),
            )
        else:
            self.classifier = nn.Linear(channels, classes)

    def stages(self) -> Sequence[nn.Module]:
        """The parts of the feature extractor in order; the output of the last one are the features."""
        raise NotImplementedError

    def features(self, image: Tensor) -> Tensor:
        """Features, shape (batch, channels, k, j, i), of an image, shape (batch, in_channels, K, J, I)."""
        for stage in self.stages():
            image = stage(image)
        return image

    def classify(self, features: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of :meth:`features`."""
        return self.classifier(self.head_norm(features.mean(dim=(2, 3, 4))))

    def forward(self, image: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of an image, shape (batch, in_channels, K, J, I)."""
        return self.classify(self.features(image))

    @property
    def head_is_linear(self) -> bool:
        """Whether logits are linear in the features, so that :meth:`folded_head` exists."""
        return isinstance(self.classifier, nn.Linear)

    def folded_head(self) -> tuple[Tensor, Tensor]:
        """The head as one linear map, the normalization (as at test time) folded in.

        Returns:
            weights, shape (classes, channels), and bias, shape (classes), with
            ``logits = weights @ mean(features) + bias``.

        Raises:
            ValueError: the head has more than one fully connected layer.
        """
        if not isinstance(self.classifier, nn.Linear):
            raise ValueError("The head has a hidden layer, so that it is not one linear map of the features.")
        weights, bias = self.classifier.weight.detach(), self.classifier.bias.detach()
        norm = self.head_norm
        if isinstance(norm, nn.BatchNorm1d):
            # In double precision: running statistics may span magnitudes that would cost digits here.
            scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
            shift = norm.bias.detach().double() - norm.running_mean.double() * scale
            bias = (bias.double() + weights.double() @ shift).to(bias.dtype)
            weights = (weights.double() * scale).to(weights.dtype)
        return weights, bias


class StochasticDepth(nn.Module):
    """Drops the whole residual branch of a sample (Huang 2016), as used by Brock 2016.

    In training each sample's branch is kept with ``keep_probability`` or becomes zero. At test time every branch is
    kept and weighted with ``keep_probability``, its mean contribution in training.
    """

    def __init__(self, keep_probability: float) -> None:
        super().__init__()
        self.keep_probability = keep_probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training:
            return branch * self.keep_probability
        shape = (branch.shape[0],) + (1,) * (branch.dim() - 1)
        kept = torch.rand(shape, device=branch.device) < self.keep_probability
        return branch * kept.to(branch.dtype)

    def extra_repr(self) -> str:
        return f"keep_probability={self.keep_probability}"


class SqueezeExcitation(nn.Module):
    """Weights each channel between 0 and 1 by what the whole map holds (Hu 2018, section 3)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Features, shape (batch, channels, K, J, I), each channel times a weight, 0-1, of its own."""
        content = torch.relu(self.squeeze(features.mean(dim=(2, 3, 4))))
        return features * torch.sigmoid(self.excite(content))[:, :, None, None, None]


DROPOUT_KINDS = (StochasticDepth, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@contextmanager
def monte_carlo_dropout(network: nn.Module) -> Iterator[nn.Module]:
    """While entered, dropout draws as in training and everything else is as at test time (Gal 2016)."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    for module, _ in modes:
        if isinstance(module, DROPOUT_KINDS):
            module.training = True
    try:
        yield network
    finally:
        for module, training in modes:
            module.training = training


def initialize(network: nn.Module, kind: str) -> None:
    """Draw new weights of convolutions and fully connected layers: "xavier" (uniform) or "orthogonal"; biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            if kind == "xavier":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
