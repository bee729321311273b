"""Statistics of the one float32 tensor of a safetensors file, as a NumPy user computes them, on one core: python weightFiles.py FILE
Prints the seconds that reading took, and the median of three computations.
"""
import json
import sys
import time

import numpy as np


def statistics(x):
    finite = np.isfinite(x)
    nan = int(np.isnan(x).sum())
    infinite = int(np.isinf(x).sum())
    zeros = int((x == 0).sum())
    kept = x if finite.all() else x[finite]
    low, high = kept.min(), kept.max()
    mean = kept.mean(dtype=np.float64)
    std = kept.std(dtype=np.float64)
    norm = np.sqrt(np.square(kept, dtype=np.float64).sum())
    quantiles = np.quantile(kept, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    histogram = np.histogram(kept, 64, (low, high))[0]
    return [x.size, nan, infinite, zeros, low, high, mean, std, norm, quantiles, histogram]


start = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    array = np.fromfile(file, dtype=np.float32)
loading = time.perf_counter() - start
times = []
for _ in range(3):
    start = time.perf_counter()
    statistics(array)
    times.append(time.perf_counter() - start)
print(loading, sorted(times)[1])
