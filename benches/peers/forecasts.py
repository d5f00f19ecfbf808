#!/usr/bin/env python3
"""The back-test of `analytics.forecast_backtest` beside statsforecast on the same folds. Needs benches/requirements.txt.

    forecasts.py URL [--horizon 90] [--folds 5]

Reads daily net revenue from `gold.daily_sales`, forecasts it with statsforecast from the same origins, and compares with what
was really sold: mean absolute error of each method, and ours as a share of theirs. Days without sales are 0 to statsforecast,
which knows no closed days; none of its forecasts is left below 0. Both are compared on days with sales only. That the seasonal-naive
errors are the same shows that the folds are. Prints one JSON object.
"""
import argparse
import json
import warnings

import numpy as np
import psycopg
from statsforecast.models import MSTL, AutoETS, AutoTheta, SeasonalNaive

WEEK = 7
PEERS = {
    "seasonal_naive": lambda: SeasonalNaive(WEEK),
    "theta": lambda: AutoTheta(season_length=WEEK),
    "ets": lambda: AutoETS(season_length=WEEK),
    "mstl": lambda: MSTL(season_length=[WEEK]),
}


def origins(length, horizon, folds):
    """As src/functions/series/backtest.rs lays them: a third of the horizon apart, the last one a horizon before the end."""
    ahead = min(horizon, length // 3)
    shortest = max(4 * WEEK, ahead)
    begins = (length - ahead - fold * max(1, ahead // 3) for fold in range(folds))
    return ahead, [begin for begin in begins if begin >= shortest]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url")
    arguments.add_argument("--horizon", type=int, default=90)
    arguments.add_argument("--folds", type=int, default=5)
    asked = arguments.parse_args()
    warnings.filterwarnings("ignore")
    with psycopg.connect(asked.url) as connection:
        days = connection.execute("SELECT invoice_day, net_revenue FROM gold.daily_sales ORDER BY 1").fetchall()
        ours = dict(connection.execute("""
            SELECT method, mae
            FROM forecast_backtest(gold.daily_sales, time => 'invoice_day', value => 'net_revenue', non_negative => true,
                                   horizon => %d, folds => %d)""" % (asked.horizon, asked.folds)).fetchall())
    sales = np.full((days[-1][0] - days[0][0]).days + 1, np.nan)
    for day, revenue in days:
        sales[(day - days[0][0]).days] = float(revenue)
    ahead, begins = origins(len(sales), asked.horizon, asked.folds)
    filled = np.nan_to_num(sales)
    theirs = {}
    for name, model in PEERS.items():
        errors = []
        for begin in begins:
            forecast = np.maximum(model().forecast(y=filled[:begin], h=ahead)["mean"], 0)
            actual = sales[begin:begin + ahead]
            errors.append(np.abs(forecast - actual)[~np.isnan(actual)])
        theirs[name] = float(np.mean(np.concatenate(errors)))
    ratios = {name: {"ours": ours[name], "statsforecast": mae, "ratio": ours[name] / mae} for name, mae in theirs.items()}
    best = {"ours": min(ours.values()), "statsforecast": min(theirs.values())}
    best["ratio"] = best["ours"] / best["statsforecast"]
    print(json.dumps({"horizon": ahead, "folds": len(begins), "mae": ratios, "best": best}, indent=2))


if __name__ == "__main__":
    main()
