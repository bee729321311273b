"""
Makes assignment.scipy.json: least costs by scipy.optimize.linear_sum_assignment (SciPy 1.10.1) of matrices that the test makes by the same rule,
cost[i, j] = frac(sin(1 + i n + j) * 1e4), rounded to whole thousandths for the second figure so that ties occur.
"""
import json

import numpy as np
from scipy.optimize import linear_sum_assignment

figures = []
for n in (1, 2, 3, 10, 57, 200):
    cost = np.modf(np.sin(1 + np.arange(n * n)) * 1e4)[0].reshape(n, n)
    tied = np.round(cost * 10)
    figures.append({"n": n, "cost": cost[linear_sum_assignment(cost)].sum(), "tied": tied[linear_sum_assignment(tied)].sum()})
json.dump(figures, open(__file__.replace(".py", ".json"), "w"), indent=1)
