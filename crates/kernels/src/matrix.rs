//! Products of strided f32 matrices, on the calling thread.

use gemm::Parallelism;

/// A matrix over a slice: element (row, column) lies at `row * row_stride + column * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` neighbouring elements, `row_stride` apart.
    ///
    /// # Panics
    /// Where the slice is too short for the shape.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, row_stride, 1), "the slice is too short for the matrix");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { data, rows, columns, row_stride, column_stride } = self;
        Self { data, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }
}

/// A matrix to be written: rows of neighbouring elements.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows of `columns` neighbouring elements, `row_stride` apart.
    ///
    /// # Panics
    /// Where the slice is too short for the shape.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(row_stride >= columns && fits(data.len(), rows, columns, row_stride, 1), "the slice is too short for the matrix");
        Self { data, rows, columns, row_stride }
    }
}

fn fits(length: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last =
        (rows - 1).checked_mul(row_stride).zip((columns - 1).checked_mul(column_stride)).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < length)
}

/// `target = left * right`, or `target += left * right` where `add` is set. The same shapes give the same bits.
///
/// # Panics
/// Where the shapes do not fit each other.
pub fn multiply(target: MatrixMut<'_>, left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    assert_eq!(left.columns, right.rows, "inner dimensions differ");
    assert_eq!((target.rows, target.columns), (left.rows, right.columns), "the target has another shape");
    let stride = |stride: usize| stride as isize;
    // SAFETY: the constructors made sure that every (row, column) of the three shapes lies within its slice; `target` is borrowed
    // mutably, so it overlaps neither of the others, and its rows do not overlap each other (row stride >= columns).
    unsafe {
        gemm::gemm(
            target.rows,
            target.columns,
            left.columns,
            target.data.as_mut_ptr(),
            1,
            stride(target.row_stride),
            add,
            left.data.as_ptr(),
            stride(left.column_stride),
            stride(left.row_stride),
            right.data.as_ptr(),
            stride(right.column_stride),
            stride(right.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_match_the_schoolbook(m in 1..20usize, n in 1..20usize, k in 1..20usize, seed in prop::collection::vec(-2.0f32..2.0, 800)) {
            let (a, b) = (&seed[..m * k], &seed[400..400 + n * k]);
            let mut out = vec![f32::NAN; m * (n + 3)];
            multiply(MatrixMut::new(&mut out, m, n, n + 3), Matrix::new(a, m, k, k), Matrix::new(b, n, k, k).transposed(), false);
            for row in 0..m {
                for column in 0..n {
                    let want: f32 = (0..k).map(|i| a[row * k + i] * b[column * k + i]).sum();
                    prop_assert!((out[row * (n + 3) + column] - want).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "too short")]
    fn a_short_slice_is_refused() {
        Matrix::new(&[0.0; 5], 2, 3, 3);
    }
}
