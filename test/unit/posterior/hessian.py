"""Hessians of the negative log posterior of small networks by PyTorch's automatic differentiation, for logPosterior.test.ts.

Written to hessian.json by PyTorch 1.13.0 (Debian's 1.13.0a0): python3 hessian.py
"""
import json
from pathlib import Path

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
cases = []
for name, widths, activation, likelihood, alpha in [("relu, gaussian", [2, 5, 3, 2], nn.ReLU, "gaussian", 0.7), ("relu, categorical", [3, 6, 4], nn.ReLU, "categorical", 0.3), ("tanh, bernoulli", [2, 4, 4, 1], nn.Tanh, "bernoulli", 1.1), ("gelu, categorical", [2, 5, 3], nn.GELU, "categorical", 0.2)]:
    torch.manual_seed(len(cases))
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += ([activation()] if i else []) + [nn.Linear(a, b)]
    model = nn.Sequential(*layers)
    x = torch.randn(7, widths[0])
    # The first unit of the first layer is a hair on this side of its kink at the first three inputs.
    if activation is nn.ReLU:
        w, b = model[0].weight.data, model[0].bias.data
        for n in range(3):
            x[n] += w[0] * (1e-9 * (-1) ** n - b[0] - w[0] @ x[n]) / (w[0] @ w[0])
    y = {"gaussian": torch.randn(7, widths[-1]), "categorical": torch.randint(widths[-1], (7,)), "bernoulli": torch.randint(2, (7, widths[-1])).double()}[likelihood]
    theta = torch.cat([p.data.flatten() for p in model.parameters()])
    shapes = [p.shape for p in model.parameters()]

    def negative(theta):
        values, at = [], 0
        for shape in shapes:
            values.append(theta[at : at + shape.numel()].reshape(shape))
            at += shape.numel()
        f = x
        for i in range(len(widths) - 1):
            f = nn.functional.linear(activation()(f) if i else f, values[2 * i], values[2 * i + 1])
        fit = {"gaussian": lambda: ((y - f) ** 2).sum() / (2 * 0.5**2), "categorical": lambda: nn.functional.cross_entropy(f, y, reduction="sum"), "bernoulli": lambda: nn.functional.binary_cross_entropy_with_logits(f, y, reduction="sum")}[likelihood]()
        return fit + alpha / 2 * (theta**2).sum()

    hessian = torch.autograd.functional.hessian(negative, theta)
    direction = torch.sin(2.0 * torch.arange(1, len(theta) + 1))
    cases.append({"name": name, "widths": widths, "activation": {nn.ReLU: "relu", nn.Tanh: "tanh", nn.GELU: "gelu"}[activation], "likelihood": likelihood, "noise": 0.5, "alpha": alpha, "x": x.flatten().tolist(), "y": y.flatten().tolist(), "state": theta.tolist(), "product": (hessian @ direction).tolist(), "lowest": torch.linalg.eigvalsh(hessian)[0].item()})
Path(__file__).with_suffix(".json").write_text(json.dumps({"cases": cases}) + "\n")
