//! Structured logs on standard error, chosen by `-v` or SCRUTINEER_LOG. Nothing ever leaves the machine.

use tracing_subscriber::EnvFilter;

/// Starts logging. `verbosity` 0 shows warnings, 1 information, 2 and more everything of the product itself.
pub fn start(verbosity: u8) {
    let level = ["scrutineer=warn", "scrutineer=info", "scrutineer=debug"][usize::from(verbosity.min(2))];
    let filter = EnvFilter::try_from_env("SCRUTINEER_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start (in tests) is harmless: the first one stays.
    let _ = subscriber.try_init();
}
