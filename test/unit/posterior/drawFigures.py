"""Writes drawFigures.json: discrepancies, silhouettes, principal components and beta quantiles of small sets of draws.

    python3 -m venv venv && venv/bin/pip install numpy==1.24.2 scipy==1.10.1 scikit-learn==1.2.1
    venv/bin/python drawFigures.py

The discrepancy is written out from equation 4 of Gretton et al. (2012); its p-value is exact, over all splits.
"""
import itertools
import json
import pathlib

import numpy
import scipy
import sklearn
from scipy.spatial.distance import pdist, squareform
from scipy.stats import beta
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score


def draws(count, width, shift):
    """The same numbers as the test: sin(1.7 i + 0.9 j² + 0.3 i j), and `shift` added to the second half."""
    i, j = numpy.arange(count)[:, None], numpy.arange(width)[None, :]
    return numpy.sin(1.7 * i + 0.9 * j * j + 0.3 * i * j) + shift * (i >= count // 2)


def mmd2(kernel, first, second):
    n = len(first)
    xx, yy, xy = kernel[numpy.ix_(first, first)], kernel[numpy.ix_(second, second)], kernel[numpy.ix_(first, second)]
    return ((xx.sum() - numpy.trace(xx)) + (yy.sum() - numpy.trace(yy))) / (n * (n - 1)) - 2 * xy.mean()


def discrepancy(count, width, shift):
    x = draws(count, width, shift)
    n = count // 2
    bandwidth = numpy.median(pdist(x))
    kernel = numpy.exp(-squareform(pdist(x)) ** 2 / (2 * bandwidth**2))
    everyone = set(range(count))
    observed = mmd2(kernel, list(range(n)), list(range(n, count)))
    splits = [mmd2(kernel, list(a), sorted(everyone - set(a))) for a in itertools.combinations(range(count), n)] if count <= 12 else []
    return {
        "count": count, "width": width, "shift": shift, "bandwidth": bandwidth, "mmd2": observed,
        "exactP": float(numpy.mean(numpy.array(splits) >= observed - 1e-12)) if splits else None,
        "exactDeviation": float(numpy.std(splits)) if splits else None,
    }


def silhouette(count, width, shift, groups):
    x = draws(count, width, shift)
    labels = [min(groups - 1, i * groups // count) for i in range(count)]
    return {"count": count, "width": width, "shift": shift, "groups": groups, "silhouette": silhouette_score(x, labels)}


def components(count, width, shift):
    fitted = PCA(n_components=2, svd_solver="full").fit(draws(count, width, shift))
    axes = fitted.components_ * numpy.sign(fitted.components_[numpy.arange(2), numpy.abs(fitted.components_).argmax(1)])[:, None]
    x = draws(count, width, shift)
    scores = (x - x.mean(0)) @ axes.T
    return {"count": count, "width": width, "shift": shift, "explained": fitted.explained_variance_ratio_.tolist(), "first": scores[:, 0].tolist(), "second": scores[:, 1].tolist()}


quantiles = [(0.1586553, 1, 1), (0.8413447, 3.6, 50.4), (0.1586553, 501, 9501), (0.5, 20.5, 20.5), (0.8413447, 1.05, 1.95), (0.1586553, 95001, 5001), (0.999, 2.5, 1000.25)]
figures = {
    "versions": {"numpy": numpy.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
    "discrepancies": [discrepancy(8, 3, 0.0), discrepancy(10, 2, 1.5), discrepancy(12, 5, 0.4), discrepancy(60, 4, 0.5)],
    "silhouettes": [silhouette(20, 3, 4.0, 2), silhouette(21, 2, 0.5, 3), silhouette(9, 2, 2.0, 8)],
    "components": [components(30, 4, 1.0), components(12, 40, 0.7)],
    "betaQuantiles": [{"p": p, "a": a, "b": b, "x": float(beta.ppf(p, a, b))} for p, a, b in quantiles],
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
