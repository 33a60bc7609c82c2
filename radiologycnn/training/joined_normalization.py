"""Batch normalization over the whole batch where several processes share it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from radiologycnn.training.distributed import Team, current_team


def joined_normalization(network: nn.Module, team: Team, device: str) -> nn.Module:
    """The network with batch normalization over the whole batch, whatever share of it a process has.

    On CUDA this is PyTorch's ``SyncBatchNorm``, which has no CPU form; there :class:`JoinedBatchNorm` stands in. The
    weights and their names stay.
    """
    if team.size == 1:
        return network
    if torch.device(device).type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(module, name, JoinedBatchNorm.of(child))
    return network


class _TotalWithGradient(torch.autograd.Function):
    """:meth:`Team.total` that gradients go through; PyTorch's own form of it is deprecated."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        return current_team().total(value)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return current_team().total(gradient)


class JoinedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization whose mean and variance while training are those of all processes' cases together."""

    @classmethod
    def of(cls, norm: nn.modules.batchnorm._BatchNorm) -> JoinedBatchNorm:
        """With the same weights and statistics, not copies of them: an optimizer may know them already."""
        joined = cls(norm.num_features, norm.eps, 0.1 if norm.momentum is None else norm.momentum)
        joined.weight, joined.bias = norm.weight, norm.bias
        joined.running_mean, joined.running_var = norm.running_mean, norm.running_var
        joined.num_batches_tracked = norm.num_batches_tracked
        return joined.train(norm.training)

    def _check_input_dim(self, features: Tensor) -> None:
        pass

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        axes = [0, *range(2, features.dim())]
        shape = (1, -1) + (1,) * (features.dim() - 2)
        values = features.float()
        own = values.new_tensor([values.numel() / values.shape[1]])
        sums = _TotalWithGradient.apply(torch.cat([values.sum(axes), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)
        variance = _TotalWithGradient.apply(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(features.dtype)
