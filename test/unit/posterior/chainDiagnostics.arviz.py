"""Writes chainDiagnostics.arviz.json: small chains and the figures that ArviZ gives for them.

    python -m venv venv && venv/bin/pip install arviz==0.23.4 numpy==1.26.4 scipy==1.17.1
    venv/bin/python chainDiagnostics.arviz.py
"""
import json
import pathlib

import arviz
import numpy
import scipy

random = numpy.random.default_rng(20210602)


def autoregressive(chains, draws, rho):
    noise = random.standard_normal((chains, draws))
    x = numpy.empty_like(noise)
    x[:, 0] = noise[:, 0]
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + numpy.sqrt(1 - rho**2) * noise[:, t]
    return x


independent = random.standard_normal((4, 60))
with_nan = random.standard_normal((2, 10))
with_nan[1, 3] = numpy.nan
with_infinity = random.standard_normal((2, 20))
with_infinity[0, 5] = numpy.inf

cases = {
    "independent": independent,
    "an odd number of draws": random.standard_normal((3, 51)),
    "slow mixing": autoregressive(4, 100, 0.95),
    "antithetic": autoregressive(4, 100, -0.8),
    "one chain elsewhere": independent + numpy.array([[0], [0], [0], [3]]),
    "one chain wider": independent * numpy.array([[1], [1], [1], [6]]),
    "a trend": independent + numpy.linspace(0, 3, 60),
    "heavy tails": random.standard_cauchy((4, 50)),
    "many ties": random.integers(0, 4, (4, 40)).astype(float),
    "tied at the 95 % quantile": numpy.minimum(random.standard_normal((2, 50)), 0.1 + 0.2),
    "one chain": autoregressive(1, 120, 0.5),
    "four draws": random.standard_normal((2, 4)),
    "five draws": random.standard_normal((2, 5)),
    "seven draws": random.standard_normal((3, 7)),
    "three draws": random.standard_normal((2, 3)),
    "constant": numpy.full((2, 12), 3.5),
    "different constants": numpy.repeat([[1.0], [2.0]], 12, axis=1),
    "almost constant": 1 + 1e-16 * random.standard_normal((2, 12)),
    "a huge offset": 1e8 + random.standard_normal((2, 40)),
    "a NaN": with_nan,
    "an infinity": with_infinity,
}


def encode(number):
    return float(number) if numpy.isfinite(number) else str(float(number))


def figures(x):
    return {
        "rhat": encode(arviz.rhat(x)),
        "essBulk": encode(arviz.ess(x, method="bulk")),
        "essTail": encode(arviz.ess(x, method="tail")),
        "mcseMean": encode(arviz.mcse(x, method="mean")),
        "mcseSd": encode(arviz.mcse(x, method="sd")),
        "mcse05": encode(arviz.mcse(x, method="quantile", prob=0.05)),
        "mcseMedian": encode(arviz.mcse(x, method="median")),
        "mcse95": encode(arviz.mcse(x, method="quantile", prob=0.95)),
    }


with numpy.errstate(all="ignore"):
    rows = [
        {"case": case, "chains": len(x), "values": [encode(v) for v in x.ravel()], "figures": figures(x)}
        for case, x in cases.items()
    ]
text = ",\n".join(json.dumps(row) for row in rows)
versions = json.dumps({"arviz": arviz.__version__, "numpy": numpy.__version__, "scipy": scipy.__version__})
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(f'{{"versions": {versions}, "cases": [\n{text}\n]}}\n')
