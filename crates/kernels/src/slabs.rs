//! Where the results of a linear layer go: slabs of neighbouring outputs, in each row by row.
//!
//! Whole rows are one slab. Attention reads the queries, keys and values of one head after another: in a slab per head they lie
//! together, where in rows of all heads each of them would be a jump.

use crate::simd::LANES;

/// Results as [outputs / width, rows, width].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slabs {
    rows: usize,
    outputs: usize,
    width: usize,
}

impl Slabs {
    /// # Panics
    /// Where the width is neither all outputs nor a multiple of 16 that divides them.
    pub(crate) fn new(rows: usize, outputs: usize, width: usize) -> Self {
        let fits = width == outputs || width.is_multiple_of(LANES) && outputs.is_multiple_of(width);
        assert!(fits, "slabs of {width} outputs cannot be made of {outputs}");
        Self { rows, outputs, width }
    }

    /// Values in all.
    pub(crate) fn len(self) -> usize {
        self.rows * self.outputs
    }

    /// Where the first row's results begin from this output on.
    pub(crate) fn start(self, output: usize) -> usize {
        match output.checked_div(self.width) {
            Some(slab) => slab * self.rows * self.width + output % self.width,
            None => 0,
        }
    }

    /// From the first row to this one.
    #[inline(always)]
    pub(crate) fn row(self, row: usize) -> usize {
        row * self.width
    }
}
