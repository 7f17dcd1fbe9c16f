//! Fonts: from the bytes of a show operator to character codes, their Unicode text and their advance.
//!
//! Simple fonts (Type 1, TrueType, Type 3) are read by hayro-font: encodings, differences, glyph names through the Adobe Glyph
//! List, widths of the fourteen standard fonts. Composite fonts are read here, over the CMaps of hayro-cmap, because their
//! text needs more than `ToUnicode`: the character collections of Adobe (CNS1, GB1, Japan1, Korea1) through the predefined
//! CMaps, Unicode-valued encodings, and the `cmap` and `post` tables of embedded programs.

mod composite;
mod private_use;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use hayro_cmap::{BfString, CMap, CMapName, CidFamily, WritingMode, load_embedded};
use hayro_font::{CMapResolverFn, FontCache, FontGlyph, FontQuery, FontResolverFn, GlyphId, StandardFont};
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, String as PdfString};

use self::composite::{Composite, GlyphText, UnicodeValues, read_program, read_vertical_widths, read_widths, unicode_values};
use self::private_use::SymbolFont;

/// The text of one character code.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    /// No Unicode value is known.
    Unmapped,
    One(char),
    Many(Rc<str>),
}

impl Text {
    pub(super) fn push_to(&self, out: &mut String) {
        match self {
            Self::Unmapped => {}
            Self::One(c) => out.push(*c),
            Self::Many(s) => out.push_str(s),
        }
    }

    pub(super) fn first(&self) -> Option<char> {
        match self {
            Self::Unmapped => None,
            Self::One(c) => Some(*c),
            Self::Many(s) => s.chars().next(),
        }
    }

    /// Whether it is white space alone (the empty text too).
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Unmapped => false,
            Self::One(c) => is_space(*c),
            Self::Many(s) => s.chars().all(is_space),
        }
    }

    fn from_string(text: &str) -> Self {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (None, _) => Self::Unmapped,
            (Some(c), None) => Self::One(c),
            _ => Self::Many(text.into()),
        }
    }
}

/// White space of a page: Unicode white space, no-break and zero-width spaces, the ideographic space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}')
}

/// What a font says about one character code. Lengths are in ems.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) text: Text,
    /// The advance along the writing direction; negative for vertical fonts (down the page).
    pub(super) advance: f32,
    /// The glyph's width across, where the font is vertical.
    pub(super) width: f32,
    /// The text is the code itself, for want of anything that says more: it counts as unmapped.
    pub(super) guessed: bool,
}

/// A font of a page.
pub(super) struct Font {
    kind: Kind,
    pub(super) bold: bool,
    pub(super) vertical: bool,
    /// Above and below the baseline, in ems, both positive.
    pub(super) ascent: f32,
    pub(super) descent: f32,
    /// The height of the type as a multiple of the font size: 1 but for Type 3 fonts, whose matrix may say otherwise.
    pub(super) em: f32,
}

enum Kind {
    Simple(Box<[Code]>),
    Composite(Box<Composite>),
}

impl Font {
    /// Calls `each` with the code, its length in bytes and what the font says about it, for every code of a shown string.
    pub(super) fn for_each_code(&self, bytes: &[u8], mut each: impl FnMut(u32, usize, &Code)) {
        match &self.kind {
            Kind::Simple(codes) => {
                for &byte in bytes {
                    if let Some(code) = codes.get(usize::from(byte)) {
                        each(u32::from(byte), 1, code);
                    }
                }
            }
            Kind::Composite(composite) => {
                let mut at = 0;
                while at < bytes.len() {
                    let (code, length) = composite.read_code(&bytes[at..]);
                    at += length;
                    let known = composite.cache.borrow().get(&code).cloned();
                    let entry = known.unwrap_or_else(|| {
                        let entry = Rc::new(composite.describe(code, self.vertical));
                        composite.cache.borrow_mut().insert(code, Rc::clone(&entry));
                        entry
                    });
                    each(code, length, &entry);
                }
            }
        }
    }
}

/// The fonts of a document, each read once.
pub(super) struct FontStore {
    by_id: HashMap<ObjectIdentifier, Option<Rc<Font>>>,
    fallback: Option<Rc<Font>>,
    font_resolver: FontResolverFn,
    cmap_resolver: CMapResolverFn,
    collections: HashMap<&'static str, Option<Rc<CMap>>>,
}

impl FontStore {
    pub(super) fn new() -> Self {
        let font_resolver: FontResolverFn = Arc::new(|query: &FontQuery| {
            let standard = match query {
                FontQuery::Standard(standard) => *standard,
                FontQuery::Fallback(fallback) => fallback.pick_standard_font(),
            };
            Some(standard.get_font_data())
        });
        let cmap_resolver: CMapResolverFn = Arc::new(load_embedded);
        Self { by_id: HashMap::new(), fallback: None, font_resolver, cmap_resolver, collections: HashMap::new() }
    }

    /// The font of a font dictionary. A font that cannot be read gives the standard fallback, so that ASCII text survives.
    pub(super) fn font(&mut self, dict: &Dict<'_>) -> Option<Rc<Font>> {
        let id = dict.obj_id();
        if let Some(id) = id
            && let Some(font) = self.by_id.get(&id)
        {
            return font.clone();
        }
        let font = self.read(dict).map(Rc::new).or_else(|| self.fallback());
        if let Some(id) = id {
            self.by_id.insert(id, font.clone());
        }
        font
    }

    /// Helvetica, for text shown without a usable font.
    pub(super) fn fallback(&mut self) -> Option<Rc<Font>> {
        if self.fallback.is_none() {
            let font = FontCache::new().standard_font(StandardFont::Helvetica, &self.font_resolver)?;
            self.fallback = Some(Rc::new(Font {
                kind: Kind::Simple(simple_codes(&font, &[], SymbolFont::Other)),
                bold: false,
                vertical: false,
                ascent: 0.95,
                descent: 0.25,
                em: 1.0,
            }));
        }
        self.fallback.clone()
    }

    fn read(&mut self, dict: &Dict<'_>) -> Option<Font> {
        let descendant = dict.get::<Array<'_>>("DescendantFonts").and_then(|array| array.iter::<Dict<'_>>().next());
        let descriptor = descendant.as_ref().unwrap_or(dict).get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
        let name = dict.get::<Name<'_>>("BaseFont").map(|name| name.as_str().to_owned()).unwrap_or_default();
        let bold = is_bold(&name, &descriptor);
        let (ascent, descent) = vertical_extent(&descriptor);
        if let Some(descendant) = descendant {
            let composite = self.read_composite(dict, &descendant, &descriptor, SymbolFont::of_name(&name))?;
            let vertical = composite.encoding.metadata().writing_mode == Some(WritingMode::Vertical);
            return Some(Font { kind: Kind::Composite(Box::new(composite)), bold, vertical, ascent, descent, em: 1.0 });
        }
        let font = FontCache::new().font(dict, &self.font_resolver, &self.cmap_resolver)?;
        let names = differences(dict);
        let mut codes = simple_codes(&font, &names, SymbolFont::of_name(&name));
        let em = if dict.get::<Name<'_>>("Subtype").is_some_and(|name| name.as_ref() == b"Type3") {
            guess_from_codes(&mut codes, &names);
            type3_em(dict, &codes)
        } else {
            1.0
        };
        Some(Font { kind: Kind::Simple(codes), bold, vertical: false, ascent, descent, em })
    }

    fn read_composite(
        &mut self,
        dict: &Dict<'_>,
        descendant: &Dict<'_>,
        descriptor: &Dict<'_>,
        symbols: SymbolFont,
    ) -> Option<Composite> {
        let encoding_object = dict.get::<Object<'_>>("Encoding");
        let (encoding, values) = match &encoding_object {
            Some(Object::Name(name)) => (self.named_cmap(name.as_ref())?, unicode_values(name.as_ref())),
            Some(Object::Stream(stream)) => {
                let resolver = Arc::clone(&self.cmap_resolver);
                let base = stream.dict().get::<Name<'_>>("UseCMap").and_then(|name| unicode_values(name.as_ref()));
                let cmap = stream.decoded_data().ok().and_then(|data| CMap::parse(&data, move |name| resolver(name)));
                (cmap.unwrap_or_else(CMap::identity_h), base)
            }
            _ => (CMap::identity_h(), None),
        };
        let collection = encoding
            .metadata()
            .character_collection
            .as_ref()
            .map(|collection| collection.family.clone())
            .filter(|family| !matches!(family, CidFamily::AdobeIdentity | CidFamily::Custom { .. }))
            .or_else(|| {
                let info = descendant.get::<Dict<'_>>("CIDSystemInfo")?;
                let registry = info.get::<PdfString<'_>>("Registry")?;
                let ordering = info.get::<PdfString<'_>>("Ordering")?;
                Some(CidFamily::from_registry_ordering(registry.as_bytes(), ordering.as_bytes()))
            });
        let to_unicode = match dict.get::<Object<'_>>("ToUnicode") {
            Some(Object::Stream(stream)) => stream.decoded_data().ok().and_then(|data| {
                let resolver = Arc::clone(&self.cmap_resolver);
                CMap::parse(&data, move |name| resolver(name))
            }),
            _ => None,
        };
        let cid_to_unicode = collection.as_ref().and_then(|family| self.collection(family));
        let metric = |key: &str| descendant.get::<f32>(key);
        // Programs of Chinese fonts are large: read only where nothing better is declared.
        let glyph_text = if to_unicode.is_none() && cid_to_unicode.is_none() && values.is_none() {
            read_program(descendant, descriptor)
        } else {
            GlyphText::None
        };
        let [_, vertical_default] = descendant.get::<[f32; 2]>("DW2").unwrap_or([880.0, -1000.0]);
        Some(Composite {
            two_bytes: encoding.lookup_cid_code(0x41, 1).is_none(),
            encoding,
            // A ToUnicode that names an identity says that the codes are characters.
            values: values.or_else(|| {
                dict.get::<Name<'_>>("ToUnicode")
                    .filter(|name| name.as_ref().starts_with(b"Identity"))
                    .map(|_| UnicodeValues::Ucs2)
            }),
            to_unicode,
            cid_to_unicode,
            widths: descendant.get::<Array<'_>>("W").map(|array| read_widths(&array)).unwrap_or_default(),
            default_width: metric("DW").unwrap_or(1000.0),
            vertical_widths: descendant.get::<Array<'_>>("W2").map(|array| read_vertical_widths(&array)).unwrap_or_default(),
            vertical_default,
            glyph_text,
            symbols,
            cache: RefCell::new(HashMap::new()),
        })
    }

    fn named_cmap(&self, name: &[u8]) -> Option<CMap> {
        match name {
            b"Identity-H" => Some(CMap::identity_h()),
            b"Identity-V" => Some(CMap::identity_v()),
            _ => {
                let known = CMapName::from_bytes(name);
                match load_embedded(known) {
                    Some(data) => {
                        let resolver = Arc::clone(&self.cmap_resolver);
                        CMap::parse(data, move |name| resolver(name))
                    }
                    // A name that no table is known for: two bytes a code is what nearly all of them have.
                    None if name.ends_with(b"-V") => Some(CMap::identity_v()),
                    None => Some(CMap::identity_h()),
                }
            }
        }
    }

    fn collection(&mut self, family: &CidFamily) -> Option<Rc<CMap>> {
        let key = match family {
            CidFamily::AdobeJapan1 => "Japan1",
            CidFamily::AdobeGB1 => "GB1",
            CidFamily::AdobeCNS1 => "CNS1",
            CidFamily::AdobeKorea1 => "Korea1",
            CidFamily::AdobeIdentity | CidFamily::Custom { .. } => return None,
        };
        let resolver = Arc::clone(&self.cmap_resolver);
        self.collections
            .entry(key)
            .or_insert_with(|| {
                let data = load_embedded(family.ucs2_cmap()?)?;
                CMap::parse(data, move |name| resolver(name)).map(Rc::new)
            })
            .clone()
    }
}

fn from_bf(value: BfString) -> Text {
    match value {
        BfString::Char(c) => Text::One(c),
        BfString::String(s) => Text::from_string(&s),
    }
}

/// Rejects values that stand for "nothing known": NUL, controls, the replacement character, noncharacters.
fn sound(text: Text) -> Option<Text> {
    match text {
        Text::Unmapped => None,
        Text::One(c) => sound_char(c).map(Text::One),
        Text::Many(s) => {
            let kept: String = s.chars().filter_map(sound_char).collect();
            (!kept.is_empty()).then(|| Text::from_string(&kept))
        }
    }
}

fn sound_char(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffd}' | '\u{fffe}' | '\u{ffff}' => None,
        _ => Some(c),
    }
}

fn simple_codes(font: &hayro_font::Font<'_>, names: &[Option<String>], symbols: SymbolFont) -> Box<[Code]> {
    (0_u32..256)
        .map(|code| {
            let text = match font.glyph(GlyphId::NOTDEF, code) {
                FontGlyph::Outline(glyph) => glyph.as_unicode(),
                FontGlyph::Type3(glyph) => glyph.as_unicode(),
            };
            let text = text
                .map(from_bf)
                .and_then(sound)
                .or_else(|| names.get(code as usize)?.as_deref().and_then(text_of_odd_name))
                .map_or(Text::Unmapped, |text| symbols.shown(text));
            let advance = font.code_advance(code).x as f32 / hayro_font::UNITS_PER_EM;
            Code { text, advance, width: advance, guessed: false }
        })
        .collect()
}

/// Where the glyph names of a Type 3 font say what is drawn (`/rect`, `/triangle`, `/g12`) and not which character it is, the
/// codes may: printable ASCII is taken as text, as other readers do, and counted as unmapped, so that nobody takes the guess for
/// knowledge. A name that happens to be a symbol's does not vouch for the names beside it; a letter's or a digit's does.
fn guess_from_codes(codes: &mut [Code], names: &[Option<String>]) {
    let named = || names.iter().enumerate().filter(|(_, name)| name.is_some()).map(|(code, _)| code);
    let texts = || named().filter_map(|code| codes.get(code)).map(|code| &code.text);
    let says_characters =
        texts().any(|text| matches!(text, Text::One(c) if c.is_alphanumeric()) || matches!(text, Text::Many(_)));
    if says_characters || texts().all(|text| *text != Text::Unmapped) {
        return;
    }
    for code in named().filter(|code| (0x20..0x7f).contains(code)).collect::<Vec<_>>() {
        if let (Some(slot), Some(c)) = (codes.get_mut(code), u32::try_from(code).ok().and_then(char::from_u32)) {
            slot.text = Text::One(c);
            slot.guessed = true;
        }
    }
}

/// The names of `/Differences`, by code.
fn differences(dict: &Dict<'_>) -> Vec<Option<String>> {
    let Some(array) = dict.get::<Dict<'_>>("Encoding").and_then(|encoding| encoding.get::<Array<'_>>("Differences")) else {
        return Vec::new();
    };
    let mut names = vec![None; 256];
    let mut code = 0_usize;
    for item in array.iter::<Object<'_>>() {
        match item {
            Object::Number(number) => code = usize::try_from(number.as_i64()).unwrap_or(256),
            Object::Name(name) => {
                if let Some(slot) = names.get_mut(code) {
                    *slot = Some(name.as_str().to_owned());
                }
                code += 1;
            }
            _ => {}
        }
    }
    names
}

/// Glyph names outside the Adobe Glyph List that still say which character they are: `c65`, `g41`, `G41`, `char65`, `u+0041`,
/// `uni0041.alt`. Names by decimal code are taken where they give a printable Latin character.
fn text_of_odd_name(name: &str) -> Option<Text> {
    let base = name.split('.').next().unwrap_or(name);
    if let Some(hex) = base.strip_prefix("uni").or_else(|| base.strip_prefix("u+")).or_else(|| base.strip_prefix('u'))
        && (4..=6).contains(&hex.len())
        && let Some(c) = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    {
        return sound(Text::One(c));
    }
    let digits = base.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let prefix = &base[..base.len() - digits.len()];
    if matches!(prefix, "c" | "C" | "char" | "a" | "cid") && (2..=3).contains(&digits.len()) {
        let value = digits.parse::<u32>().ok()?;
        return (32..127).contains(&value).then(|| char::from_u32(value).map(Text::One)).flatten();
    }
    None
}

fn is_bold(name: &str, descriptor: &Dict<'_>) -> bool {
    const FORCE_BOLD: i32 = 1 << 18;
    let lower = name.to_ascii_lowercase();
    lower.contains("bold")
        || lower.contains("black")
        || lower.contains("heavy")
        || lower.ends_with("-b")
        || lower.contains("demi")
        || descriptor.get::<f32>("FontWeight").is_some_and(|weight| weight >= 600.0)
        || descriptor.get::<i32>("Flags").is_some_and(|flags| flags & FORCE_BOLD != 0)
        || descriptor.get::<f32>("StemV").is_some_and(|stem| stem >= 140.0)
}

/// The height of a Type 3 font's type against its size: from the font's box, else from its widths.
fn type3_em(dict: &Dict<'_>, codes: &[Code]) -> f32 {
    let scale = dict.get::<[f32; 6]>("FontMatrix").map_or(0.001, |matrix| matrix[3].abs().max(matrix[1].abs()));
    let height = dict.get::<[f32; 4]>("FontBBox").map_or(0.0, |[_, y0, _, y1]| (y1 - y0).abs()) * scale;
    let widths: Vec<f32> = codes.iter().map(|code| code.advance.abs()).filter(|width| *width > 0.0).collect();
    let mean = widths.iter().sum::<f32>() / widths.len().max(1) as f32;
    let em = if height > 0.0 && (mean <= 0.0 || (0.5..8.0).contains(&(height / mean))) { 0.85 * height } else { 2.0 * mean };
    if em.is_finite() && em > 0.0 { em } else { 1.0 }
}

/// Ascent and descent in ems, kept within what fonts can sensibly have (as poppler does).
fn vertical_extent(descriptor: &Dict<'_>) -> (f32, f32) {
    let metric = |key: &str| descriptor.get::<f32>(key).map(|v| v / 1000.0).filter(|v| v.is_finite() && *v != 0.0);
    let ascent = metric("Ascent").map_or(0.9, |v| v.abs()).clamp(0.5, 1.05);
    let descent = metric("Descent").map_or(0.25, |v| v.abs()).clamp(0.1, 0.4);
    (ascent, descent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What codes `a`, `b`, … stand for in a Type 3 font whose glyphs have these names and texts.
    fn guessed(glyphs: &[(&str, Text)]) -> Vec<(Text, bool)> {
        let mut codes = vec![Code { text: Text::Unmapped, advance: 0.5, width: 0.5, guessed: false }; 256];
        let mut names = vec![None; 256];
        for (code, (name, text)) in (0x61..).zip(glyphs) {
            codes[code].text = text.clone();
            names[code] = Some((*name).to_owned());
        }
        guess_from_codes(&mut codes, &names);
        codes[0x61..][..glyphs.len()].iter().map(|code| (code.text.clone(), code.guessed)).collect()
    }

    #[test]
    fn codes_are_taken_where_names_say_what_is_drawn() {
        let (one, unmapped) = (Text::One, Text::Unmapped);
        assert_eq!(guessed(&[("rect", unmapped.clone()), ("triangle", one('△'))]), [(one('a'), true), (one('b'), true)]);
        // A letter's name vouches for the font, and a font of known symbols means them.
        let letters = [("A", one('A')), ("g7", unmapped.clone())];
        assert_eq!(guessed(&letters), [(one('A'), false), (unmapped, false)]);
        assert_eq!(guessed(&[("bullet", one('•'))]), [(one('•'), false)]);
    }
}
