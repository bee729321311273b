"""Times NumPy on request: reads lines "OPERATION ORDER", answers each with seconds. Needs numpy (Debian: python3-numpy).

The number of threads is OpenBLAS's, from OPENBLAS_NUM_THREADS.
"""
import sys
import time

import numpy as np

operations = {
    "multiply": lambda a, b: a @ b,
    "gram": lambda a, b: a @ a.T,
    "eigenvalues": lambda a, b: np.linalg.eigvalsh(a),
    "eigenvectors": lambda a, b: np.linalg.eigh(a),
    "singular values": lambda a, b: np.linalg.svd(a, compute_uv=False),
    "QR": lambda a, b: np.linalg.qr(a),
    "Cholesky": lambda a, b: np.linalg.cholesky(b),
}
matrices = {}
for line in sys.stdin:
    name, order = line.rsplit(" ", 1)
    n = int(order)
    if n not in matrices:
        random = np.random.default_rng(n)
        a = random.standard_normal((n, n))
        matrices[n] = (a + a.T, random.standard_normal((n, n)))
    a, b = matrices[n]
    if name == "Cholesky":
        b = a @ a.T / n + np.eye(n)
    start = time.perf_counter()
    operations[name](a, b)
    seconds = time.perf_counter() - start
    # OpenBLAS's threads go on spinning for a while, on the cores that the other side is about to use.
    time.sleep(0.1)
    print(seconds, flush=True)
