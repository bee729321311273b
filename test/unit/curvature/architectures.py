"""
Makes architectures.json: GGN spectra of fifty random networks of mixed architecture (convolutions, normalisations, residual sums,
concatenations, pooling, PReLU), by PyTorch's Jacobian and SciPy's SVD in float64.

Run with PyTorch 1.13, NumPy and SciPy:  python3 architectures.py > architectures.json
A network is a list of layers that the test builds too; weights and inputs follow the rule of figures.py (lehmer): parameters 1.2 u, variances
0.5 + u^2, means 0.3 u, in this order, then inputs 2 u.
"""
import json
import sys

import numpy as np
import scipy.linalg
import torch
from torch import nn
from torch.nn.utils.stateless import functional_call

from figures import half_hessian, lehmer

torch.set_default_dtype(torch.float64)


class Over(nn.Module):
    """A layer normalisation over the channels at each position (`channels`), or over the whole value."""
    def __init__(self, over, shape, centred):
        super().__init__()
        self.over, self.centred = over, centred
        size = shape if over == "all" else shape[:1]
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if centred else None

    def forward(self, x):
        axes = list(range(1, x.dim())) if self.over == "all" else [1]
        if self.centred:
            x = x - x.mean(axes, keepdim=True)
        x = x / torch.sqrt((x * x).mean(axes, keepdim=True) + 1e-5)
        form = self.weight.shape if self.over == "all" else (-1,) + (1,) * (x.dim() - 2)
        x = x * self.weight.reshape(form)
        return x if self.bias is None else x + self.bias.reshape(form)


class Join(nn.Module):
    def __init__(self, op, inner, shortcut):
        super().__init__()
        self.op, self.inner, self.shortcut = op, inner, shortcut

    def forward(self, x):
        inner, other = self.inner(x), self.shortcut(x)
        return inner + other if self.op == "residual" else torch.cat([other, inner], 1)


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "leaky_relu:0.1": lambda: nn.LeakyReLU(0.1), "softplus": nn.Softplus}
CONV = {1: nn.Conv1d, 2: nn.Conv2d}
NORM = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
MAX = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
AVG = {1: nn.AvgPool1d, 2: nn.AvgPool2d}


def build(layers, shape):
    modules = []
    for layer in layers:
        op, *rest = layer
        if op == "conv":
            outputs, kernel, stride, pad, groups, bias = rest
            module = CONV[len(shape) - 1](shape[0], outputs, kernel, stride=stride, padding=pad, groups=groups, bias=bias)
        elif op == "dense":
            module = nn.Linear(shape[0], rest[0], bias=rest[1])
        elif op == "batchnorm":
            module = NORM[len(shape) - 1](shape[0])
        elif op == "layernorm":
            module = Over(rest[0], shape, rest[1])
        elif op == "activation":
            module = ACTIVATIONS[rest[0]]()
        elif op == "prelu":
            module = nn.PReLU(shape[0])
        elif op in ("maxpool", "avgpool"):
            module = (MAX if op == "maxpool" else AVG)[len(shape) - 1](2, 2)
        elif op == "globalavgpool":
            module = nn.Sequential(nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        elif op == "globalmaxpool":
            module = nn.Sequential(nn.Flatten(2), nn.AdaptiveMaxPool1d(1), nn.Flatten())
        elif op == "flatten":
            module = nn.Flatten()
        else:
            inner = build(rest[0], shape)[0]
            module = Join(op, inner, build(rest[1], shape)[0] if len(rest) > 1 else nn.Identity())
        module.eval()
        shape = list(module(torch.zeros(2, *shape)).shape[1:])
        modules.append(module)
    return nn.Sequential(*modules).eval(), shape


def draw(rng):
    """A random list of layers, its input shape, and the number of outputs."""
    spatial = int(rng.integers(1, 3))
    shape = [int(rng.integers(1, 3))] + [int(rng.integers(5, 8)) for _ in range(spatial)]
    act = lambda: [["prelu"]] if rng.random() < 0.15 else [["activation", str(rng.choice(list(ACTIVATIONS)))]]
    norm = lambda: [[["batchnorm"]], [["layernorm", "channels", bool(rng.random() < 0.5)]], [["layernorm", "all", True]], [], [], []][int(rng.integers(6))]
    width = int(rng.integers(2, 4))
    same = lambda channels, groups=1: ["conv", channels, 3, 1, 1, groups, bool(rng.random() < 0.5)]
    layers = [same(width)] + norm() + act()
    kind = int(rng.integers(4))
    if kind == 0:
        layers += [["residual", [same(width)] + norm() + act() + [same(width)]]] + act()
    elif kind == 1:
        layers += [["concat", [same(2)] + act()]]
    elif kind == 2:
        layers += [same(width, width)] + act()
    else:
        layers += [["residual", [["conv", 3, 3, 2, 1, 1, True]] + act(), [["conv", 3, 1, 2, 0, 1, False]]]]
    layers += [[["maxpool"]], [["avgpool"]], []][int(rng.integers(3))]
    layers += [[["globalavgpool"]], [["globalmaxpool"]], [["flatten"], ["dense", 4, True]]][int(rng.integers(3))]
    if rng.random() < 0.5:
        layers += [["dense", 3, True]] + act()
    outputs = int(rng.integers(1, 4))
    return layers + [["dense", outputs, True]], shape, outputs


def main():
    result = []
    for k in range(50):
        layers, shape, outputs = draw(np.random.default_rng(k))
        module, _ = build(layers, shape)
        kind = ["gaussian", "bernoulli" if outputs == 1 else "categorical", "bernoulli"][k % 3]
        count = [4, 10, 25, 60][k % 4]
        u = lehmer(k + 1)
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(torch.tensor([1.2 * next(u) for _ in range(p.numel())]).reshape(p.shape))
            norms = [m for m in module.modules() if hasattr(m, "running_var")]
            for m in norms:
                m.running_var.copy_(torch.tensor([0.5 + next(u) ** 2 for _ in range(m.running_var.numel())]))
            for m in norms:
                m.running_mean.copy_(torch.tensor([0.3 * next(u) for _ in range(m.running_mean.numel())]))
        x = torch.tensor([2 * next(u) for _ in range(count * int(np.prod(shape)))]).reshape(count, *shape)
        names = [name for name, _ in module.named_parameters()]
        values = tuple(p.detach() for p in module.parameters())
        f = lambda *p: functional_call(module, dict(zip(names, p)), (x,)).reshape(-1)
        rows = torch.cat([j.reshape(count * outputs, -1) for j in torch.autograd.functional.jacobian(f, values)], 1).numpy()
        logits = f(*values).numpy().reshape(count, outputs)
        weighted = np.concatenate([half_hessian(kind, logits[n]) @ rows[n * outputs:(n + 1) * outputs] for n in range(count)])
        singular = scipy.linalg.svdvals(weighted)
        tolerance = max(weighted.shape) * np.finfo(float).eps * singular[0]
        rank = int((singular > tolerance).sum())
        result.append({"layers": layers, "shape": shape, "likelihood": kind, "inputs": count, "seed": k + 1, "parameters": rows.shape[1], "rank": rank,
                       "eigenvalues": [float(f"{s * s:.12g}") for s in singular[:rank]]})
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in result) + "\n]\n")


main()
