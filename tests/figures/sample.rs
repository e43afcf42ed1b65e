//! Figures of one kind, and the line of a table that they become.

use std::time::{Duration, Instant};

/// What was measured, several times.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub fn add_millis(&mut self, took: Duration) {
        self.add(took.as_secs_f64() * 1_000.0);
    }

    /// How long something takes, and what it gives.
    pub async fn time<T>(&mut self, what: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let given = what.await;
        self.add_millis(began.elapsed());
        given
    }

    /// The figure that so many of a hundred do not exceed. Of fewer than a hundred figures the 99th percentile is the largest.
    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The cells for how many there are, the median, and the 99th percentile.
    pub fn cells(&self) -> String {
        format!("{} | {:.1} | {:.1}", self.0.len(), self.median(), self.percentile(99))
    }

    /// The cells for the median and the largest, of what can be counted.
    pub fn counted(&self) -> String {
        format!("{:.0} | {:.0}", self.median(), self.percentile(100))
    }

    /// The cells for the smallest, the median and the largest.
    pub fn spread(&self) -> String {
        format!("{:.0} | {:.0} | {:.0}", self.percentile(0), self.median(), self.percentile(100))
    }
}
