//! Whole files: objects, cross-reference tables, repair, pages, metadata.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    scrutineer_fuzz::read(bytes);
});
