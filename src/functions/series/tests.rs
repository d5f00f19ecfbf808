//! Series whose future is known because they were made from a rule, and every kind of bad input.

use super::*;
use crate::functions::FunctionError;

/// 2024-01-01, a Monday.
const MONDAY: i64 = 19_723;

fn never() -> bool {
    false
}

fn series(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
    values.into_iter().zip(MONDAY..).map(|(value, period)| Point { period, value: Some(value) }).collect()
}

/// Numbers from 0 to 1, always the same.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    }
}

/// A shop that is closed on Saturdays and from 24 December to 1 January, grows by a tenth in 100 days, with some noise.
fn shop(days: i64, leave_out_closed: bool) -> Vec<Point> {
    let mut noise = noise(3);
    let week = [1.0, 1.1, 1.2, 1.3, 1.0, 0.0, 0.6];
    let point = |day: i64| {
        let period = MONDAY + day;
        let holiday = matches!(day.rem_euclid(366), 358..=366 | 0);
        let level = (1_000.0 + day as f64) * week[usize::try_from(day % 7).unwrap()] * (0.9 + 0.2 * noise());
        Point { period, value: Some(if holiday { 0.0 } else { level.round() }) }
    };
    (0..days).map(point).filter(|point| !leave_out_closed || point.value != Some(0.0)).collect()
}

fn forecast_of(points: &[Point], options: &ForecastOptions) -> Forecast {
    forecast(points, options, &never).unwrap()
}

fn options(horizon: usize) -> ForecastOptions {
    ForecastOptions { horizon, ..ForecastOptions::default() }
}

#[test]
fn closed_days_are_learnt_from_zeros_and_from_gaps() {
    // history to the end of November; the year before had its holidays
    for leave_out_closed in [false, true] {
        let points = shop(366 + 334, leave_out_closed);
        let found = forecast_of(&points, &options(60));
        assert_eq!(found.reason, None);
        for point in &found.points {
            let day = point.period - MONDAY;
            let closed = day % 7 == 5 || matches!(day, 723..=731);
            assert_eq!(point.value == 0.0, closed, "day {day}: {}", point.value);
            let all_zero = point.intervals.iter().all(|interval| *interval == (0.0, 0.0));
            assert_eq!(all_zero, closed, "day {day}: {:?}", point.intervals);
        }
    }
}

#[test]
fn the_chosen_method_beats_seasonal_naive_and_foresees_growth() {
    let points = shop(500, true);
    let found = forecast_of(&points, &options(60));
    let score = |method: Method| found.backtest.iter().find(|score| score.method == method).unwrap();
    let chosen = score(found.method);
    assert!(chosen.chosen && found.backtest.iter().filter(|score| score.chosen).count() == 1);
    assert!(found.backtest.iter().all(|score| chosen.mae <= score.mae && score.folds == 5 && score.error.is_none()));
    assert!(chosen.mae < 0.8 * score(Method::SeasonalNaive).mae);
    let truth =
        |day: i64| (1_000.0 + day as f64) * [1.0, 1.1, 1.2, 1.3, 1.0, 0.0, 0.6][usize::try_from(day % 7).unwrap()];
    for point in &found.points {
        let expected = truth(point.period - MONDAY);
        assert!(
            (point.value - expected).abs() <= 0.1 * expected,
            "{}: {} is not {expected}",
            point.period,
            point.value
        );
    }
}

#[test]
fn intervals_hold_what_they_say_and_nest() {
    let mut noise = noise(11);
    let all: Vec<f64> = (0..600).map(|day| 100.0 + f64::from(day % 7) * 5.0 + 40.0 * noise()).collect();
    let found =
        forecast_of(&series(all[..500].to_vec()), &ForecastOptions { levels: vec![50.0, 80.0, 95.0], ..options(100) });
    let mut inside = [0; 3];
    for (point, actual) in found.points.iter().zip(&all[500..]) {
        let mut outer = (point.value, point.value);
        for ((lower, upper), inside) in point.intervals.iter().zip(&mut inside) {
            assert!(*lower <= outer.0 && *upper >= outer.1);
            outer = (*lower, *upper);
            *inside += u32::from((*lower..=*upper).contains(actual));
        }
    }
    assert!((35..=65).contains(&inside[0]) && (70..=92).contains(&inside[1]) && inside[2] >= 88, "{inside:?}");
    let coverage = &found.backtest.iter().find(|score| score.chosen).unwrap().coverage;
    for (found, level) in coverage.iter().zip([0.5, 0.8, 0.95]) {
        assert!((found.unwrap() - level).abs() < 0.12, "{coverage:?}");
    }
}

#[test]
fn a_method_can_be_asked_for() {
    let points = shop(400, true);
    for method in Method::ALL {
        assert_eq!(Method::parse(method.name()), Some(method));
        let found = forecast_of(&points, &ForecastOptions { method: Some(method), ..options(30) });
        assert_eq!((found.method, found.reason), (method, None));
        assert!(found.backtest.iter().any(|score| score.method == Method::SeasonalNaive));
    }
    // no season, no MSTL
    let wanted = ForecastOptions { method: Some(Method::Mstl), season: Some(1), step: Step::Other, ..options(10) };
    let found = forecast_of(&points, &wanted);
    assert_ne!(found.method, Method::Mstl);
    assert_eq!(found.reason.as_deref(), Some("the history is too short for mstl"));
}

#[test]
fn nothing_is_negative_unless_the_history_is() {
    let falling = series((0..200).map(|day| 200.0 - f64::from(day) + f64::from(day % 7)));
    let found = forecast_of(&falling, &options(90));
    assert!(
        found.points.iter().all(|point| point.value >= 0.0 && point.intervals.iter().all(|(lower, _)| *lower >= 0.0))
    );
    let below = series((0..200).map(|day| f64::from(day % 7) - f64::from(day)));
    let found = forecast_of(&below, &options(30));
    assert!(found.points.iter().all(|point| point.value < 0.0));
    let held = forecast_of(&below, &ForecastOptions { non_negative: Some(true), ..options(30) });
    assert!(held.points.iter().all(|point| point.value == 0.0));
}

#[test]
fn a_series_that_is_mostly_zeros_has_no_closed_days() {
    let points = series((0..300).map(|day| if day % 10 == 0 { 5.0 } else { 0.0 }));
    let found = forecast_of(&points, &ForecastOptions { method: Some(Method::Ets), ..options(30) });
    assert!(found.points.iter().all(|point| point.value > 0.0));
}

#[test]
fn the_same_points_in_any_order_give_the_same_bits() {
    let points = shop(420, true);
    let mut turned = points.clone();
    turned.reverse();
    turned.push(Point { period: MONDAY + 5, value: None });
    assert_eq!(forecast_of(&points, &options(45)), forecast_of(&turned, &options(45)));
}

#[test]
fn poor_histories_have_a_documented_answer() {
    let check = |values: &[f64], value: f64, reason: &str| {
        let found = forecast_of(&series(values.iter().copied()), &options(3));
        assert_eq!(found.method, Method::SeasonalNaive);
        assert_eq!(found.reason.as_deref(), Some(reason));
        assert_eq!((found.points.len(), found.points[0].value, found.backtest.len()), (3, value, 0));
        assert_eq!(found.points[0].period, found.trained_through + 1);
    };
    check(&[7.0], 7.0, "there is a single value");
    check(&[0.0; 40], 0.0, "all values are zero");
    check(&[4.0; 40], 4.0, "all values are the same");
    check(&[1.0, 2.0, 4.0], 4.0, "3 periods of history are too few for a back-test");
    let few: Vec<f64> = (0..12).map(f64::from).collect();
    check(&few, 5.0, "12 periods of history are too few for a back-test");
    // enough to test, but not as far ahead as asked
    let found = forecast_of(&series((0..90).map(|day| f64::from(day * day % 11))), &options(60));
    assert_eq!(found.reason.as_deref(), Some("the history is long enough to test 30 periods ahead, not 60"));
    assert_eq!(found.points.len(), 60);
}

#[test]
fn bad_input_is_named() {
    let message =
        |points: &[Point], options: &ForecastOptions| forecast(points, options, &never).unwrap_err().to_string();
    let good = series((0..50).map(f64::from));
    let mut infinite = good.clone();
    infinite[3].value = Some(f64::INFINITY);
    assert_eq!(message(&infinite, &options(5)), "value number 4 is not finite");
    let mut twice = good.clone();
    twice[7].period = twice[8].period;
    assert_eq!(message(&twice, &options(5)), "there are two values for the same time: aggregate them first");
    let nulls: Vec<Point> = good.iter().map(|point| Point { value: None, ..*point }).collect();
    assert_eq!(message(&nulls, &options(5)), "0 values given, at least 1 are needed");
    let far = [Point { period: 0, value: Some(1.0) }, Point { period: 1 << 40, value: Some(2.0) }];
    assert!(message(&far, &options(5)).starts_with("the series spans"));
    let never_was = [Point { period: i64::MAX, value: Some(1.0) }];
    assert_eq!(message(&never_was, &options(5)), "time number 1 is out of range");
    for (options, sentence) in [
        (options(0), "horizon must be from 1 to 3660"),
        (ForecastOptions { levels: vec![100.0], ..options(5) }, "level must be above 0 and below 100 per cent"),
        (ForecastOptions { levels: vec![f64::NAN], ..options(5) }, "level must be above 0 and below 100 per cent"),
        (ForecastOptions { season: Some(0), ..options(5) }, "season must be from 1 to 10000"),
        (ForecastOptions { folds: 1, ..options(5) }, "folds must be from 2 to 20"),
    ] {
        assert_eq!(message(&good, &options), sentence);
    }
    assert_eq!(forecast(&good, &options(5), &|| true).unwrap_err(), FunctionError::Cancelled);
}

/// Whatever the history, every figure is finite and the periods follow on.
#[test]
fn any_history_gives_finite_figures() {
    let mut noise = noise(23);
    for round in 0..150_u32 {
        let length = 1 + (noise() * 130.0) as i64;
        let size = 10.0_f64.powf(noise() * 24.0 - 12.0);
        let dense = noise();
        let points: Vec<Point> = (0..length)
            .filter_map(|day| {
                let value = (noise() - 0.3 * f64::from(round % 2)) * size;
                let value = if noise() < 0.2 { 0.0 } else { value };
                (noise() < dense || day == 0).then_some(Point { period: day, value: Some(value) })
            })
            .collect();
        let season = [None, Some(1), Some(4), Some(30)][round as usize % 4];
        let step = if round % 3 == 0 { Step::Other } else { Step::Day };
        let found = forecast_of(&points, &ForecastOptions { season, step, ..options(1 + round as usize % 50) });
        for (point, period) in found.points.iter().zip(found.trained_through + 1..) {
            let figures = point.intervals.iter().flat_map(|(lower, upper)| [*lower, *upper]).chain([point.value]);
            assert!(figures.into_iter().all(f64::is_finite), "{points:?}");
            assert_eq!(point.period, period);
        }
        let options = AnomalyOptions { season, step, ..AnomalyOptions::default() };
        let scored = anomalies(&points, &options, &never).unwrap();
        assert_eq!(scored.points.len(), points.len());
        assert!(scored.points.iter().all(|point| point.expected.is_finite() && !point.lower.is_nan()));
    }
}

#[test]
fn robust_scores_are_those_of_the_book() {
    // median 3, distances 2 1 0 1 97: their median 1, so 1.4826 to a deviation
    let points = series([1.0, 2.0, 3.0, 4.0, 100.0]);
    let options = AnomalyOptions { method: AnomalyMethod::RobustZ, ..AnomalyOptions::default() };
    let found = anomalies(&points, &options, &never).unwrap();
    let scores: Vec<f64> = found.points.iter().map(|point| (point.score.unwrap() * 1e4).round() / 1e4).collect();
    assert_eq!(scores, [-1.3490, -0.6745, 0.0, 0.6745, 65.4255]);
    let flags: Vec<bool> = found.points.iter().map(|point| point.is_anomaly).collect();
    assert_eq!(flags, [false, false, false, false, true]);
    assert!((found.points[0].upper - (3.0 + 3.5 * 1.482_602_218_505_602)).abs() < 1e-12);
    assert_eq!(found.reason, None);
}

#[test]
fn a_day_is_compared_with_its_weekday_and_its_time() {
    let mut points = shop(300, true);
    // a Sunday as good as a Monday is nothing among all days, but much for a Sunday
    let sunday = points.iter().position(|point| point.period == MONDAY + 167).unwrap();
    points[sunday].value = Some(1_250.0);
    let flagged = |options: &AnomalyOptions| -> Vec<i64> {
        let found = anomalies(&points, options, &never).unwrap();
        assert_eq!(found.reason, None);
        found.points.iter().filter(|point| point.is_anomaly).map(|point| point.period).collect()
    };
    assert_eq!(flagged(&AnomalyOptions::default()), [MONDAY + 167]);
    let flat = AnomalyOptions { method: AnomalyMethod::RobustZ, ..AnomalyOptions::default() };
    assert!(!flagged(&flat).contains(&(MONDAY + 167)));
}

#[test]
fn sales_on_a_closed_day_and_a_day_without_sales_are_anomalies() {
    let mut points = shop(300, false);
    points[103].value = Some(900.0); // a Saturday
    points[107].value = Some(0.0); // a Wednesday
    let found = anomalies(&points, &AnomalyOptions::default(), &never).unwrap();
    let flagged: Vec<usize> = (0..300).filter(|at| found.points[*at].is_anomaly).collect();
    // the first day is a holiday that this history has once only
    assert_eq!(flagged, [0, 103, 107]);
    assert_eq!(found.points[110].expected, 0.0);
}

#[test]
fn too_little_to_judge_is_said() {
    let reason = |values: &[f64]| {
        let found = anomalies(&series(values.iter().copied()), &AnomalyOptions::default(), &never).unwrap();
        assert!(found.points.iter().all(|point| !point.is_anomaly) || values.len() > 5);
        found.reason.unwrap()
    };
    assert_eq!(reason(&[1.0, 50.0]), "fewer than 5 values: nothing is called an anomaly");
    assert_eq!(reason(&[5.0; 60]), "the values do not vary: nothing is called an anomaly");
    assert_eq!(
        reason(&[1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 90.0]),
        "fewer than 3 seasons of 7: compared with the median of all"
    );
}

#[test]
fn three_years_show_the_year() {
    let mut noise = noise(5);
    let mut value = |day: i64| {
        let year = (day as f64 * std::f64::consts::TAU / 365.25).sin();
        500.0 + 200.0 * year + 20.0 * (day % 7) as f64 + 40.0 * noise()
    };
    let all: Vec<f64> = (0..1_215).map(&mut value).collect();
    let found = forecast_of(&series(all[..1_125].to_vec()), &options(90));
    assert_eq!(found.method, Method::Mstl);
    let errors = found.points.iter().zip(&all[1_125..]).map(|(point, actual)| (point.value - actual).abs());
    let mae = errors.sum::<f64>() / 90.0;
    assert!(mae < 25.0, "{mae}");
}
