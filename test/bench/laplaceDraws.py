"""Seconds that laplace-torch takes to fit, to draw, and to predict with the draws; printed as JSON.

Usage: python laplaceDraws.py WIDTHS full|diag ROWS DRAWS. Needs torch 1.13, laplace-torch 0.1a2, backpack-for-pytorch.
"""
import json
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn.utils import vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
from laplace import Laplace  # noqa: E402
from laplace.curvature import BackPackGGN  # noqa: E402

widths, structure, rows, draws = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
layers = []
for i, (a, b) in enumerate(zip(widths, widths[1:])):
    layers += ([nn.ReLU()] if i else []) + [nn.Linear(a, b)]
model = nn.Sequential(*layers)
for parameter in model.parameters():
    parameter.data = 0.08 * torch.randn_like(parameter)
x, y = torch.randn(rows, widths[0]), torch.randn(rows, widths[-1])
loader = DataLoader(TensorDataset(x, y), batch_size=100)

start = time.perf_counter()
la = Laplace(model, "regression", subset_of_weights="all", hessian_structure=structure, backend=BackPackGGN, sigma_noise=0.3, prior_precision=1.0)
la.fit(loader)
fitted = time.perf_counter()
samples = la.sample(draws)
drawn = time.perf_counter()
with torch.no_grad():
    for sample in samples:
        vector_to_parameters(sample, model.parameters())
        model(x)
end = time.perf_counter()
print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "fit": fitted - start, "draws": drawn - fitted, "predictions": end - drawn}))
