//! Layout: sound text at any place, size and angle. Nothing that is placed on the page may be lost.
#![no_main]

use std::fmt::Write;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use scrutineer_fuzz::{Part, file, read};

#[derive(Arbitrary, Debug)]
struct Piece {
    x: u16,
    y: u16,
    size: u8,
    turn: u8,
    spacing: i8,
    text: [u8; 6],
    rule: bool,
}

fuzz_target!(|pieces: Vec<Piece>| {
    let mut content = String::new();
    let mut placed = Vec::new();
    for piece in pieces.iter().take(200) {
        let (x, y) = (f32::from(piece.x % 5000) / 10.0 + 20.0, f32::from(piece.y % 7000) / 10.0 + 20.0);
        let (sin, cos) = if piece.turn < 200 { (0.0, 1.0) } else { (f32::from(piece.turn - 200) * 0.12).sin_cos() };
        let text: String = piece.text.iter().map(|byte| char::from(b"abcXYZ 0123.,-%"[usize::from(byte % 15)])).collect();
        let size = 4 + piece.size % 24;
        let spacing = f32::from(piece.spacing) / 16.0;
        let _ = writeln!(content, "BT /F1 {size} Tf {spacing} Tc {cos} {sin} {} {cos} {x} {y} Tm ({text}) Tj ET", -sin);
        if piece.rule {
            let _ = writeln!(content, "{x} {y} m {} {y} l S", x + 80.0);
        }
        placed.extend(text.chars().filter(|c| *c != ' '));
    }
    let font = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding";
    let Some(document) = read(&file(content.as_bytes(), &[Part { entries: font, stream: None }])) else {
        panic!("a sound file was refused")
    };
    // Overprinted strings count once, so text may be fewer, never more, and no character may vanish altogether.
    let mut seen: Vec<char> = document
        .pages
        .iter()
        .flat_map(|page| &page.blocks)
        .flat_map(|block| &block.lines)
        .flat_map(|line| &line.words)
        .flat_map(|word| word.text.chars())
        .collect();
    assert!(seen.len() <= placed.len());
    seen.sort_unstable();
    seen.dedup();
    placed.sort_unstable();
    placed.dedup();
    assert_eq!(seen, placed);
});
