"""
Makes operations.json: outputs and Jacobians of every operation of a network and of a few whole networks, by PyTorch in float64.

Run with PyTorch 1.13:  python3 operations.py > operations.json
The tests build the same networks by hand (networks.ts) and fill them by the same rules, so the file holds answers only:
  parameters   sin(0.7 k), k = 1 ... D, in the order of the network's blocks
  buffers      means 0.3 sin(k), variances 0.5 + 0.4 cos(k), k = 1 ... over all channels of all layers together, in their order
  inputs       cos(1.3 k), k = 1 ... N d; N = 2
"""
import json
import sys

import torch
from torch import nn
from torch.nn.utils.stateless import functional_call

torch.set_default_dtype(torch.float64)



class Lambda(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class RMS(nn.Module):
    """x / sqrt(mean of x^2 + eps) over the last axis, scaled."""
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.weight


class Residual(nn.Module):
    def __init__(self, *inner, shortcut=None):
        super().__init__()
        self.inner = nn.Sequential(*inner)
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.inner(x) + self.shortcut(x)


class Dense(nn.Module):
    """Concatenates its input and what it makes of it."""
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.cat([x, self.inner(x)], 1)


class Tied(nn.Module):
    """The same dense layer twice."""
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(torch.tanh(self.layer(torch.tanh(self.layer(x)))))




class OverChannels(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.movedim(1, -1)).movedim(-1, 1)


last = Lambda(lambda x: x.movedim(1, -1))
CASES = {
    "dense": ([3], nn.Linear(3, 2)),
    "dense without bias": ([3], nn.Linear(3, 2, bias=False)),
    "conv": ([2, 5, 4], nn.Conv2d(2, 3, 3)),
    "conv 1d stride padding dilation": ([2, 9], nn.Conv1d(2, 3, 3, stride=2, padding=2, dilation=2)),
    "conv 2d uneven": ([2, 6, 5], nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, bias=False)),
    "conv depthwise": ([3, 4, 4], nn.Conv2d(3, 6, 3, padding=1, groups=3)),
    "conv 3d": ([1, 3, 4, 3], nn.Conv3d(1, 2, 2, padding=1)),
    "conv one-sided padding": ([2, 4, 4], nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(2, 2, 3, stride=2))),
    "batchnorm": ([3], nn.BatchNorm1d(3, eps=1e-3)),
    "batchnorm 2d without affine": ([2, 3, 2], nn.BatchNorm2d(2, affine=False)),
    "layernorm all": ([2, 3, 2], nn.LayerNorm([2, 3, 2], eps=1e-4)),
    "layernorm channels": ([4, 3], OverChannels(nn.LayerNorm(4))),
    "layernorm plain": ([5], nn.LayerNorm(5, elementwise_affine=False)),
    "rmsnorm": ([5], RMS(5, 1e-4)),
    "rmsnorm channels": ([4, 3], OverChannels(RMS(4, 1e-4))),
    "prelu one": ([2, 3], nn.PReLU(1)),
    "prelu channels": ([3, 2], nn.PReLU(3)),
    "maxpool": ([2, 5, 5], nn.MaxPool2d(3, 2, padding=1)),
    "avgpool counting": ([2, 5, 5], nn.AvgPool2d(3, 2, padding=1)),
    "avgpool inside": ([2, 5, 4], nn.AvgPool2d((3, 2), (2, 1), padding=(1, 1), count_include_pad=False)),
    "globalavgpool": ([2, 3, 2], nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    "globalmaxpool": ([2, 3, 2], nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())),
    "flatten": ([2, 3, 2], nn.Sequential(nn.Flatten(), nn.Linear(12, 2))),
    "flatten channel-last": ([2, 3, 2], nn.Sequential(last, nn.Flatten(), nn.Linear(12, 2))),
    "input channel-last": ([3, 4, 2], nn.Sequential(Lambda(lambda x: x.movedim(-1, 1)), nn.Conv2d(2, 2, 2))),
    "tied": ([3], Tied()),
    "lenet": ([1, 10, 10], nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))),
    "residual": ([2, 5, 5], nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        Residual(nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)), nn.ReLU(),
        Residual(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.SiLU(), shortcut=nn.Conv2d(3, 4, 1, stride=2)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))),
    "concat": ([2, 4, 4], nn.Sequential(Dense(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Sigmoid())), nn.BatchNorm2d(4), Dense(nn.Conv2d(4, 1, 1)), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(5, 2))),
    "mlp mixer": ([6], nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.GELU(), Residual(nn.Linear(4, 5), nn.PReLU(5), nn.Dropout(0.5), nn.Linear(5, 4)), RMS(4, 1e-6), nn.Linear(4, 2))),
}


def rounded(tensor):
    """Fifteen digits: enough for a comparison at 1e-13, and half the file."""
    return [float(f"{v:.15g}") for v in tensor.reshape(-1).tolist()]


def figures(name, shape, module):
    module.eval()
    at = 0
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.sin(0.7 * torch.arange(at + 1, at + p.numel() + 1, dtype=torch.float64)).reshape(p.shape))
            at += p.numel()
        at = 0
        for layer in module.modules():
            if hasattr(layer, "running_mean"):
                k = torch.arange(at + 1, at + layer.running_mean.numel() + 1, dtype=torch.float64)
                layer.running_mean.copy_(0.3 * torch.sin(k))
                layer.running_var.copy_(0.5 + 0.4 * torch.cos(k))
                at += layer.running_mean.numel()
    size = torch.Size([2, *shape])
    x = torch.cos(1.3 * torch.arange(1, size.numel() + 1, dtype=torch.float64)).reshape(size)
    names = [key for key, _ in module.named_parameters()]
    values = tuple(p.detach() for p in module.parameters())
    f = lambda *p: functional_call(module, dict(zip(names, p)), (x,)).reshape(-1)
    outputs = f(*values)
    rows = [] if not values else torch.cat([j.reshape(outputs.numel(), -1) for j in torch.autograd.functional.jacobian(f, values)], 1)
    # A projection of the Jacobian on both sides stands for large ones: c^T J and J v with c = cos(k), v = sin(2 k).
    result = {"name": name, "outputs": rounded(outputs)}
    if values:
        c = torch.cos(torch.arange(1, rows.shape[0] + 1, dtype=torch.float64))
        v = torch.sin(2 * torch.arange(1, rows.shape[1] + 1, dtype=torch.float64))
        result["pulled"] = rounded(c @ rows)
        result["pushed"] = rounded(rows @ v)
    return result


rows = [figures(name, shape, module) for name, (shape, module) in CASES.items()]
sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
