//! Files around fuzzed parts: the rest of the file is sound, so that the fuzzer's bytes reach the code that they are meant for.

use scrutineer::document::{self, Document, Limits, ReadOptions};

/// One object of a file: its dictionary's entries and, where it has one, its stream.
pub struct Part<'a> {
    /// The entries, without the length of the stream.
    pub entries: &'a str,
    /// The bytes of the stream.
    pub stream: Option<&'a [u8]>,
}

/// A file of one page whose content stream is `content` and whose font `F1` is object 5; `parts` are objects 5, 6 and so on.
pub fn file(content: &[u8], parts: &[Part<'_>]) -> Vec<u8> {
    let page = "/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X1 4 0 R >> >>";
    let fixed = [
        Part { entries: "/Type /Catalog /Pages 2 0 R", stream: None },
        Part { entries: "/Type /Pages /Count 1 /Kids [3 0 R]", stream: None },
        Part { entries: page, stream: None },
        Part { entries: "/Subtype /Form /BBox [0 0 600 800]", stream: Some(content) },
    ];
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, part) in fixed.iter().chain(parts).enumerate() {
        offsets.push(out.len());
        let length = part.stream.map_or(String::new(), |stream| format!("/Length {}", stream.len()));
        out.extend_from_slice(format!("{} 0 obj\n<< {} {length} >>\n", index + 1, part.entries).as_bytes());
        if let Some(stream) = part.stream {
            out.extend_from_slice(b"stream\n");
            out.extend_from_slice(stream);
            out.extend_from_slice(b"\nendstream\n");
        }
        out.extend_from_slice(b"endobj\n");
    }
    let start = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).as_bytes());
    offsets.iter().for_each(|offset| out.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes()));
    let size = offsets.len() + 1;
    out.extend_from_slice(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    out
}

/// Lets panics of dependencies pass, which the reader catches; libfuzzer's own hook would stop at them.
fn stop_at_own_panics_only() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            eprintln!("{panic}");
            let file = panic.location().map_or("", |location| location.file());
            if !file.contains("registry") {
                std::process::abort();
            }
        }));
    });
}

/// Reads a file under small limits and checks what every document must keep to.
pub fn read(bytes: &[u8]) -> Option<Document> {
    stop_at_own_panics_only();
    let limits = Limits { operators: 20_000, glyphs: 20_000, content_bytes: 1 << 20, ..Limits::default() };
    let document = document::read(bytes, &ReadOptions { limits, ..ReadOptions::default() }).ok()?;
    for page in &document.pages {
        assert!(page.width.is_finite() && page.height.is_finite());
        for word in page.blocks.iter().flat_map(|block| &block.lines).flat_map(|line| &line.words) {
            let b = word.bbox;
            assert!([b.x0, b.y0, b.x1, b.y1].iter().all(|v| v.is_finite()), "{word:?}");
            assert!(b.x0 <= b.x1 && b.y0 <= b.y1, "{word:?}");
            assert_eq!(word.edges.len(), word.text.chars().count(), "{word:?}");
            assert!(!word.text.is_empty());
        }
    }
    Some(document)
}
