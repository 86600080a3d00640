//! Milliseconds counted in buckets: percentiles in bounded memory, exact where it matters.
//!
//! Up to 1023 ms every millisecond has its own bucket. Above, each power of two is cut into 128
//! equal buckets, so a bucket is at most 1/128 of its values wide and its middle at most 0.4 % off.

/// The first value that shares a bucket.
const EXACT_BELOW: u32 = 1 << EXACT_BITS;
const EXACT_BITS: u32 = 10;
/// Buckets in each power of two above that: 2^7.
const SPLIT_BITS: u32 = 7;

/// How often each duration occurred. At most 3840 buckets for the whole range of a `u32`; only as
/// many are kept as the largest value needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum_ms: u64,
    max_ms: u32,
}

/// A histogram in seven numbers, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Exact.
    pub mean: f64,
    /// Nearest rank, exact below 1024 ms and within 0.4 % above; as the other percentiles.
    pub p50: u32,
    /// 90 % were at most this long.
    pub p90: u32,
    /// 95 % were at most this long.
    pub p95: u32,
    /// 99 % were at most this long.
    pub p99: u32,
    /// Exact.
    pub max: u32,
}

impl Histogram {
    pub fn add(&mut self, ms: u32) {
        let bucket = bucket_of(ms);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(u64::from(ms));
        self.max_ms = self.max_ms.max(ms);
    }

    /// Adds the values of another one.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.max_ms = self.max_ms.max(other.max_ms);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// `None` without a value.
    pub fn summary(&self) -> Option<Summary> {
        (self.count > 0).then(|| Summary {
            mean: self.sum_ms as f64 / self.count as f64,
            p50: self.percentile(50),
            p90: self.percentile(90),
            p95: self.percentile(95),
            p99: self.percentile(99),
            max: self.max_ms,
        })
    }

    /// The smallest value that at least `percent` of all values do not exceed (nearest rank).
    fn percentile(&self, percent: u64) -> u32 {
        let wanted = u128::from(self.count) * u128::from(percent);
        let mut seen = 0_u128;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += u128::from(count);
            if seen * 100 >= wanted && count > 0 {
                return middle_of(bucket).min(self.max_ms);
            }
        }
        self.max_ms
    }
}

/// The bucket of a value.
fn bucket_of(ms: u32) -> usize {
    let bucket = if ms < EXACT_BELOW {
        ms
    } else {
        let power = ms.ilog2();
        let shift = power - SPLIT_BITS;
        let within = (ms >> shift) - (1 << SPLIT_BITS);
        EXACT_BELOW + ((power - EXACT_BITS) << SPLIT_BITS) + within
    };
    bucket as usize
}

/// The value that stands for a bucket: the middle of those that fall into it.
fn middle_of(bucket: usize) -> u32 {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let Some(above) = bucket.checked_sub(EXACT_BELOW) else {
        return bucket;
    };
    let shift = (above >> SPLIT_BITS) + EXACT_BITS - SPLIT_BITS;
    let within = above & ((1 << SPLIT_BITS) - 1);
    let lowest = (u64::from((1 << SPLIT_BITS) + within)) << shift;
    let width = 1_u64 << shift;
    u32::try_from(lowest + width / 2).unwrap_or(u32::MAX)
}
