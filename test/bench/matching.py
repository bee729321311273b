"""
Weight matching of two dense networks in JAX, written after algorithm 1 of Ainsworth et al. 2023 with the operations that the authors'
repository uses (float32 products of whole weight matrices, one SciPy assignment a layer and sweep).
Usage: matching.py FILE_A FILE_B REPEATS WIDTH WIDTH ...   (float64 parameters in PyTorch's order)
Prints: seconds of the first call (compilation included), median seconds of the others, <A, P B>, sweeps.
"""
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linear_sum_assignment

repeats = int(sys.argv[3])
widths = [int(w) for w in sys.argv[4:]]


def load(path):
    flat, layers, at = np.fromfile(path), [], 0
    for n_in, n_out in zip(widths, widths[1:]):
        weight = flat[at:at + n_in * n_out].reshape(n_out, n_in)
        at += n_in * n_out
        layers.append((jnp.asarray(weight, jnp.float32), jnp.asarray(flat[at:at + n_out], jnp.float32)))
        at += n_out
    return layers


def match(ref, net, key):
    hidden = len(widths) - 2
    order = [jnp.arange(widths[l + 1]) for l in range(hidden)]
    for sweep in range(100):
        moved = False
        for l in jax.random.permutation(jax.random.fold_in(key, sweep), hidden):
            l = int(l)
            (w, b), (v, _) = net[l], net[l + 1]
            into = w if l == 0 else jnp.take(w, order[l - 1], axis=1)
            out = v if l == hidden - 1 else jnp.take(v, order[l + 1], axis=0)
            gain = ref[l][0] @ into.T + jnp.outer(ref[l][1], b) + ref[l + 1][0].T @ out
            columns = linear_sum_assignment(gain, maximize=True)[1]
            rows = jnp.arange(len(columns))
            moved |= bool(gain[rows, columns].sum() > gain[rows, order[l]].sum() + 1e-12)
            order[l] = jnp.array(columns)
        if not moved:
            break
    return order, sweep + 1


def inner(ref, net, order):
    total = 0.0
    for l, ((rw, rb), (w, b)) in enumerate(zip(ref, net)):
        if l > 0:
            w = w[:, order[l - 1]]
        if l < len(order):
            w, b = w[order[l]], b[order[l]]
        total += float(jnp.vdot(rw, w) + jnp.vdot(rb, b))
    return total


a, b = load(sys.argv[1]), load(sys.argv[2])
times = []
for repeat in range(repeats + 1):
    start = time.perf_counter()
    order, sweeps = match(a, b, jax.random.PRNGKey(repeat))
    times.append(time.perf_counter() - start)
print(times[0], float(np.median(times[1:])), inner(a, b, order), sweeps)
