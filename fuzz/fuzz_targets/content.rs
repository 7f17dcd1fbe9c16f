//! Content streams: the interpreter and everything after it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrutineer_fuzz::{Part, file, read};

fuzz_target!(|content: &[u8]| {
    let font = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding";
    read(&file(content, &[Part { entries: font, stream: None }]));
});
