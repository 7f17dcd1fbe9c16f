//! What a file may cost: bounds against hostile and broken input.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds on reading one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Content-stream operators per page, form XObjects included.
    pub operators: u64,
    /// Glyphs per page.
    pub glyphs: usize,
    /// Filled areas, lines and pictures per page.
    pub shapes: usize,
    /// Depth of form XObjects.
    pub nesting: u32,
    /// Decoded content per page, in bytes.
    pub content_bytes: usize,
    /// Pages read; the rest count as unreadable.
    pub pages: usize,
    /// Memory of the worker process, in megabytes.
    pub memory_megabytes: u64,
    /// Processor time of the worker process, in seconds.
    pub cpu_seconds: u64,
    /// Time by the clock until the worker is killed.
    pub wall: Duration,
    /// Time by the clock for the picture of one page.
    pub render_wall: Duration,
    /// Time by the clock for the OCR of one page.
    pub ocr_wall: Duration,
}

impl Default for Limits {
    /// Generous for the filings seen (the largest page of 2,071 has 14,000 glyphs), tight for a machine with many workers.
    fn default() -> Self {
        Self {
            operators: 5_000_000,
            glyphs: 400_000,
            shapes: 100_000,
            nesting: 24,
            content_bytes: 256 << 20,
            pages: 20_000,
            memory_megabytes: 1_024,
            cpu_seconds: 300,
            wall: Duration::from_secs(300),
            render_wall: Duration::from_secs(60),
            ocr_wall: Duration::from_secs(120),
        }
    }
}

/// How to read a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Bounds.
    pub limits: Limits,
    /// The user or owner password, where the file needs one. None tries the empty password.
    pub password: Option<String>,
}
