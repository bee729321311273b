"""The other side of curvature.ts: reads lines "CASE", answers each with seconds, or "-" where a package is missing.

Needs numpy; torch for the products, laplace-torch for the full Laplace, curvlinops-for-pytorch for the leading eigenvalues. Beside torch 1.13
these work: laplace-torch 0.1a2 with backpack-for-pytorch 1.7.1 and asdfghjkl 0.1a2, curvlinops-for-pytorch 1.2.0 with einconv, einops,
unfoldNd and torchmetrics 0.11.4. Threads from OPENBLAS_NUM_THREADS and OMP_NUM_THREADS.
"""
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def dense(widths, inputs):
    random = np.random.default_rng(0)
    weights = [(random.standard_normal((o, i)) / np.sqrt(i), 0.1 * random.standard_normal(o)) for i, o in zip(widths, widths[1:])]
    return weights, random.standard_normal((inputs, widths[0]))


def spectrum():
    """64-128-128-10 tanh on 200 inputs: the Jacobian explicitly, its Gram matrix, the eigenvalues."""
    weights, x = dense([64, 128, 128, 10], 200)
    start = time.perf_counter()
    activations = [x]
    for l, (w, b) in enumerate(weights):
        z = activations[-1] @ w.T + b
        activations.append(np.tanh(z) if l < len(weights) - 1 else z)
    n, o = activations[-1].shape
    delta = np.broadcast_to(np.eye(o), (n, o, o))
    parts = []
    for l in range(len(weights) - 1, -1, -1):
        parts.append(delta.reshape(n * o, -1))
        parts.append((delta[:, :, :, None] * activations[l][:, None, None, :]).reshape(n * o, -1))
        if l > 0:
            delta = (delta @ weights[l][0]) * (1 - activations[l] ** 2)[:, None, :]
    jacobian = np.concatenate(parts[::-1], 1)
    np.linalg.eigvalsh(jacobian @ jacobian.T)
    return time.perf_counter() - start


def convolutional():
    import torch
    from torch import nn
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    layers, channels = [], 3
    for k, outputs in enumerate([64, 128, 256, 512, 512, 512, 512]):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()] + ([nn.MaxPool2d(2)] if k < 3 else [])
        channels = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2700), nn.ReLU(), nn.Linear(2700, 10))
    return torch, model, torch.randn(32, 3, 16, 16)


def product():
    """One product of the softmax GGN of a convolutional network of 10 million parameters with a vector, on 32 inputs, float64:
    forward mode by two reverse modes, as curvature libraries for PyTorch do it."""
    torch, model, x = convolutional()
    parameters = list(model.parameters())
    v = [torch.randn_like(p) for p in parameters]
    start = time.perf_counter()
    f = model(x)
    u = torch.zeros_like(f, requires_grad=True)
    pulled = torch.autograd.grad(f, parameters, grad_outputs=u, create_graph=True)
    (jv,) = torch.autograd.grad(pulled, u, grad_outputs=v, retain_graph=True)
    p = torch.softmax(f.detach(), 1)
    hjv = p * (jv - (p * jv).sum(1, keepdim=True))
    torch.autograd.grad(f, parameters, grad_outputs=hjv)
    return time.perf_counter() - start


def classifier():
    """20-40-40-5 tanh (D = 2,685) and 400 labelled inputs."""
    import torch
    torch.manual_seed(0)
    tanh, linear = torch.nn.Tanh, torch.nn.Linear
    model = torch.nn.Sequential(linear(20, 40), tanh(), linear(40, 40), tanh(), linear(40, 5))
    return torch, model, torch.randn(400, 20), torch.randint(0, 5, (400,))


def laplace():
    """Full Laplace: the GGN and its eigenvalues, float64."""
    import torch
    from laplace import Laplace
    torch.set_default_dtype(torch.float64)
    torch, model, x, y = classifier()
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=400)
    start = time.perf_counter()
    la = Laplace(model, "classification", subset_of_weights="all", hessian_structure="full")
    la.fit(data)
    torch.linalg.eigvalsh(la.H)
    return time.perf_counter() - start


def materialising(grad):
    """torch.autograd.grad as curvlinops calls it, for torch before 2.0, which does not fill in zeros itself."""
    def called(outputs, inputs, *rest, materialize_grads=False, **named):
        if not materialize_grads:
            return grad(outputs, inputs, *rest, **named)
        import torch
        inputs = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
        found = grad(outputs, inputs, *rest, **{**named, "allow_unused": True})
        return tuple(torch.zeros_like(i) if g is None else g for g, i in zip(found, inputs))
    return called


def curvlinops():
    """The 20 largest eigenvalues of the GGN as an operator, by ARPACK, as the package's guide does it. It computes in float32."""
    import torch
    if int(torch.__version__.split(".")[0]) < 2 and torch.autograd.grad.__name__ != "called":
        torch.autograd.grad = materialising(torch.autograd.grad)
    from curvlinops import GGNLinearOperator
    from scipy.sparse.linalg import eigsh
    torch.set_default_dtype(torch.float32)
    torch, model, x, y = classifier()
    start = time.perf_counter()
    operator = GGNLinearOperator(model, torch.nn.CrossEntropyLoss(reduction="sum"), list(model.parameters()), [(x, y)], check_deterministic=False)
    eigsh(operator, k=20, which="LM", return_eigenvectors=False)
    return time.perf_counter() - start


cases = {"spectrum": spectrum, "product": product, "laplace": laplace, "curvlinops": curvlinops}
for line in sys.stdin:
    try:
        print(cases[line.strip()](), flush=True)
    except ImportError as error:
        print(f"{line.strip()}: {error}", file=sys.stderr)
        print("-", flush=True)
