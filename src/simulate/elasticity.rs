//! How closely the servers followed the demand: the elasticity metrics of the SPEC Research Group (Herbst
//! et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics", 2016), a second
//! being the step.

/// Five numbers, each 0 at best.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Elasticity {
    /// Missing servers as a share of those needed, on average over time.
    pub under_accuracy: f64,
    /// Servers too many as a share of those needed, on average over time.
    pub over_accuracy: f64,
    /// The share of the time in which servers were missing, 0 to 1.
    pub under_time_share: f64,
    /// The share of the time in which there were too many, 0 to 1.
    pub over_time_share: f64,
    /// The share of the steps in which demand and servers did not go the same way, 0 to 1.
    pub instability: f64,
}

impl Elasticity {
    /// Of the servers that each second needed and those that took traffic in it.
    pub fn of(needed: &[usize], serving: &[u16]) -> Self {
        let mut sum = Self::default();
        let seconds = needed.len().min(serving.len());
        let pairs = || {
            let serving = serving.iter().map(|it| i64::from(*it));
            let needed = needed
                .iter()
                .map(|it| i64::try_from(*it).unwrap_or(i64::MAX));
            needed.zip(serving)
        };
        for (needed, serving) in pairs() {
            let missing = (needed - serving).max(0);
            let spare = (serving - needed).max(0);
            sum.under_accuracy += missing as f64 / needed.max(1) as f64;
            sum.over_accuracy += spare as f64 / needed.max(1) as f64;
            sum.under_time_share += f64::from(u8::from(missing > 0));
            sum.over_time_share += f64::from(u8::from(spare > 0));
        }
        let steps = pairs().zip(pairs().skip(1));
        let apart = steps.filter(|((needed, serving), (needed_next, serving_next))| {
            (needed_next - needed).signum() != (serving_next - serving).signum()
        });
        let instability = apart.count() as f64 / seconds.saturating_sub(1).max(1) as f64;
        let mean = |sum: f64| sum / seconds.max(1) as f64;
        Self {
            under_accuracy: mean(sum.under_accuracy),
            over_accuracy: mean(sum.over_accuracy),
            under_time_share: mean(sum.under_time_share),
            over_time_share: mean(sum.over_time_share),
            instability,
        }
    }
}
