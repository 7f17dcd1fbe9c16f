//! Composite fonts: codes of several bytes, their text by `ToUnicode`, Unicode-valued encodings, character collections, and the
//! tables of the embedded program, in this order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hayro_cmap::CMap;
use hayro_syntax::object::{Array, Dict, Object, Stream};
use skrifa::MetadataProvider;

use super::private_use::SymbolFont;
use super::{Code, Text, from_bf, sound, sound_char, text_of_odd_name};

/// How the codes of an encoding are Unicode values themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum UnicodeValues {
    Ucs2,
    Utf16,
    Utf32,
}

/// `UniCNS-UTF16-H` and its like: the code is the character.
pub(super) fn unicode_values(name: &[u8]) -> Option<UnicodeValues> {
    let name = std::str::from_utf8(name).ok()?;
    if !name.starts_with("Uni") {
        return None;
    }
    if name.contains("UCS2") {
        Some(UnicodeValues::Ucs2)
    } else if name.contains("UTF16") {
        Some(UnicodeValues::Utf16)
    } else if name.contains("UTF32") {
        Some(UnicodeValues::Utf32)
    } else {
        None
    }
}

pub(super) struct Composite {
    pub(super) encoding: CMap,
    pub(super) values: Option<UnicodeValues>,
    pub(super) two_bytes: bool,
    pub(super) to_unicode: Option<CMap>,
    pub(super) cid_to_unicode: Option<Rc<CMap>>,
    pub(super) widths: HashMap<u32, f32>,
    pub(super) default_width: f32,
    /// Advances down the page; the position vectors do not move the column's middle by more than a hair.
    pub(super) vertical_widths: HashMap<u32, f32>,
    pub(super) vertical_default: f32,
    pub(super) glyph_text: GlyphText,
    pub(super) symbols: SymbolFont,
    pub(super) cache: RefCell<HashMap<u32, Rc<Code>>>,
}

impl Composite {
    /// The next code and its length; at least one byte is consumed.
    pub(super) fn read_code(&self, bytes: &[u8]) -> (u32, usize) {
        let mut code = 0_u32;
        for (index, &byte) in bytes.iter().take(4).enumerate() {
            code = (code << 8) | u32::from(byte);
            if self.encoding.lookup_cid_code(code, index as u8 + 1).is_some() {
                return (code, index + 1);
            }
        }
        // A code that no range holds keeps the rhythm of the encoding: two bytes, unless single bytes are codes.
        match *bytes {
            [high, low, ..] if self.two_bytes || high >= 0x80 => ((u32::from(high) << 8) | u32::from(low), 2),
            [byte, ..] => (u32::from(byte), 1),
            [] => (0, 1),
        }
    }

    pub(super) fn describe(&self, code: u32, vertical: bool) -> Code {
        let cid = (1..=4).find_map(|length| self.encoding.lookup_cid_code(code, length)).unwrap_or(0);
        let width = self.widths.get(&cid).copied().unwrap_or(self.default_width) / 1000.0;
        let advance =
            if vertical { self.vertical_widths.get(&cid).copied().unwrap_or(self.vertical_default) / 1000.0 } else { width };
        Code { text: self.text(code, cid), advance, width, guessed: false }
    }

    pub(super) fn text(&self, code: u32, cid: u32) -> Text {
        let declared = self.to_unicode.as_ref().and_then(|cmap| cmap.lookup_bf_string(code)).map(from_bf).and_then(sound);
        declared
            .or_else(|| self.values.and_then(|values| decode_value(values, code)))
            .or_else(|| self.cid_to_unicode.as_ref()?.lookup_bf_string(cid).map(from_bf).and_then(sound))
            .or_else(|| self.glyph_text.text(cid))
            .map_or(Text::Unmapped, |text| self.symbols.shown(text))
    }
}

pub(super) fn decode_value(values: UnicodeValues, code: u32) -> Option<Text> {
    let value = match values {
        UnicodeValues::Utf16 if code > 0xffff => {
            let units = [(code >> 16) as u16, code as u16];
            char::decode_utf16(units).next()?.ok()?
        }
        _ => char::from_u32(code)?,
    };
    sound(Text::One(value))
}

/// Text by glyph of an embedded program, from its own tables.
pub(super) enum GlyphText {
    None,
    /// `cmap` (or glyph names) reversed; the map from CID to glyph first, where there is one.
    ByGlyph {
        text: HashMap<u32, char>,
        cid_to_gid: Option<Vec<u16>>,
    },
}

impl GlyphText {
    pub(super) fn text(&self, cid: u32) -> Option<Text> {
        match self {
            Self::None => None,
            Self::ByGlyph { text, cid_to_gid } => {
                let gid = match cid_to_gid {
                    Some(map) => u32::from(*map.get(cid as usize)?),
                    None => cid,
                };
                text.get(&gid).copied().and_then(sound_char).map(Text::One)
            }
        }
    }
}

/// Text by glyph from the embedded program: only asked for where neither `ToUnicode` nor a collection can tell.
pub(super) fn read_program(descendant: &Dict<'_>, descriptor: &Dict<'_>) -> GlyphText {
    let Some(data) = program_stream(descriptor).and_then(|stream| stream.decoded_data().ok()) else { return GlyphText::None };
    let Ok(font) = skrifa::FontRef::new(&data) else { return GlyphText::None };
    let mut text: HashMap<u32, char> = HashMap::new();
    for (value, glyph) in font.charmap().mappings() {
        if let Some(c) = char::from_u32(value) {
            // Where several characters share a glyph, the plain one is meant: not a compatibility form or a private one.
            let better = |old: char| (rank(c), c) < (rank(old), old);
            let slot = text.entry(glyph.to_u32()).or_insert(c);
            if better(*slot) {
                *slot = c;
            }
        }
    }
    for (glyph, name) in font.glyph_names().iter() {
        if let Some(Text::One(c)) = text_of_odd_name(name.as_str()) {
            text.entry(glyph.to_u32()).or_insert(c);
        }
    }
    if text.is_empty() {
        return GlyphText::None;
    }
    let cid_to_gid = descendant
        .get::<Stream<'_>>("CIDToGIDMap")
        .and_then(|stream| stream.decoded_data().ok())
        .map(|data| data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect());
    GlyphText::ByGlyph { text, cid_to_gid }
}

pub(super) fn rank(c: char) -> u8 {
    match c {
        '\u{e000}'..='\u{f8ff}' => 3,
        '\u{2e80}'..='\u{2fdf}' | '\u{f900}'..='\u{faff}' | '\u{fb00}'..='\u{fb06}' => 2,
        '\u{a0}' | '\u{ad}' => 1,
        _ => 0,
    }
}

pub(super) fn read_widths(array: &Array<'_>) -> HashMap<u32, f32> {
    const LARGEST_RANGE: u32 = 70_000;
    let mut widths = HashMap::new();
    let mut items = array.iter::<Object<'_>>();
    while let Some(first) = items.next().and_then(number) {
        let first = first as u32;
        match items.next() {
            Some(Object::Array(list)) => {
                for (cid, width) in (first..).zip(list.iter::<f32>()) {
                    widths.insert(cid, width);
                }
            }
            Some(last) => {
                let (Some(last), Some(width)) = (number(last), items.next().and_then(number)) else { break };
                for cid in first..=(last as u32).min(first.saturating_add(LARGEST_RANGE)) {
                    widths.insert(cid, width);
                }
            }
            None => break,
        }
    }
    widths
}

pub(super) fn read_vertical_widths(array: &Array<'_>) -> HashMap<u32, f32> {
    let mut widths = HashMap::new();
    let mut items = array.iter::<Object<'_>>();
    while let Some(first) = items.next().and_then(number) {
        let first = first as u32;
        match items.next() {
            Some(Object::Array(list)) => {
                let values: Vec<f32> = list.iter::<f32>().collect();
                for (cid, triple) in (first..).zip(values.chunks_exact(3)) {
                    widths.insert(cid, triple[0]);
                }
            }
            Some(last) => {
                let Some(last) = number(last) else { break };
                let (Some(advance), Some(_), Some(_)) =
                    (items.next().and_then(number), items.next().and_then(number), items.next().and_then(number))
                else {
                    break;
                };
                for cid in first..=(last as u32).min(first.saturating_add(70_000)) {
                    widths.insert(cid, advance);
                }
            }
            None => break,
        }
    }
    widths
}

pub(super) fn number(object: Object<'_>) -> Option<f32> {
    match object {
        Object::Number(number) => Some(number.as_f32()),
        _ => None,
    }
}

/// The bytes of the embedded program, whichever key holds it.
pub(super) fn program_stream<'a>(descriptor: &Dict<'a>) -> Option<Stream<'a>> {
    ["FontFile2", "FontFile3", "FontFile"].into_iter().find_map(|key| descriptor.get::<Stream<'a>>(key))
}
