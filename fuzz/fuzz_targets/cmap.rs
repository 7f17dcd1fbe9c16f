//! CMaps: the bytes stand as the encoding and as the `ToUnicode` of one composite font.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrutineer_fuzz::{Part, file, read};

fuzz_target!(|cmap: &[u8]| {
    let content = b"BT /F1 12 Tf 50 700 Td <00410042FFFE8140A4A40000> Tj (plain text) Tj ET";
    let part = |entries, stream| Part { entries, stream };
    read(&file(
        content,
        &[
            part("/Type /Font /Subtype /Type0 /BaseFont /F /Encoding 7 0 R /ToUnicode 7 0 R /DescendantFonts [6 0 R]", None),
            part(
                "/Type /Font /Subtype /CIDFontType2 /BaseFont /F /CIDSystemInfo << /Registry (Adobe) /Ordering (CNS1) /Supplement 0 >>",
                None,
            ),
            part("/Type /CMap /CMapName /Own", Some(cmap)),
        ],
    ));
});
