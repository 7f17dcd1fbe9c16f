//! What benches count time by.

use std::time::{Duration, Instant};

/// What the system has charged this thread, to a tick of its scheduler; the time of day where the system does not say.
pub(crate) fn processor_time() -> Duration {
    static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let charged = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let charged = charged.and_then(|text| text.split(' ').next()?.parse().ok()).map(Duration::from_nanos);
    charged.unwrap_or_else(|| BEGIN.elapsed())
}
