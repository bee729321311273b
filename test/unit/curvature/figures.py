"""
Makes figures.json: Jacobians, likelihoods and GGN spectra of small dense networks, by PyTorch's reverse mode and SciPy's SVD.

Run with PyTorch >= 1.13, NumPy and SciPy:  python3 figures.py > figures.json
Weights and inputs follow rules that the tests repeat, so the file holds answers only:
  sine(n)        sin(0.7 k) for k = 1 ... n
  lehmer(seed)   s <- 48271 s mod (2^31 - 1), each draw 2 s / (2^31 - 1) - 1
"""
import json
import sys

import numpy as np
import scipy.linalg
import torch

torch.set_default_dtype(torch.float64)
F = torch.nn.functional
ACTIVATIONS = {
    "relu": torch.relu, "leaky_relu:0.01": lambda z: F.leaky_relu(z, 0.01), "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    "gelu": F.gelu, "silu": F.silu, "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)), "elu": F.elu, "sin": torch.sin, "softsign": F.softsign,
    "erf": torch.erf, "linear": lambda z: z, "relu6": F.relu6, "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
}


def lehmer(seed):
    state = seed
    while True:
        state = state * 48271 % 2147483647
        yield 2 * state / 2147483647 - 1


def network(widths, hidden, output="linear"):
    def f(theta, x):
        at = 0
        for l, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
            weight = theta[at:at + fan_in * fan_out].reshape(fan_out, fan_in)
            at += fan_in * fan_out
            bias = theta[at:at + fan_out]
            at += fan_out
            x = ACTIVATIONS[output if l == len(widths) - 2 else hidden](x @ weight.T + bias)
        return x
    return f


def parameters(widths):
    return sum((i + 1) * o for i, o in zip(widths, widths[1:]))


def jacobian(f, theta, x):
    return torch.autograd.functional.jacobian(lambda w: f(w, x).reshape(-1), theta).numpy()


def jacobians():
    result = []
    for name in ACTIVATIONS:
        for output in ("linear", "tanh"):
            widths = [2, 3, 2] if output == "linear" else [1, 2, 2, 1]
            theta = torch.tensor(np.sin(0.7 * np.arange(1, parameters(widths) + 1)))
            x = torch.tensor(np.cos(1.3 * np.arange(1, 2 * widths[0] + 1)).reshape(-1, widths[0]))
            f = network(widths, name, output)
            result.append({"activation": name, "output": output, "widths": widths,
                           "outputs": f(theta, x).reshape(-1).tolist(), "jacobian": jacobian(f, theta, x).reshape(-1).tolist()})
    return result


def half_hessian(kind, logits):
    """A matrix M with M^T M = H, and for the categorical likelihood another one than the factor under test:
    diag(p) - p p^T is the sum over i < j of p_i p_j (e_i - e_j)(e_i - e_j)^T. Checked against autograd's Hessian."""
    logits = torch.tensor(logits)
    if kind == "gaussian":
        return np.eye(len(logits)) / 0.5
    if kind == "categorical":
        p, e = torch.softmax(logits, 0), torch.eye(len(logits))
        factor = torch.stack([(p[i] * p[j]).sqrt() * (e[i] - e[j]) for i in range(len(p)) for j in range(i)])
        negative = lambda f: F.cross_entropy(f[None], torch.tensor([0]))
    else:
        factor = torch.diag((torch.sigmoid(logits) * torch.sigmoid(-logits)).sqrt())
        negative = lambda f: F.binary_cross_entropy_with_logits(f, torch.zeros_like(f), reduction="sum")
    hessian = torch.autograd.functional.hessian(negative, logits)
    assert torch.allclose(factor.T @ factor, hessian, rtol=0, atol=1e-14)
    return factor.numpy()


def spectra():
    shapes = [[2, 3, 1], [3, 5, 2], [1, 4, 4, 1], [4, 6, 3], [2, 4, 3, 2], [5, 3, 2], [2, 2, 2, 2], [3, 4], [1, 8, 2], [4, 3, 3]]
    kinds = ["gaussian", "categorical", "bernoulli"]
    names = ["relu", "tanh", "sigmoid", "leaky_relu:0.01", "softplus", "linear", "silu"]
    result = []
    for k in range(50):
        widths = shapes[k % len(shapes)]
        kind = kinds[k % 3]
        if kind == "categorical" and widths[-1] == 1:
            kind = "bernoulli"
        name = names[k % len(names)]
        count = [40, 3, 12, 7, 25][(k // 10 + k) % 5]
        draws = lehmer(k + 1)
        theta = torch.tensor([2 * next(draws) for _ in range(parameters(widths))])
        x = torch.tensor([3 * next(draws) for _ in range(count * widths[0])]).reshape(count, widths[0])
        f = network(widths, name)
        rows = jacobian(f, theta, x)
        o = widths[-1]
        logits = f(theta, x).numpy()
        weighted = np.concatenate([half_hessian(kind, logits[n]) @ rows[n * o:(n + 1) * o] for n in range(count)])
        singular = scipy.linalg.svdvals(weighted)
        tolerance = max(rows.shape) * np.finfo(float).eps * singular[0]
        rank = int((singular > tolerance).sum())
        result.append({"widths": widths, "activation": name, "likelihood": kind, "inputs": count, "seed": k + 1, "rank": rank,
                       "eigenvalues": [float(f"{s * s:.13g}") for s in singular[:rank]]})
    return result


def likelihoods():
    result = []
    logits = torch.tensor([[1.5, -0.3, 0.2], [-40.0, 35.0, 2.0], [0.0, 0.0, 0.0]], requires_grad=True)
    cases = {
        "gaussian": (torch.tensor([[1.0, 0.5, -2.0], [-39.0, 35.5, 0.0], [0.1, 0.2, 0.3]]),
                     lambda f, y: torch.distributions.Normal(f, 0.5).log_prob(y).sum()),
        "categorical": (torch.tensor([2.0, 0.0, 1.0]), lambda f, y: -F.cross_entropy(f, y.long(), reduction="sum")),
        "bernoulli": (torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]),
                      lambda f, y: -F.binary_cross_entropy_with_logits(f, y, reduction="sum")),
    }
    for kind, (y, log_p) in cases.items():
        value = log_p(logits, y)
        (gradient,) = torch.autograd.grad(value, logits)
        result.append({"likelihood": kind, "outputs": logits.reshape(-1).tolist(), "targets": y.reshape(-1).tolist(),
                       "value": value.item(), "gradient": gradient.reshape(-1).tolist()})
    return result


def main():
    parts = {"jacobians": jacobians(), "likelihoods": likelihoods(), "spectra": spectra()}
    lines = ['"%s": [\n%s\n]' % (name, ",\n".join(json.dumps(row) for row in rows)) for name, rows in parts.items()]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
