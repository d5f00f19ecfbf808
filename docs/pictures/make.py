"""The pictures of docs/ANALYTICS.md, from a running Lakewire that serves the real data.

    docs/pictures/make.py URL

Needs docs/pictures/requirements.txt. Writes one PNG per table or function beside itself; the same data give the same bytes.
"""
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.dates as dates
import matplotlib.pyplot as plt
import psycopg

FOLDER = Path(__file__).parent
INK, BLUE, ORANGE, GREY = "#222222", "#2b6cb0", "#c05621", "#a0aec0"
PURCHASES = "(select * from silver.online_retail_cleaned where not is_return)"

plt.rcParams |= {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "figure.figsize": (8, 3.6),
}


def save(figure, name):
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.png", dpi=120, metadata={"Software": None})
    plt.close(figure)


def columns(connection, sql):
    return [list(column) for column in zip(*connection.execute(sql).fetchall())]


def floats(column):
    return [float(value) for value in column]


def months(axis):
    axis.xaxis.set_major_locator(dates.MonthLocator(interval=2))
    axis.xaxis.set_major_formatter(dates.DateFormatter("%b %Y"))


def forecast(connection):
    day, revenue = columns(connection, "select invoice_day, net_revenue from gold.daily_sales order by 1")
    ahead = columns(
        connection,
        "select day, forecast, lower_80, upper_80, lower_95, upper_95 from analytics.forecast_table order by 1",
    )
    figure, axis = plt.subplots()
    axis.plot(day, floats(revenue), color=GREY, linewidth=0.8, label="net revenue of the day")
    axis.fill_between(ahead[0], ahead[4], ahead[5], color=BLUE, alpha=0.15, linewidth=0, label="95 % interval")
    axis.fill_between(ahead[0], ahead[2], ahead[3], color=BLUE, alpha=0.3, linewidth=0, label="80 % interval")
    axis.plot(ahead[0], ahead[1], color=BLUE, linewidth=1.2, label="forecast")
    axis.set_ylabel("£ a day")
    axis.legend(frameon=False, loc="upper left")
    months(axis)
    save(figure, "forecast")


def backtest(connection):
    method, mae, chosen = columns(connection, "select method, mae, chosen from analytics.forecast_backtest order by mae desc")
    figure, axis = plt.subplots(figsize=(8, 2.4))
    bars = axis.barh(method, floats(mae), color=[BLUE if one else GREY for one in chosen])
    axis.bar_label(bars, fmt="£{:,.0f}", padding=4)
    axis.set_xlabel("mean absolute error of a day, over all origins of the back-test")
    axis.margins(x=0.12)
    save(figure, "forecast_backtest")


def anomalies(connection):
    day, value, lower, upper, odd = columns(
        connection,
        "select invoice_day, net_revenue, lower, upper, is_anomaly "
        "from anomalies(gold.daily_sales, invoice_day, net_revenue) order by 1",
    )
    figure, axis = plt.subplots()
    axis.fill_between(day, lower, upper, color=BLUE, alpha=0.2, linewidth=0, label="expected")
    axis.plot(day, value, color=GREY, linewidth=0.8, label="net revenue of the day")
    shown = [(d, v) for d, v, is_odd in zip(day, value, odd) if is_odd]
    axis.scatter(*zip(*shown), color=ORANGE, s=16, zorder=3, label="anomaly")
    axis.set_ylabel("£ a day")
    axis.legend(frameon=False, loc="upper left")
    months(axis)
    save(figure, "anomalies")


def lifetime_value(connection):
    tenth, worth = columns(connection, "select clv_decile, sum(clv_365d) from analytics.cltv_table group by 1 order by 1")
    figure, (left, right) = plt.subplots(1, 2)
    left.bar(tenth, [value / 1e6 for value in worth], color=BLUE)
    left.set_xticks(tenth)
    left.set_xlabel("tenth of the customers, best first")
    left.set_ylabel("value of the next year, £ million")
    frequency, recency, age, purchases = columns(
        connection,
        "select frequency, recency_days, age_days, expected_purchases_90d from analytics.cltv_table "
        "where frequency between 1 and 20 order by expected_purchases_90d",
    )
    since = [a - r for a, r in zip(age, recency)]
    points = right.scatter(since, frequency, c=purchases, s=8, cmap="viridis")
    right.set_xlabel("days since the last purchase")
    right.set_ylabel("repeat purchases")
    figure.colorbar(points, ax=right, label="expected in 90 days")
    save(figure, "lifetime_value")


def holdout(connection):
    sql = f"""
        with expected as (
            select customer_id, frequency, expected_purchases
            from clv_predict({PURCHASES}, customer_id, invoice_day, line_total, as_of => '2011-09-10', horizon => 90)
        ), actual as (
            select customer_id, count(distinct invoice_day) as purchases
            from silver.online_retail_cleaned where not is_return and invoice_day > date '2011-09-10' group by 1
        )
        select least(frequency, 7) as f, avg(expected_purchases), avg(coalesce(purchases, 0))
        from expected left join actual using (customer_id) group by 1 order by 1"""
    frequency, expected, actual = columns(connection, sql)
    figure, axis = plt.subplots()
    axis.plot(frequency, floats(actual), color=GREY, marker="o", label="made")
    axis.plot(frequency, floats(expected), color=BLUE, marker="o", label="expected by the model")
    axis.set_xticks(frequency, [str(f) if f < 7 else "7 and more" for f in frequency])
    axis.set_xlabel("repeat purchases before the hold-out")
    axis.set_ylabel("purchases in 90 days, mean")
    axis.legend(frameon=False, loc="upper left")
    save(figure, "holdout")


def cohorts(connection):
    rows = connection.execute(
        "select cohort_month, months_since, retention from analytics.cohort_retention order by 1, 2"
    ).fetchall()
    names = sorted({row[0] for row in rows})
    grid = [[float("nan")] * len(names) for _ in names]
    for cohort, age, retention in rows:
        grid[names.index(cohort)][age] = retention * 100
    figure, axis = plt.subplots(figsize=(8, 4.4))
    image = axis.imshow(grid, cmap="Blues", vmin=0, vmax=60, aspect="auto")
    for y, row in enumerate(grid):
        for x, value in enumerate(row):
            if value == value:
                axis.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if value > 35 else INK)
    axis.set_yticks(range(len(names)), [name.strftime("%b %Y") for name in names])
    axis.set_xticks(range(len(names)))
    axis.set_xlabel("months since the first purchase")
    figure.colorbar(image, ax=axis, label="% of the cohort who bought")
    save(figure, "cohort_retention")


def segments(connection):
    segment, customers, share = columns(
        connection, "select segment, customers, revenue_share from gold.customer_segments order by revenue_share"
    )
    total = sum(customers)
    figure, axis = plt.subplots(figsize=(8, 4))
    places = range(len(segment))
    axis.barh([p + 0.2 for p in places], [c / total * 100 for c in customers], height=0.4, color=GREY, label="% of customers")
    axis.barh([p - 0.2 for p in places], [s * 100 for s in share], height=0.4, color=BLUE, label="% of revenue")
    axis.set_yticks(list(places), segment)
    axis.legend(frameon=False, loc="lower right")
    save(figure, "segments")


def classes(connection):
    rank, share, name = columns(connection, "select rank, cumulative_share, abc_class from gold.top_products order by rank")
    figure, axis = plt.subplots()
    axis.plot(rank, [s * 100 for s in share], color=BLUE)
    for letter in ("A", "B"):
        last = max(r for r, c in zip(rank, name) if c == letter)
        axis.axvline(last, color=GREY, linewidth=0.8)
        axis.text(last - 20, 4, letter, ha="right", color=INK)
    axis.text(max(rank), 4, "C", ha="right", color=INK)
    axis.set_xlabel("products, best first")
    axis.set_ylabel("% of revenue together")
    axis.set_ylim(0, 102)
    save(figure, "abc_class")


def affinity(connection):
    support, confidence, lift = columns(
        connection, "select support, confidence, lift from analytics.product_affinity order by lift"
    )
    figure, axis = plt.subplots()
    points = axis.scatter([s * 100 for s in support], [c * 100 for c in confidence], c=lift, s=12, cmap="viridis")
    axis.set_xlabel("support: % of invoices with both")
    axis.set_ylabel("confidence: % who add the second")
    figure.colorbar(points, ax=axis, label="lift")
    save(figure, "product_affinity")


def main():
    with psycopg.connect(sys.argv[1]) as connection:
        for draw in (forecast, backtest, anomalies, lifetime_value, holdout, cohorts, segments, classes, affinity):
            draw(connection)


if __name__ == "__main__":
    main()
