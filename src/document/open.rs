//! Bytes -> an open PDF: what the file is, and repair where it is broken.
//!
//! hayro-syntax reads lazily and rebuilds a broken cross-reference table itself. Where it refuses, the file is cut at its header
//! (junk before it), then rewritten by lopdf, whose recovery finds objects by other means.

use std::sync::Arc;

use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use super::DocumentError;

/// An open file.
pub(super) struct Opened {
    pub(super) pdf: Pdf,
    pub(super) encrypted: bool,
    /// What had to be repaired, for people.
    pub(super) repaired: Option<&'static str>,
}

/// Opens a file, with the empty password where none is given.
pub(super) fn open(bytes: Arc<Vec<u8>>, password: Option<&str>) -> Result<Opened, DocumentError> {
    if bytes.is_empty() {
        return Err(DocumentError::Empty);
    }
    let header = find(&bytes[..bytes.len().min(64 << 10)], b"%PDF-");
    if header.is_none() && find(&bytes, b" obj").is_none() {
        return Err(DocumentError::NotPdf { looks_like: looks_like(&bytes).to_owned() });
    }
    let encrypted = find(&bytes, b"/Encrypt").is_some();
    let password = password.unwrap_or("");
    let mut refusal = "no page could be found";
    match Pdf::new_with_password(Arc::clone(&bytes), password) {
        Ok(pdf) if !pdf.pages().is_empty() => return Ok(Opened { pdf, encrypted, repaired: None }),
        Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)) => return Err(DocumentError::PasswordProtected),
        Err(LoadPdfError::Decryption(_)) => refusal = "the encryption is not supported or its dictionary is broken",
        Err(LoadPdfError::Invalid) => refusal = "no catalogue or cross-reference table could be found or rebuilt",
        Ok(_) => {}
    }
    if let Some(start) = header.filter(|&start| start > 0)
        && let Ok(pdf) = Pdf::new_with_password(bytes[start..].to_vec(), password)
        && !pdf.pages().is_empty()
    {
        return Ok(Opened { pdf, encrypted, repaired: Some("junk before the header was cut off") });
    }
    if let Some(pdf) = rewritten(&bytes[header.unwrap_or(0)..]) {
        return Ok(Opened { pdf, encrypted, repaired: Some("the file was rebuilt from its objects") });
    }
    if header.is_none() {
        return Err(DocumentError::NotPdf { looks_like: looks_like(&bytes).to_owned() });
    }
    Err(DocumentError::Damaged { detail: refusal.to_owned() })
}

/// The file as lopdf understands it, written anew.
fn rewritten(bytes: &[u8]) -> Option<Pdf> {
    // lopdf has panicked on hostile input before; a panic here only means that it, too, refuses.
    let saved = std::panic::catch_unwind(|| {
        let mut document = lopdf::Document::load_mem(bytes).ok()?;
        let mut saved = Vec::new();
        document.save_to(&mut saved).ok()?;
        Some(saved)
    });
    let pdf = Pdf::new(saved.ok().flatten()?).ok()?;
    (!pdf.pages().is_empty()).then_some(pdf)
}

/// What the first bytes say.
fn looks_like(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 17] = [
        (b"\x89PNG", "PNG image"),
        (b"\xff\xd8\xff", "JPEG image"),
        (b"GIF8", "GIF image"),
        (b"II*\0", "TIFF image"),
        (b"MM\0*", "TIFF image"),
        (b"BM", "BMP image"),
        (b"PK\x03\x04", "ZIP archive or Office document"),
        (b"\x1f\x8b", "gzip archive"),
        (b"7z\xbc\xaf", "7-Zip archive"),
        (b"Rar!", "RAR archive"),
        (b"\xd0\xcf\x11\xe0", "old Office document"),
        (b"{\\rtf", "RTF document"),
        (b"%!PS", "PostScript file"),
        (b"\x7fELF", "Linux program"),
        (b"MZ", "Windows program"),
        (b"<?xml", "XML file"),
        (b"From: ", "e-mail message"),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    let start =
        String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.contains("<html") {
        "HTML page"
    } else if std::str::from_utf8(&bytes[..bytes.len().min(4096)]).is_ok_and(|text| !text.contains('\0')) {
        "plain text"
    } else {
        "unknown data"
    }
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> DocumentError {
        open(Arc::new(bytes.to_vec()), None).err().expect("must be refused")
    }

    #[test]
    fn files_that_are_no_pdf_are_named() {
        assert_eq!(error(b""), DocumentError::Empty);
        assert_eq!(error(b"\x89PNG\r\n\x1a\n0000"), DocumentError::NotPdf { looks_like: "PNG image".into() });
        assert_eq!(error(b"  <!DOCTYPE HTML><p>moved"), DocumentError::NotPdf { looks_like: "HTML page".into() });
        assert_eq!(error("年報".as_bytes()), DocumentError::NotPdf { looks_like: "plain text".into() });
    }

    #[test]
    fn a_header_alone_is_damaged() {
        assert!(matches!(error(b"%PDF-1.7\n"), DocumentError::Damaged { .. }));
    }
}
