//! R(n) = a + b·n + c·n²: response time over requests in flight of one server. The form is that of the
//! universal scalability law, X(n) = γ·n / (1 + σ·(n − 1) + κ·n·(n − 1)), whose R = n / X is a quadratic
//! (Gunther; usl4j fits it the same way). No knee is looked for: the goal cuts the curve at one point.

/// A point of it.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Requests in flight of one server.
    pub in_flight: f64,
    pub response_ms: f64,
    /// How much it counts.
    pub weight: f64,
}

/// The curve that fits best; no part of it is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// a, milliseconds.
    pub alone_ms: f64,
    /// b, milliseconds for each request in flight.
    pub linear_ms: f64,
    /// c, milliseconds for each of them squared.
    pub square_ms: f64,
    /// The root of the mean square of the relative errors, 0 and above.
    pub error: f64,
}

impl Curve {
    /// Least squares of the relative error. Three parts of which none may be negative: each choice of
    /// parts is fitted, and the best one without a negative part wins, which is the same as
    /// non-negative least squares. `None` without a point.
    pub fn fit(points: &[Point]) -> Option<Self> {
        let choices = (1_u8..8).map(|choice| [choice & 1 > 0, choice & 2 > 0, choice & 4 > 0]);
        let fitted = choices.filter_map(|parts| solve(points, parts));
        let possible = fitted.filter(|it| it.iter().all(|part| *part >= 0.0 && part.is_finite()));
        let curves = possible.map(|[alone_ms, linear_ms, square_ms]| {
            let mut curve = Self {
                alone_ms,
                linear_ms,
                square_ms,
                error: 0.0,
            };
            curve.error = curve.error_of(points);
            curve
        });
        curves.min_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// R(n), milliseconds.
    pub fn response_ms(&self, in_flight: f64) -> f64 {
        (self.square_ms * in_flight + self.linear_ms).mul_add(in_flight, self.alone_ms)
    }

    /// The n with R(n) = `goal_ms`; `None` if the curve is flat, or above it from the start.
    pub fn in_flight_at(&self, goal_ms: f64) -> Option<f64> {
        let left_ms = goal_ms - self.alone_ms;
        if left_ms <= 0.0 || self.linear_ms + self.square_ms <= 0.0 {
            return None;
        }
        // The form of the root that does not divide by a small c.
        let root = self
            .linear_ms
            .mul_add(self.linear_ms, 4.0 * self.square_ms * left_ms);
        Some(2.0 * left_ms / (self.linear_ms + root.sqrt()))
    }

    fn error_of(&self, points: &[Point]) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for point in points {
            let off = self.response_ms(point.in_flight) / point.response_ms.max(1.0) - 1.0;
            sum += point.weight * off * off;
            weights += point.weight;
        }
        if weights > 0.0 {
            (sum / weights).sqrt()
        } else {
            0.0
        }
    }
}

/// The parts that were chosen, by the normal equations; 0 for the others.
fn solve(points: &[Point], parts: [bool; 3]) -> Option<[f64; 3]> {
    let mut rows = [[0.0_f64; 4]; 3];
    for point in points {
        let response_ms = point.response_ms.max(1.0);
        let n = point.in_flight;
        let mut terms = [1.0 / response_ms, n / response_ms, n * n / response_ms, 1.0];
        for (term, is_chosen) in terms.iter_mut().zip(parts) {
            *term *= f64::from(u8::from(is_chosen));
        }
        for (row, term) in rows.iter_mut().zip(terms) {
            for (sum, other) in row.iter_mut().zip(terms) {
                *sum += point.weight * term * other;
            }
        }
    }
    for ((index, row), is_chosen) in rows.iter_mut().enumerate().zip(parts) {
        if !is_chosen {
            *row = [0.0; 4];
            if let Some(diagonal) = row.get_mut(index) {
                *diagonal = 1.0;
            }
        }
    }
    eliminate(rows)
}

/// Gauss without pivoting: the matrix is positive definite, or has no answer.
fn eliminate(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = *rows.get(column)?;
        let by = *pivot.get(column)?;
        if by.abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = *row.get(column)? / by;
            if index == column {
                for it in row.iter_mut() {
                    *it /= by;
                }
            } else {
                for (it, of_pivot) in row.iter_mut().zip(pivot) {
                    *it -= factor * of_pivot;
                }
            }
        }
    }
    let [[.., a], [.., b], [.., c]] = rows;
    Some([a, b, c])
}
