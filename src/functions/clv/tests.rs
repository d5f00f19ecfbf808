//! Against published figures, and against the Python package `lifetimes` 0.11.3 on 90 customers that were simulated
//! once.

use super::*;
use crate::functions::FunctionError;

/// Repeat purchases, recency and age in days, mean value of the repeat purchases.
#[rustfmt::skip]
const CUSTOMERS: &[(u32, f64, f64, f64)] = &[
    (8, 165.0, 304.0, 365.0), (0, 0.0, 328.0, 0.0), (1, 42.0, 201.0, 204.0), (9, 184.0, 207.0, 209.0),
    (11, 205.0, 246.0, 269.0), (3, 37.0, 311.0, 527.0), (0, 0.0, 279.0, 0.0), (12, 215.0, 217.0, 126.0),
    (1, 275.0, 359.0, 215.0), (1, 30.0, 183.0, 495.0), (5, 247.0, 313.0, 134.0), (1, 106.0, 257.0, 252.0),
    (1, 121.0, 239.0, 332.0), (15, 185.0, 204.0, 148.0), (3, 5.0, 208.0, 336.0), (3, 33.0, 182.0, 388.0),
    (10, 307.0, 328.0, 345.0), (1, 57.0, 270.0, 373.0), (0, 0.0, 302.0, 0.0), (1, 40.0, 348.0, 102.0),
    (3, 77.0, 220.0, 349.0), (13, 303.0, 310.0, 292.0), (1, 47.0, 283.0, 85.0), (9, 229.0, 357.0, 233.0),
    (0, 0.0, 321.0, 0.0), (2, 34.0, 264.0, 269.0), (0, 0.0, 259.0, 0.0), (4, 231.0, 246.0, 99.0),
    (5, 181.0, 363.0, 343.0), (5, 73.0, 283.0, 117.0), (2, 56.0, 356.0, 519.0), (0, 0.0, 313.0, 0.0),
    (1, 61.0, 218.0, 232.0), (3, 95.0, 276.0, 441.0), (1, 12.0, 190.0, 454.0), (0, 0.0, 336.0, 0.0),
    (1, 11.0, 346.0, 440.0), (1, 38.0, 287.0, 267.0), (3, 162.0, 223.0, 410.0), (0, 0.0, 293.0, 0.0),
    (0, 0.0, 191.0, 0.0), (3, 27.0, 303.0, 412.0), (1, 75.0, 203.0, 163.0), (1, 43.0, 205.0, 246.0),
    (8, 318.0, 326.0, 275.0), (1, 17.0, 195.0, 189.0), (17, 271.0, 300.0, 141.0), (7, 208.0, 213.0, 269.0),
    (12, 116.0, 279.0, 555.0), (2, 133.0, 198.0, 157.0), (2, 20.0, 352.0, 301.0), (3, 293.0, 362.0, 287.0),
    (2, 24.0, 330.0, 195.0), (2, 46.0, 214.0, 460.0), (8, 276.0, 287.0, 244.0), (2, 47.0, 227.0, 114.0),
    (12, 270.0, 320.0, 699.0), (2, 126.0, 362.0, 215.0), (2, 86.0, 229.0, 224.0), (3, 56.0, 225.0, 120.0),
    (2, 125.0, 250.0, 200.0), (0, 0.0, 252.0, 0.0), (11, 131.0, 249.0, 304.0), (1, 5.0, 218.0, 730.0),
    (1, 21.0, 315.0, 534.0), (2, 49.0, 327.0, 560.0), (1, 106.0, 213.0, 174.0), (2, 47.0, 279.0, 249.0),
    (0, 0.0, 198.0, 0.0), (1, 30.0, 203.0, 310.0), (5, 42.0, 303.0, 255.0), (6, 195.0, 315.0, 233.0),
    (1, 28.0, 307.0, 312.0), (3, 34.0, 222.0, 397.0), (1, 164.0, 250.0, 259.0), (0, 0.0, 230.0, 0.0),
    (1, 220.0, 348.0, 348.0), (3, 130.0, 291.0, 499.0), (2, 232.0, 279.0, 539.0), (1, 26.0, 276.0, 116.0),
    (13, 189.0, 189.0, 182.0), (2, 138.0, 274.0, 110.0), (2, 11.0, 253.0, 151.0), (1, 171.0, 354.0, 132.0),
    (2, 253.0, 331.0, 292.0), (0, 0.0, 341.0, 0.0), (2, 170.0, 305.0, 460.0), (8, 91.0, 197.0, 232.0),
    (0, 0.0, 284.0, 0.0), (1, 6.0, 270.0, 746.0),
];

/// Fader, Hardie, Lee (2005), table 2: CDNOW, weeks.
const CDNOW: BgNbd = BgNbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };

fn customers() -> Vec<Customer> {
    CUSTOMERS
        .iter()
        .map(|(frequency, recency, age, _)| Customer { frequency: *frequency, recency: *recency, age: *age })
        .collect()
}

fn spends() -> Vec<Spend> {
    CUSTOMERS
        .iter()
        .map(|(frequency, .., mean_value)| Spend { frequency: *frequency, mean_value: *mean_value })
        .collect()
}

#[track_caller]
fn near(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
}

fn never() -> bool {
    false
}

#[test]
fn hardies_worked_example() {
    // B. Hardie's spreadsheet for the paper: customer 1 of CDNOW, the next 39 weeks
    let customer = Customer { frequency: 2, recency: 30.43, age: 38.86 };
    near(CDNOW.expected_purchases(&customer, 39.0).unwrap(), 1.226, 1e-4);
}

#[test]
fn new_customers_as_in_lifetimes() {
    near(CDNOW.expected_purchases_of_new(39.0).unwrap(), 1.196_723_193_320_8, 1e-12);
}

#[test]
fn fits_as_lifetimes_does() {
    let fit = fit_bg_nbd(&customers(), 0.0, &never).unwrap();
    near(fit.model.r, 0.816_946_490, 1e-5);
    near(fit.model.alpha, 26.379_104_16, 1e-5);
    near(fit.model.a, 0.949_461_650, 1e-5);
    near(fit.model.b, 2.631_058_345, 1e-5);
    assert!(fit.log_likelihood >= -1_492.297_265_968_431 - 1e-9, "{}", fit.log_likelihood);
    let errors = [0.157_979_54, 6.929_705_05, 0.435_137_87, 1.642_128_96];
    for (found, expected) in fit.standard_errors.into_iter().zip(errors) {
        near(found.unwrap(), expected, 1e-4);
    }
    assert!(fit.converged && fit.identified, "{:?}", fit.reason);
    let expected = [(0.165_267_08, 0.076_064_34), (0.195_926_63, 1.0), (0.154_234_95, 0.237_957_85)];
    for (customer, (purchases, p_alive)) in customers().iter().zip(expected) {
        near(fit.model.expected_purchases(customer, 90.0).unwrap(), purchases, 1e-5);
        near(fit.model.p_alive(customer), p_alive, 1e-5);
    }
}

#[test]
fn the_penalty_is_that_of_lifetimes() {
    let fit = fit_bg_nbd(&customers(), 0.01, &never).unwrap();
    let expected = [0.794_192_31, 25.483_098, 0.552_640_17, 1.183_689_6];
    let BgNbd { r, alpha, a, b } = fit.model;
    for (found, expected) in [r, alpha, a, b].into_iter().zip(expected) {
        near(found, expected, 1e-4);
    }
}

#[test]
fn the_value_model_fits_as_lifetimes_does() {
    let fit = fit_gamma_gamma(&spends(), &never).unwrap();
    near(fit.model.p, 7.427_306_287, 1e-4);
    near(fit.model.q, 5.305_634_679, 1e-4);
    near(fit.model.v, 177.083_151_7, 1e-4);
    assert!(fit.log_likelihood >= -482.856_429_957_907_9 - 1e-9, "{}", fit.log_likelihood);
    for (spend, expected) in spends().iter().zip([360.977_881, 305.471_992_9, 241.237_154_2]) {
        near(fit.expected_value(spend), expected, 1e-5);
    }
    // who bought once gets the population's value, and so does who got money back
    assert_eq!(fit.expected_value(&Spend { frequency: 3, mean_value: -5.0 }), fit.population_value);
    assert_eq!(fit.expected_value(&Spend { frequency: 0, mean_value: f64::NAN }), fit.population_value);
}

#[test]
fn the_fit_is_a_maximum_and_its_likelihood_that_of_the_formula() {
    let fit = fit_bg_nbd(&customers(), 0.0, &never).unwrap();
    let log_likelihood = |model: BgNbd| customers().iter().map(|c| model.log_likelihood_of(c)).sum::<f64>();
    near(log_likelihood(fit.model), fit.log_likelihood, 1e-12);
    for factor in [0.99, 1.01] {
        for at in 0..4 {
            let mut model = fit.model;
            let parameter = [&mut model.r, &mut model.alpha, &mut model.a, &mut model.b].into_iter().nth(at).unwrap();
            *parameter *= factor;
            assert!(log_likelihood(model) < fit.log_likelihood);
        }
    }
}

#[test]
fn the_order_of_customers_changes_no_bit() {
    let fit = fit_bg_nbd(&customers(), 0.0, &never).unwrap();
    let mut turned = customers();
    turned.reverse();
    turned.rotate_left(17);
    assert_eq!(fit, fit_bg_nbd(&turned, 0.0, &never).unwrap());
    let mut spent = spends();
    spent.reverse();
    assert_eq!(fit_gamma_gamma(&spends(), &never).unwrap(), fit_gamma_gamma(&spent, &never).unwrap());
}

#[test]
fn drop_out_that_nobody_can_see_is_said_to_be_so() {
    // everybody was seen on the last day: the longer they stay, the likelier
    let customers: Vec<Customer> = (1..=40)
        .map(|i| Customer { frequency: 1 + i % 5, recency: 100.0 + f64::from(i), age: 100.0 + f64::from(i) })
        .collect();
    let fit = fit_bg_nbd(&customers, 0.0, &never).unwrap();
    assert!(!fit.identified);
    assert!(fit.reason.is_some());
    assert!(customers.iter().all(|c| fit.model.p_alive(c) > 0.999));
    let expected = fit.model.expected_purchases(&customers[0], 30.0).unwrap();
    assert!(expected.is_finite() && expected > 0.0);
}

/// The gamma and beta mixtures as integrals, by the midpoint rule after substitutions that make them smooth.
fn expectation_by_integration(model: &BgNbd, customer: &Customer, periods: f64) -> f64 {
    let x = f64::from(customer.frequency);
    let (shape, odds) = (model.r + x, periods / (model.alpha + customer.age));
    let (mut sum, mut total) = (0.0, 0.0);
    let steps = 200_000;
    for step in 0..steps {
        // p = u^k / (u^k + (1 - u)^k) spreads both ends
        let u = (f64::from(step) + 0.5) / f64::from(steps);
        let k = 12.0;
        let (up, down) = (u.powf(k), (1.0 - u).powf(k));
        let p = up / (up + down);
        let width = k * (up / u) * (down / (1.0 - u)) / (up + down).powi(2);
        let density = ((model.a - 1.0) * p.ln() + (model.b + x - 1.0) * (down / (up + down)).ln()).exp() * width;
        let purchases = -(-shape * (p * odds).ln_1p()).exp_m1() / p;
        sum += density * purchases;
        total += density;
    }
    model.p_alive(customer) * sum / total
}

#[test]
fn expectations_are_those_of_the_mixture() {
    let models = [
        CDNOW,
        BgNbd { a: 1.0, ..CDNOW },
        BgNbd { r: 5.0, alpha: 2.0, a: 3.0, b: 0.7 },
        BgNbd { r: 0.83, alpha: 68.9, a: 0.6, b: 40.0 },
    ];
    let customers = [
        Customer::default(),
        Customer { frequency: 1, recency: 3.0, age: 50.0 },
        Customer { frequency: 40, recency: 200.0, age: 220.0 },
    ];
    for model in models {
        for customer in customers {
            for periods in [0.5, 30.0, 365.0] {
                let found = model.expected_purchases(&customer, periods).unwrap();
                near(found, expectation_by_integration(&model, &customer, periods), 1e-6);
            }
        }
    }
}

#[test]
fn probabilities_and_expectations_keep_their_bounds() {
    let mut state = 1_u64;
    let mut share = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    for _ in 0..2_000 {
        let mut wide = || 10.0_f64.powf(share() * 8.0 - 5.0);
        let model = BgNbd { r: wide(), alpha: wide(), a: wide(), b: wide() };
        let age = share() * 700.0;
        let frequency = (share() * 60.0) as u32;
        let recency = if frequency == 0 { 0.0 } else { share() * age };
        let customer = Customer { frequency, recency, age };
        let alive = model.p_alive(&customer);
        assert!((0.0..=1.0).contains(&alive), "{model:?} {customer:?}");
        let shape = model.r + f64::from(frequency);
        let mut before = 0.0;
        for periods in [1.0, 10.0, 100.0] {
            let if_nobody_left = shape * periods / (model.alpha + age);
            if if_nobody_left > 1e5 {
                continue;
            }
            let expected = model.expected_purchases(&customer, periods).unwrap();
            let bounds = before * (1.0 - 1e-12)..=if_nobody_left * (1.0 + 1e-9);
            assert!(bounds.contains(&expected), "{model:?} {customer:?}");
            before = expected;
        }
    }
}

#[test]
fn discounting_makes_less_of_later_purchases() {
    let customer = Customer { frequency: 2, recency: 300.0, age: 340.0 };
    let model = BgNbd { r: 0.8, alpha: 60.0, a: 0.5, b: 4.0 };
    let whole = model.expected_purchases(&customer, 365.0).unwrap();
    near(discounted_purchases(&model, &customer, 365.0, 0.0).unwrap(), whole, 1e-12);
    let today = discounted_purchases(&model, &customer, 365.0, 0.1).unwrap();
    assert!(today < whole && today > whole / 1.1);
    assert_eq!(discounted_purchases(&model, &customer, 0.0, 0.1).unwrap(), 0.0);
    let wrong = discounted_purchases(&model, &customer, 365.0, -1.0).unwrap_err();
    assert_eq!(wrong.to_string(), "annual discount rate must be a finite number above -1");
}

#[test]
fn deciles_are_ntile_of_descending_values() {
    let values = [3.0, 9.0, 9.0, 1.0, f64::NAN, 7.0, 2.0, 8.0, 6.0, 5.0, 4.0, 0.0];
    assert_eq!(deciles(&values), [6, 1, 1, 8, 10, 2, 7, 2, 3, 4, 5, 9]);
    assert_eq!(deciles(&[1.0, 1.0, 1.0]), [1, 2, 3]);
    assert!(deciles(&[]).is_empty());
}

#[test]
fn a_hold_out_compares_what_was_expected_with_what_came() {
    let customers: Vec<HoldoutCustomer> = customers()
        .into_iter()
        .map(|calibration| HoldoutCustomer { calibration, purchases: calibration.frequency / 3 })
        .collect();
    let found = check_holdout(&customers, 90.0, 0.0, &never).unwrap();
    let expected: Vec<f64> =
        customers.iter().map(|c| found.fit.model.expected_purchases(&c.calibration, 90.0).unwrap()).collect();
    let mae = expected.iter().zip(&customers).map(|(e, c)| (e - f64::from(c.purchases)).abs()).sum::<f64>() / 90.0;
    near(found.mae, mae, 1e-12);
    near(found.actual, customers.iter().map(|c| f64::from(c.purchases)).sum(), 1e-12);
    assert!(found.rmse >= found.mae);
    assert!(found.correlation.is_some_and(|r| (-1.0..=1.0).contains(&r)));
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let message = |customers: &[Customer]| fit_bg_nbd(customers, 0.0, &never).unwrap_err().to_string();
    let once = Customer { frequency: 0, recency: 0.0, age: 30.0 };
    assert_eq!(message(&[once]), "1 customers given, at least 10 are needed");
    assert_eq!(message(&[once; 10]), "0 customers with repeat purchases given, at least 3 are needed");
    let mut customers = customers();
    customers[3].recency = 400.0;
    let found = message(&customers);
    assert_eq!(found, "customer number 4 was last seen after the end of the observation: recency 400, age 207");
    customers[1].age = f64::INFINITY;
    assert_eq!(message(&customers), "age number 2 is not finite");
    let two = [Spend { frequency: 1, mean_value: 10.0 }; 2];
    let found = fit_gamma_gamma(&two, &never).unwrap_err().to_string();
    assert_eq!(found, "2 customers with repeat purchases of a positive value given, at least 3 are needed");
    assert_eq!(fit_bg_nbd(&self::customers(), 0.0, &|| true).unwrap_err(), FunctionError::Cancelled);
}

#[test]
fn customers_who_all_spend_the_same_have_that_value() {
    let same = [Spend { frequency: 2, mean_value: 25.0 }; 12];
    let fit = fit_gamma_gamma(&same, &never).unwrap();
    assert!(!fit.identified);
    near(fit.population_value, 25.0, 1e-2);
    near(fit.expected_value(&same[0]), 25.0, 1e-2);
}
