"""Customer lifetime value as served, against the Python package lifetimes fitted to the same customers.

    clv_lifetimes.py URL [LAKE]

Needs tests/requirements-lifetimes.txt. Reads `analytics.cltv_table` and `analytics.cltv_model`, fits BG/NBD and Gamma-Gamma to
the customers' histories with lifetimes, and raises if our likelihood is worse, or if a figure of a customer is off by more
than 1 % where lifetimes converges. Prints what it measured as one JSON object.
"""
import contextlib
import io
import json
import sys
import warnings

import numpy as np
import psycopg
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.utils import ConvergenceError

# Of a figure per customer, where lifetimes converges.
RELATIVE_MAX = 0.01
# Of a log-likelihood, for the end of the search.
SLACK = 1e-8

CUSTOMERS = """
    SELECT frequency, recency_days, age_days, monetary_value, p_alive, expected_purchases_90d, expected_order_value
    FROM analytics.cltv_table ORDER BY customer_id"""
MODEL = "SELECT parameter, estimate::double precision FROM analytics.cltv_model"


def fit(fitter, *columns):
    """The fitted model, or None if lifetimes does not converge: it prints the optimizer's state and raises."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return fitter.fit(*columns)
        except ConvergenceError:
            return None


def log_likelihood(fitter, parameters, *columns):
    """By lifetimes' own formula, in its own unit of time."""
    weights = np.ones(len(columns[0]))
    mean = -fitter._negative_log_likelihood(np.log(parameters), *columns, weights, 0.0)
    return float(mean * len(columns[0]))


def relative(ours, theirs):
    return float(np.max(np.abs(ours / theirs - 1)))


def purchases(parameters, frequency, recency, age, p_alive, expected, measured):
    scale = 1 / age.max()
    ours = log_likelihood(BetaGeoFitter, parameters * [1, scale, 1, 1], frequency, recency * scale, age * scale)
    measured["bg_nbd"] = {"log_likelihood": ours, "converges": False}
    theirs = fit(BetaGeoFitter(), frequency, recency, age)
    if theirs is None:
        return
    best = -theirs._negative_log_likelihood_ * len(frequency)
    measured["bg_nbd"] |= {
        "converges": True,
        "log_likelihood_lifetimes": float(best),
        "expected_purchases_off": relative(expected, theirs.predict(90, frequency, recency, age)),
        "p_alive_off": relative(p_alive, theirs.conditional_probability_alive(frequency, recency, age)),
    }
    assert ours >= best - SLACK * abs(best), measured
    assert measured["bg_nbd"]["expected_purchases_off"] <= RELATIVE_MAX, measured
    assert measured["bg_nbd"]["p_alive_off"] <= RELATIVE_MAX, measured


def values(parameters, frequency, value, expected, measured):
    used = (frequency > 0) & (value > 0)
    frequency, value, expected = frequency[used], value[used], expected[used]
    ours = log_likelihood(GammaGammaFitter, parameters, frequency, value)
    measured["gamma_gamma"] = {"log_likelihood": ours, "converges": False}
    theirs = fit(GammaGammaFitter(), frequency, value)
    if theirs is None:
        return
    best = -theirs._negative_log_likelihood_ * len(frequency)
    measured["gamma_gamma"] |= {
        "converges": True,
        "log_likelihood_lifetimes": float(best),
        "expected_order_value_off": relative(expected, theirs.conditional_expected_average_profit(frequency, value)),
    }
    assert ours >= best - SLACK * abs(best), measured
    assert measured["gamma_gamma"]["expected_order_value_off"] <= RELATIVE_MAX, measured


def main():
    warnings.filterwarnings("ignore")
    with psycopg.connect(sys.argv[1]) as connection:
        rows = connection.execute(CUSTOMERS).fetchall()
        parameters = dict(connection.execute(MODEL).fetchall())
    columns = [np.array([float(cell or 0) for cell in column]) for column in zip(*rows)]
    frequency, recency, age, value, p_alive, expected, order_value = columns
    measured = {"customers": len(rows)}
    bg_nbd = np.array([parameters[name] for name in ("r", "alpha", "a", "b")])
    purchases(bg_nbd, frequency, recency, age, p_alive, expected, measured)
    values(np.array([parameters[name] for name in ("p", "q", "v")]), frequency, value, order_value, measured)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
