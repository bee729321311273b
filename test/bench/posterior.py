"""Discrepancy, distances and chain diagnostics of the draws in a file as NumPy, SciPy and ArviZ compute them; prints seconds of each.

Usage: python posterior.py DRAWS.npy CHAINS PERMUTATIONS SELECTED DIAGNOSED. Needs numpy, scipy, arviz.
"""
import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
import arviz  # noqa: E402
from scipy.spatial.distance import pdist  # noqa: E402

draws = np.load(sys.argv[1])
chains, permutations, selected, diagnosed = map(int, sys.argv[2:6])
count = len(draws)
random = np.random.default_rng(0)
arviz.rhat(random.standard_normal((4, 100)))
times = {}


def timed(name, run):
    start = time.perf_counter()
    result = run()
    times[name] = time.perf_counter() - start
    return result


def evenly(most):
    n = min(count, most)
    return draws[((np.arange(n) + 0.5) * count / n).astype(int)]


def distances():
    return np.sort(pdist(evenly(selected)))


def discrepancy():
    n = min(count // 2, 500)
    chosen = evenly(2 * n)
    centred = chosen - chosen.mean(0)
    gram = centred @ centred.T
    norms = np.diag(gram)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * gram, 0)
    bandwidth = np.median(np.sqrt(squared[np.tril_indices(2 * n, -1)]))
    kernel = np.exp(-squared / (2 * bandwidth**2))
    np.fill_diagonal(kernel, 0)

    # All deals in one product: the sum within the first set is 1ᵀK1 over its members, and the rest follows from row sums.
    first = np.zeros((2 * n, permutations + 1))
    first[:n, 0] = 1
    for p in range(permutations):
        first[random.permutation(2 * n)[:n], p + 1] = 1
    rows = kernel.sum(1)
    within = ((kernel @ first) * first).sum(0)
    both = 2 * within + rows.sum() - 2 * (rows @ first)
    estimates = both / (n * (n - 1)) - (rows.sum() - both) / n**2
    return estimates[0], (1 + (estimates[1:] >= estimates[0]).sum()) / (permutations + 1)


def diagnostics():
    for k in np.linspace(0, draws.shape[1] - 1, min(diagnosed, draws.shape[1])).astype(int):
        x = draws[:, k].reshape(chains, -1)
        arviz.rhat(x)
        arviz.ess(x, method="bulk")
        arviz.ess(x, method="tail")
        for options in ({"method": "mean"}, {"method": "sd"}, {"method": "quantile", "prob": 0.05}, {"method": "median"}, {"method": "quantile", "prob": 0.95}):
            arviz.mcse(x, **options)


timed("distances", distances)
mmd2, p = timed("discrepancy", discrepancy)
timed("diagnostics", diagnostics)
print(json.dumps({"times": times, "mmd2": mmd2}))
