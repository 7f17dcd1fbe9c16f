//! Findings -> Summary: sentences that cite the source sentences they rest on.
