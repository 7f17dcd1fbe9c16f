//! Buffers whose vectors lie each in one cache line.

use std::ops::{Deref, DerefMut};

use crate::simd::LANES;

/// f32 values from the start of a cache line on, so that sixteen from a multiple of sixteen on lie in one line: a vector that
/// lies in two costs two accesses.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    lines: Vec<Line>,
    length: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

impl Buffer {
    /// Zeros.
    pub fn zeros(length: usize) -> Self {
        let mut buffer = Self::default();
        buffer.resize(length);
        buffer
    }

    /// Gives the buffer another length. Values that it gains are zeros or what stood there before.
    pub fn resize(&mut self, length: usize) {
        let lines = length.div_ceil(LANES);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0.0; LANES]));
        }
        self.length = length;
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen f32 without padding, and there are lines for at least `length` of them (`resize`, which alone
        // changes either and takes no lines away); the borrow is the same.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_with_a_line_and_keeps_what_it_holds() {
        let mut buffer = Buffer::zeros(3);
        assert_eq!(*buffer, [0.0; 3]);
        buffer[2] = 5.0;
        for length in [100, 17, 16, 3] {
            buffer.resize(length);
            assert_eq!(buffer.len(), length);
            assert_eq!(buffer[2], 5.0);
            assert!(buffer.as_ptr().addr().is_multiple_of(64));
        }
        buffer.resize(0);
        assert!(buffer.is_empty());
    }
}
