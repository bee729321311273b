"""
Weight matching of two dense networks in JAX, float32, as algorithm 1 of Ainsworth et al. 2023, written anew in two ways:
`published` as the authors' repository has it: a table of which axis of which array carries which permutation, every array permuted anew at each
visit, nothing compiled as a whole, gains compared through rows of an identity matrix; `tight` as JAX does it best: no array is permuted twice,
no table, no identity matrices. Both take one SciPy assignment a layer and sweep.
Usage: matching.py published|tight FILE_A FILE_B RUNS [OUT]   (safetensors with 0.weight, 0.bias, 1.weight, ... in PyTorch's layout)
Prints a JSON list: seconds, processor seconds and sweeps of every run, the first with what JAX compiles on its way, and <A, P B>; writes the last P B to OUT.
"""
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.optimize import linear_sum_assignment

SWEEPS = 100
a, b = ({name: jnp.asarray(array) for name, array in load_file(path).items()} for path in sys.argv[2:4])
hidden = len(a) // 2 - 1
widths = [a["0.weight"].shape[1]] + [a[f"{l}.weight"].shape[0] for l in range(hidden + 1)]


def layer_order(key, sweep):
    return [int(l) for l in jax.random.permutation(jax.random.fold_in(key, sweep), hidden)]


# Per array: the permutation of each axis, None where units stay.
CARRIED = {}
for l in range(hidden + 1):
    out = l if l < hidden else None
    CARRIED[f"{l}.weight"] = (out, l - 1 if l > 0 else None)
    CARRIED[f"{l}.bias"] = (out,)


def permuted(arrays, name, order, but=None):
    array = arrays[name]
    for axis, p in enumerate(CARRIED[name]):
        if p is not None and axis != but:
            array = jnp.take(array, order[p], axis=axis)
    return array


def published(ref, net, key):
    touching = {p: [(name, axis) for name, carried in CARRIED.items() for axis, q in enumerate(carried) if q == p] for p in range(hidden)}
    order = {p: jnp.arange(widths[p + 1]) for p in range(hidden)}
    for sweep in range(SWEEPS):
        moved = False
        for p in layer_order(key, sweep):
            n = widths[p + 1]
            gain = jnp.zeros((n, n))
            for name, axis in touching[p]:
                left = jnp.moveaxis(ref[name], axis, 0).reshape((n, -1))
                right = jnp.moveaxis(permuted(net, name, order, but=axis), axis, 0).reshape((n, -1))
                gain += left @ right.T
            columns = linear_sum_assignment(gain, maximize=True)[1]
            before = jnp.vdot(gain, jnp.eye(n)[order[p]])
            after = jnp.vdot(gain, jnp.eye(n)[columns, :])
            moved = moved or bool(after > before + 1e-12)
            order[p] = jnp.array(columns)
        if not moved:
            break
    return order, sweep + 1


def tight(ref, net, key):
    order = [jnp.arange(widths[l + 1]) for l in range(hidden)]
    for sweep in range(SWEEPS):
        moved = False
        for l in layer_order(key, sweep):
            w, b, v = net[f"{l}.weight"], net[f"{l}.bias"], net[f"{l + 1}.weight"]
            into = w if l == 0 else jnp.take(w, order[l - 1], axis=1)
            out = v if l == hidden - 1 else jnp.take(v, order[l + 1], axis=0)
            gain = ref[f"{l}.weight"] @ into.T + jnp.outer(ref[f"{l}.bias"], b) + ref[f"{l + 1}.weight"].T @ out
            columns = linear_sum_assignment(gain, maximize=True)[1]
            rows = jnp.arange(len(columns))
            moved |= bool(gain[rows, columns].sum() > gain[rows, order[l]].sum() + 1e-12)
            order[l] = jnp.array(columns)
        if not moved:
            break
    return order, sweep + 1


def inner(ref, net, order):
    return sum(float(np.vdot(np.float64(ref[name]), np.float64(permuted(net, name, order)))) for name in CARRIED)


match = {"published": published, "tight": tight}[sys.argv[1]]
runs = []
for run in range(int(sys.argv[4])):
    start, used = time.perf_counter(), time.process_time()
    order, sweeps = match(a, b, jax.random.PRNGKey(run))
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    runs.append({"seconds": seconds, "processor": processor, "sweeps": sweeps, "value": inner(a, b, order)})
print(json.dumps(runs))
if len(sys.argv) > 5:
    save_file({name: np.ascontiguousarray(permuted(b, name, order)) for name in b}, sys.argv[5])
