"""Writes laplaceTorch.json: small fixed networks and what laplace-torch gives for them: evidence of full, diagonal and last-layer Laplace, variances
of the linearised predictive, covariances, and probabilities by the probit approximation. Nothing is random but the networks and their data.

    python -m venv venv && venv/bin/pip install laplace-torch==0.1a2 backpack-for-pytorch==1.7.1 asdfghjkl==0.1a2 torch==1.13.1 numpy==1.24.2
    venv/bin/python laplaceTorch.py
"""
import importlib.metadata
import json
import pathlib
import warnings

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
from laplace import Laplace  # noqa: E402
from laplace.curvature import BackPackGGN  # noqa: E402

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(20240607)


def normal(*shape):
    # Three decimals are enough, and short.
    return torch.round(1000 * torch.randn(*shape, generator=generator)) / 1000


def network(widths, activation):
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += ([activation()] if i else []) + [nn.Linear(a, b)]
    model = nn.Sequential(*layers)
    for parameter in model.parameters():
        parameter.data = normal(*parameter.shape)
    return model


cases = [
    {"name": "tanh regression", "activation": "tanh", "widths": [2, 6, 2], "likelihood": "regression", "noise": 0.3, "alpha": 0.7, "rows": 12},
    {"name": "relu regression, more data than weights", "activation": "relu", "widths": [3, 4, 1], "likelihood": "regression", "noise": 0.8, "alpha": 2.5, "rows": 60},
    {"name": "softmax", "activation": "tanh", "widths": [3, 5, 4], "likelihood": "classification", "noise": 1.0, "alpha": 1.3, "rows": 15},
    {"name": "deep relu softmax", "activation": "relu", "widths": [2, 7, 5, 3], "likelihood": "classification", "noise": 1.0, "alpha": 0.4, "rows": 40},
]
kinds = {"tanh": nn.Tanh, "relu": nn.ReLU}
rows = []
for case in cases:
    widths = case["widths"]
    model = network(widths, kinds[case["activation"]])
    x = normal(case["rows"], widths[0])
    if case["likelihood"] == "regression":
        y = normal(case["rows"], widths[-1])
    else:
        y = torch.randint(widths[-1], (case["rows"],), generator=generator)
    test = normal(4, widths[0])
    figures = {}
    for structure, subset in [("full", "all"), ("diag", "all"), ("full", "last_layer"), ("diag", "last_layer")]:
        la = Laplace(model, case["likelihood"], subset_of_weights=subset, hessian_structure=structure, backend=BackPackGGN, sigma_noise=case["noise"], prior_precision=case["alpha"])
        la.fit(DataLoader(TensorDataset(x, y), batch_size=7))
        mean, covariance = la._glm_predictive_distribution(test)
        entry = {
            "logMarginalLikelihood": float(la.log_marginal_likelihood().detach()),
            "mean": mean.tolist(),
            "functionVariance": covariance.diagonal(dim1=1, dim2=2).tolist(),
        }
        if case["likelihood"] == "classification":
            entry["probit"] = la(test, pred_type="glm", link_approx="probit").tolist()
        if structure == "full":
            entry["posteriorVariance"] = la.posterior_covariance.diagonal().tolist()
        else:
            entry["posteriorVariance"] = la.posterior_variance.tolist()
        figures[f"{structure} {subset}"] = entry
    rows.append({
        **case, "x": x.tolist(), "y": y.tolist(), "test": test.tolist(),
        "state": torch.cat([p.reshape(-1) for p in model.parameters()]).tolist(), "figures": figures,
    })

names = {"laplace-torch": "laplace-torch", "backpack": "backpack-for-pytorch"}
versions = {**{name: importlib.metadata.version(package) for name, package in names.items()}, "torch": torch.__version__, "numpy": numpy.__version__}
text = ",\n".join(json.dumps(row) for row in rows)
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{text}\n]}}\n')
