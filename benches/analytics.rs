//! The analytics functions by themselves: a million customers fitted and predicted, a series of two years forecast (ten thousand
//! of them take ten thousand times as long on one core), a million lines searched for association rules.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakewire::functions::clv::{Customer, Spend, discounted_purchases, fit_bg_nbd, fit_gamma_gamma};
use lakewire::functions::rules::{Baskets, RuleOptions, basket_rules};
use lakewire::functions::series::{AnomalyOptions, ForecastOptions, Point, anomalies, forecast};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

const CUSTOMERS: usize = 1_000_000;
const DAYS: i64 = 730;
const LINES: usize = 1_000_000;

fn never() -> bool {
    false
}

/// Customers who buy at random and leave at random, seen for up to 700 days.
fn customers() -> Vec<(Customer, Spend)> {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut customer = || {
        let age = random.random_range(1..=700_u32);
        let days_between = 20.0 - 80.0 * random.random::<f64>().ln();
        let leaves = random.random_range(0.0..0.3);
        let (mut day, mut recency, mut frequency) = (0.0, 0.0, 0);
        while day <= f64::from(age) {
            day += -days_between * random.random::<f64>().ln();
            if day.ceil() <= f64::from(age) && day.ceil() > recency {
                recency = day.ceil();
                frequency += 1;
            }
            if random.random_bool(leaves) {
                break;
            }
        }
        let spend = Spend { frequency, mean_value: random.random_range(10.0..500.0) };
        (Customer { frequency, recency, age: f64::from(age) }, spend)
    };
    (0..CUSTOMERS).map(|_| customer()).collect()
}

fn lifetime_value(criterion: &mut Criterion) {
    let (customers, spends): (Vec<Customer>, Vec<Spend>) = customers().into_iter().unzip();
    let fit = fit_bg_nbd(&customers, 0.0, &never).expect("a fit");
    let mut group = criterion.benchmark_group("lifetime_value");
    group.sample_size(10).throughput(Throughput::Elements(CUSTOMERS as u64));
    group.bench_function("fit_purchases", |bencher| bencher.iter(|| fit_bg_nbd(black_box(&customers), 0.0, &never)));
    group.bench_function("fit_values", |bencher| bencher.iter(|| fit_gamma_gamma(black_box(&spends), &never)));
    group.bench_function("expected_purchases", |bencher| {
        bencher.iter(|| customers.iter().filter_map(|c| fit.model.expected_purchases(c, 90.0).ok()).sum::<f64>());
    });
    group.bench_function("discounted_year", |bencher| {
        bencher.iter(|| {
            customers.iter().filter_map(|c| discounted_purchases(&fit.model, c, 365.0, 0.1).ok()).sum::<f64>()
        });
    });
}

/// Daily sales with a week, a trend and noise.
fn series() -> Vec<Point> {
    let mut random = Pcg64Mcg::seed_from_u64(2);
    let week = [1.0, 1.1, 0.9, 1.2, 1.4, 0.7, 0.5];
    let mut value = |day: i64| (300.0 + 0.1 * day as f64) * week[day as usize % 7] * random.random_range(0.7..1.3);
    (0..DAYS).map(|day| Point { period: 18_000 + day, value: Some(value(day)) }).collect()
}

fn time_series(criterion: &mut Criterion) {
    let points = series();
    let mut group = criterion.benchmark_group("series_of_730_days");
    group.throughput(Throughput::Elements(1));
    let options = ForecastOptions::default();
    group.bench_function("forecast", |bencher| bencher.iter(|| forecast(black_box(&points), &options, &never)));
    let options = AnomalyOptions::default();
    group.bench_function("anomalies", |bencher| bencher.iter(|| anomalies(black_box(&points), &options, &never)));
}

/// Baskets of 20 lines, a few items much more popular than the rest.
fn association_rules(criterion: &mut Criterion) {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let mut line = |at: usize| ((at / 20) as u32, (3_000.0 * random.random::<f64>().powi(2)) as u32);
    let lines: Vec<(u32, u32)> = (0..LINES).map(&mut line).collect();
    let mut group = criterion.benchmark_group("association_rules");
    group.sample_size(10).throughput(Throughput::Elements(LINES as u64));
    let options = RuleOptions { min_support: 0.001, ..RuleOptions::default() };
    group.bench_function("pairs", |bencher| {
        bencher.iter(|| basket_rules(&Baskets::from_lines(lines.clone()), &options, &never));
    });
}

criterion_group!(benches, lifetime_value, time_series, association_rules);
criterion_main!(benches);
