"""Median milliseconds and least cost of scipy.optimize.linear_sum_assignment. Usage: assignment.py FILE N REPEATS"""
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

n, repeats = int(sys.argv[2]), int(sys.argv[3])
cost = np.fromfile(sys.argv[1]).reshape(n, n)
times = []
for _ in range(repeats):
    start = time.perf_counter()
    rows, columns = linear_sum_assignment(cost)
    times.append(1000 * (time.perf_counter() - start))
print(float(np.median(times)), float(cost[rows, columns].sum()))
