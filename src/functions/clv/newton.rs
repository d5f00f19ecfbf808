//! Minimization of a smooth function of few variables: Newton's method with Levenberg-Marquardt damping, in a box.
//!
//! Chosen over quasi-Newton because the likelihoods here have flat valleys (drop-out that the data cannot tell): the
//! exact curvature crosses them in a few steps, and is wanted for the standard errors anyway.

/// Value, gradient and Hessian at a point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local<const N: usize> {
    pub value: f64,
    pub gradient: [f64; N],
    pub hessian: [[f64; N]; N],
}

/// Where the search ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Minimum<const N: usize> {
    pub at: [f64; N],
    pub local: Local<N>,
    pub iterations: u32,
    /// The gradient vanished, apart from what the box holds back. Otherwise no step led further down.
    pub converged: bool,
}

const ITERATIONS_MAX: u32 = 300;
const DAMPING_START: f64 = 1e-3;
const DAMPING_MIN: f64 = 1e-12;
const DAMPING_MAX: f64 = 1e12;
/// No coordinate moves by more than this in one step.
const STEP_MAX: f64 = 2.0;

/// Goes down from `start` within `[low, high]` until the gradient is below `tolerance` in every free coordinate.
///
/// `f` may fail (the caller was cancelled); its error ends the search.
pub(super) fn minimize<const N: usize, E>(
    start: [f64; N],
    (low, high): (f64, f64),
    tolerance: f64,
    mut f: impl FnMut(&[f64; N]) -> Result<Local<N>, E>,
) -> Result<Minimum<N>, E> {
    let mut at = start.map(|x| x.clamp(low, high));
    let mut local = f(&at)?;
    let mut damping = DAMPING_START;
    let mut iterations = 0;
    while iterations < ITERATIONS_MAX && local.value.is_finite() {
        let held = held(&at, &local.gradient, low, high);
        if free_gradient_max(&local.gradient, &held) <= tolerance {
            return Ok(Minimum { at, local, iterations, converged: true });
        }
        iterations += 1;
        let Some(step) = damped_step(&local, &held, damping) else {
            damping *= 10.0;
            if damping > DAMPING_MAX {
                break;
            }
            continue;
        };
        let mut next = at;
        for (x, d) in next.iter_mut().zip(step) {
            *x = (*x + d).clamp(low, high);
        }
        let there = f(&next)?;
        if there.value.is_finite() && there.value < local.value {
            (at, local) = (next, there);
            damping = (damping * 0.2).max(DAMPING_MIN);
        } else {
            damping *= 10.0;
            if damping > DAMPING_MAX || next == at {
                break;
            }
        }
    }
    Ok(Minimum { at, local, iterations, converged: false })
}

/// The coordinates at an edge of the box that want to leave it.
fn held<const N: usize>(at: &[f64; N], gradient: &[f64; N], low: f64, high: f64) -> [bool; N] {
    std::array::from_fn(|i| (at[i] <= low && gradient[i] > 0.0) || (at[i] >= high && gradient[i] < 0.0))
}

fn free_gradient_max<const N: usize>(gradient: &[f64; N], held: &[bool; N]) -> f64 {
    gradient.iter().zip(held).filter(|(_, held)| !**held).fold(0.0, |max, (g, _)| max.max(g.abs()))
}

/// Newton's step with `damping` added to the diagonal; `None` if the matrix is not positive definite even so.
fn damped_step<const N: usize>(local: &Local<N>, held: &[bool; N], damping: f64) -> Option<[f64; N]> {
    let mut matrix = local.hessian;
    let mut right = local.gradient.map(|g| -g);
    for i in 0..N {
        if held[i] {
            right[i] = 0.0;
            matrix[i] = [0.0; N];
            matrix.iter_mut().for_each(|row| row[i] = 0.0);
            matrix[i][i] = 1.0;
        }
        matrix[i][i] += damping * (1.0 + matrix[i][i].abs());
    }
    let factor = cholesky(&matrix)?;
    let step = solve(&factor, right);
    let longest = step.iter().fold(0.0_f64, |max, d| max.max(d.abs()));
    let shrink = if longest > STEP_MAX { STEP_MAX / longest } else { 1.0 };
    Some(step.map(|d| d * shrink))
}

/// Lower triangular factor of a symmetric matrix, or `None` if it is not positive definite.
pub(super) fn cholesky<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut factor = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 1e-14 * matrix[i][i].abs() {
                    return None;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    Some(factor)
}

/// Solves `L Lᵀ x = right`.
pub(super) fn solve<const N: usize>(factor: &[[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for i in 0..N {
        let dot: f64 = (0..i).map(|k| factor[i][k] * right[k]).sum();
        right[i] = (right[i] - dot) / factor[i][i];
    }
    for i in (0..N).rev() {
        let dot: f64 = (i + 1..N).map(|k| factor[k][i] * right[k]).sum();
        right[i] = (right[i] - dot) / factor[i][i];
    }
    right
}

/// Square roots of the diagonal of the inverse; `None` if the matrix is not positive definite.
pub(super) fn standard_errors<const N: usize>(information: &[[f64; N]; N]) -> Option<[f64; N]> {
    let factor = cholesky(information)?;
    Some(std::array::from_fn(|i| {
        let mut unit = [0.0; N];
        unit[i] = 1.0;
        solve(&factor, unit)[i].sqrt()
    }))
}
