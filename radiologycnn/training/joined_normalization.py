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


class _Normalized(torch.autograd.Function):
    """Features with the mean and variance of all processes' cases, from PyTorch's own kernels: they add up precisely,
    and keep no copies of the features."""

    @staticmethod
    def forward(context: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, ...]:
        """Also returns mean and variance, shape (channels), and the count of values behind each, shape (1)."""
        total = current_team().total
        _, own_mean, own_scale = torch.native_batch_norm(features, weight, bias, None, None, True, 0.0, eps)
        own_count = own_mean.new_tensor([features.numel() / features.shape[1]])
        sums = total(torch.cat([own_mean * own_count, own_count]))
        mean, count = sums[:-1] / sums[-1], sums[-1:]
        own_variance = own_scale**-2 - eps
        variance = total((own_variance + (own_mean - mean).square()) * own_count) / count
        context.save_for_backward(features, weight, mean, variance, count)
        context.eps = eps
        context.mark_non_differentiable(mean, variance, count)
        return torch.batch_norm(features, weight, bias, mean, variance, False, 0.0, eps, False), mean, variance, count

    @staticmethod
    def backward(context: Any, gradient: Tensor, *_statistics: Any) -> tuple[Tensor | None, ...]:
        features, weight, mean, variance, count = context.saved_tensors
        # With mean and variance held fast; then what comes through these, which every process's cases share.
        fixed, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, features, weight, mean, variance, None, None, False, context.eps, [True, True, True]
        )
        scale = (variance + context.eps).rsqrt()
        through_mean, through_scale = (current_team().total(torch.cat([for_bias, for_weight])) / count).chunk(2)
        slope = -weight * scale.square() * through_scale
        offset = -weight * scale * through_mean - slope * mean
        shape = (1, -1) + (1,) * (features.dim() - 2)
        whole = fixed + torch.addcmul(offset.view(shape), features, slope.view(shape))
        return whole.to(features.dtype), for_weight, for_bias, None


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
        normalized, mean, variance, count = _Normalized.apply(features, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return normalized
