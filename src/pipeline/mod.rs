//! Pipeline files and their execution.
