//! Products of f32 matrices: what linear layers in f32 and attention are made of.
//!
//! The right side lies in panels: sixteen columns side by side, one vector for each step of the sum. Every result is one sum, taken
//! step by step in order, whatever rows and columns are taken together: so it has the same bits in every form and every company.

use crate::simd::{LANES, Simd};

/// Rows within a larger matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// From the first value of the first row.
    pub(crate) values: &'a [f32],
    /// From one row's first value to the next row's.
    pub(crate) stride: usize,
    /// Values of a row that count.
    pub(crate) depth: usize,
    /// Rows.
    pub(crate) count: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.stride..][..self.depth]
    }
}

/// The right side: panels of sixteen columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<'a> {
    /// From the first vector of the first panel.
    pub(crate) vectors: &'a [[f32; LANES]],
    /// From one panel's first vector to the next panel's.
    pub(crate) stride: usize,
    /// Panels.
    pub(crate) count: usize,
}

/// Where sums begin and what becomes of results. Implementations are `#[inline(always)]`: a closure might stay a call, compiled for the baseline.
pub(crate) trait Sink<S: Simd> {
    /// What the sums of a row with a panel begin with.
    #[inline(always)]
    fn begin(&self, simd: S, _row: usize, _panel: usize) -> S::Vector {
        simd.splat(0.0)
    }

    /// Takes the sixteen results of a row with a panel.
    fn take(&mut self, simd: S, row: usize, panel: usize, results: S::Vector);
}

/// Hands `sink` the results of every row with every panel, of which the first `rows.depth` vectors count.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(simd: S, rows: Rows<'_>, panels: Panels<'_>, mut sink: impl Sink<S>) {
    let at = |panel: usize| &panels.vectors[panel * panels.stride..][..rows.depth];
    let mut panel = 0;
    // Twenty-four sums in 32 registers, twelve (of half a vector) in 16: enough for the latency of a fused multiply-add, and few
    // enough loads for each.
    while S::WIDE && panel + 3 <= panels.count {
        down::<S, 3>(simd, rows, [at(panel), at(panel + 1), at(panel + 2)], panel, &mut sink);
        panel += 3;
    }
    while S::WIDE && panel + 2 <= panels.count {
        down::<S, 2>(simd, rows, [at(panel), at(panel + 1)], panel, &mut sink);
        panel += 2;
    }
    while panel < panels.count {
        down::<S, 1>(simd, rows, [at(panel)], panel, &mut sink);
        panel += 1;
    }
}

/// All rows with `N` panels.
#[inline(always)]
fn down<S: Simd, const N: usize>(simd: S, rows: Rows<'_>, panels: [&[[f32; LANES]]; N], panel: usize, sink: &mut impl Sink<S>) {
    let mut row = 0;
    if S::WIDE {
        while row + 8 <= rows.count {
            block::<S, 8, N>(simd, rows, row, panels, panel, sink);
            row += 8;
        }
    } else {
        while row + 6 <= rows.count {
            block::<S, 6, N>(simd, rows, row, panels, panel, sink);
            row += 6;
        }
    }
    while row + 4 <= rows.count {
        block::<S, 4, N>(simd, rows, row, panels, panel, sink);
        row += 4;
    }
    while row + 2 <= rows.count {
        block::<S, 2, N>(simd, rows, row, panels, panel, sink);
        row += 2;
    }
    if row < rows.count {
        block::<S, 1, N>(simd, rows, row, panels, panel, sink);
    }
}

/// `R` rows with `N` panels.
#[inline(always)]
fn block<S: Simd, const R: usize, const N: usize>(
    simd: S,
    rows: Rows<'_>,
    first: usize,
    panels: [&[[f32; LANES]]; N],
    panel: usize,
    sink: &mut impl Sink<S>,
) {
    let depth = rows.depth;
    let mut values: [&[f32]; R] = [&[]; R];
    for (offset, values) in values.iter_mut().enumerate() {
        *values = rows.row(first + offset);
    }
    let mut sums = [[simd.splat(0.0); N]; R];
    for row in 0..R {
        for part in 0..N {
            sums[row][part] = sink.begin(simd, first + row, panel + part);
        }
    }
    assert!(values.iter().all(|values| values.len() == depth) && panels.iter().all(|panel| panel.len() == depth));
    for step in 0..depth {
        // SAFETY: `step` is below `depth`, which is the length of every row and every panel, as was just asserted; `row` and
        // `part` are below the lengths of their arrays. (Checks for each step would cost a third of the loop.)
        unsafe {
            let mut columns = [simd.splat(0.0); N];
            for part in 0..N {
                columns[part] = simd.load(panels[part].get_unchecked(step));
            }
            for row in 0..R {
                let value = simd.splat(*values[row].get_unchecked(step));
                for part in 0..N {
                    sums[row][part] = simd.fma(value, columns[part], sums[row][part]);
                }
            }
        }
    }
    for row in 0..R {
        for part in 0..N {
            sink.take(simd, first + row, panel + part, sums[row][part]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    /// Keeps results, each added to what its sum began with.
    struct Kept<'a> {
        columns: usize,
        target: &'a mut [f32],
    }

    impl<S: Simd> Sink<S> for Kept<'_> {
        fn begin(&self, simd: S, row: usize, panel: usize) -> S::Vector {
            simd.splat((row * 10 + panel) as f32)
        }

        fn take(&mut self, simd: S, row: usize, panel: usize, results: S::Vector) {
            let target = self.target[row * self.columns..][panel * LANES..].first_chunk_mut().unwrap();
            simd.store(results, target);
        }
    }

    fn product<S: Simd>(simd: S, rows: Rows<'_>, panels: Panels<'_>) -> Vec<f32> {
        let columns = panels.count * LANES;
        let mut target = vec![f32::NAN; rows.count * columns];
        multiply(simd, rows, panels, Kept { columns, target: &mut target });
        target
    }

    #[test]
    fn blocks_of_either_size_give_every_result_once() {
        // Wider rows and longer panels than are used, as attention and the steps of layers have them.
        let (stride, depth) = (11, 7);
        let values: Vec<f32> = (0..40 * stride).map(|at| (at % 13) as f32 - 6.0).collect();
        let vectors: Vec<[f32; LANES]> = (0..7 * 9).map(|at| std::array::from_fn(|lane| ((at * 5 + lane) % 11) as f32)).collect();
        for count in 0..40 {
            for panel_count in 0..7 {
                let rows = Rows { values: &values, stride, depth, count };
                let panels = Panels { vectors: &vectors, stride: 9, count: panel_count };
                let narrow = product(Portable::<false>, rows, panels);
                assert_eq!(product(Portable::<true>, rows, panels), narrow, "{count} rows, {panel_count} panels");
                for (at, result) in narrow.iter().enumerate() {
                    let (row, column) = (at / (panel_count * LANES), at % (panel_count * LANES));
                    let (panel, lane) = (column / LANES, column % LANES);
                    let products = (0..depth).map(|step| values[row * stride + step] * vectors[panel * 9 + step][lane]);
                    // Small whole numbers: every order of the sum gives the same.
                    assert_eq!(*result, (row * 10 + panel) as f32 + products.sum::<f32>());
                }
            }
        }
    }
}
