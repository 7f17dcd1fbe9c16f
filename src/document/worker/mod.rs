//! Reading in a process of its own, so that a hostile or broken file costs that file alone.
//!
//! The parent starts `scrutineer worker`, writes the request and the file to its standard input and takes frames from its
//! standard output: one that says how many pages there are, one per page, one with the rest or with a typed error. The child has no
//! file system (landlock, where the kernel has it), a bounded heap and processor time, and dies with its parent; the parent holds
//! the clock. Pages that arrived before a kill stay available in [`Interrupted`]. A second worker renders the pages that OCR is to read:
//! what breaks in that costs a picture, not the text.

mod child;
mod parent;
mod protocol;

pub use child::serve;
pub use parent::{Interrupted, Worker, read_isolated};
