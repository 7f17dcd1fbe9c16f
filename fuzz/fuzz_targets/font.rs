//! Embedded font programs, each read as a composite font and as simple fonts of every kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrutineer_fuzz::{Part, file, read};

fuzz_target!(|program: &[u8]| {
    let part = |entries, stream| Part { entries, stream };
    let content = b"BT /F1 12 Tf 50 700 Td <0001000200410042> Tj (text) Tj ET";
    let descriptors = [
        "/Type /FontDescriptor /FontName /F /Flags 4 /FontFile2 8 0 R",
        "/Type /FontDescriptor /FontName /F /Flags 4 /FontFile3 8 0 R",
        "/Type /FontDescriptor /FontName /F /Flags 4 /FontFile 8 0 R",
    ];
    let kinds = ["/Subtype /TrueType", "/Subtype /Type1", "/Subtype /Type1"];
    let which = usize::from(program.first().copied().unwrap_or(0)) % 3;
    let program = program.get(1..).unwrap_or_default();
    let stream = part("/Subtype /Type1C", Some(program));
    let descriptor = || part(descriptors[which], None);
    let simple = format!("/Type /Font {} /BaseFont /F /FontDescriptor 7 0 R", kinds[which]);
    read(&file(content, &[part(&simple, None), part("", None), descriptor(), part(stream.entries, stream.stream)]));
    let composite = "/Type /Font /Subtype /Type0 /BaseFont /F /Encoding /Identity-H /DescendantFonts [6 0 R]";
    let descendant = "/Type /Font /Subtype /CIDFontType2 /BaseFont /F /FontDescriptor 7 0 R /CIDToGIDMap /Identity";
    read(&file(content, &[part(composite, None), part(descendant, None), descriptor(), stream]));
});
