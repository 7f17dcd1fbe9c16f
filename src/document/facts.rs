//! What the file says about itself: metadata, outline, page labels, optional content.

use std::collections::{HashMap, HashSet};

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, String as PdfString};

use super::interpret::HiddenGroups;
use super::{Metadata, OutlineEntry, Stated};

/// The entries of the file's own metadata.
pub(super) fn metadata(pdf: &Pdf, encrypted: bool) -> Metadata {
    let info = pdf.metadata();
    let own = |bytes: &Option<Box<[u8]>>| {
        let text = text_string(bytes.as_deref()?);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let stated = |value: String| Stated { value, quote: String::new(), page: None };
    Metadata {
        title: own(&info.title).map(stated),
        author: own(&info.author).map(stated),
        producer: own(&info.producer),
        created: info.creation_date.as_ref().map(|date| {
            let sign = if date.utc_offset_hour < 0 { '-' } else { '+' };
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
                date.year,
                date.month,
                date.day,
                date.hour,
                date.minute,
                date.second,
                date.utc_offset_hour.unsigned_abs(),
                date.utc_offset_minute
            )
        }),
        declared_language: catalog(pdf)
            .and_then(|catalog| catalog.get::<PdfString<'_>>("Lang"))
            .map(|lang| text_string(lang.as_bytes())),
        encrypted,
        ..Metadata::default()
    }
}

/// The document catalog.
pub(super) fn catalog(pdf: &Pdf) -> Option<Dict<'_>> {
    pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())
}

/// The outline, flattened in order. Broken and circular ones end where they break.
pub(super) fn outline(pdf: &Pdf) -> Vec<OutlineEntry> {
    const MOST_ENTRIES: usize = 20_000;
    let mut entries = Vec::new();
    let Some(catalog) = catalog(pdf) else { return entries };
    let Some(first) = catalog.get::<Dict<'_>>("Outlines").and_then(|outlines| outlines.get::<Dict<'_>>("First")) else {
        return entries;
    };
    let pages: HashMap<ObjectIdentifier, u32> =
        (1..).zip(pdf.pages().iter()).filter_map(|(number, page)| Some((page.raw().obj_id()?, number))).collect();
    let named = NamedDestinations::new(&catalog);
    let mut seen = HashSet::new();
    let mut stack = vec![(first, 1_u8)];
    while let Some((item, level)) = stack.pop() {
        if item.obj_id().is_some_and(|id| !seen.insert(id)) || entries.len() >= MOST_ENTRIES {
            continue;
        }
        if let Some(title) = item.get::<PdfString<'_>>("Title") {
            let title = text_string(title.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ");
            if !title.is_empty() {
                entries.push(OutlineEntry { title, level, page: destination(&item, &pages, &named) });
            }
        }
        if let Some(next) = item.get::<Dict<'_>>("Next") {
            stack.push((next, level));
        }
        if level < 32
            && let Some(child) = item.get::<Dict<'_>>("First")
        {
            stack.push((child, level + 1));
        }
    }
    entries
}

struct NamedDestinations<'a> {
    old: Option<Dict<'a>>,
    tree: Option<Dict<'a>>,
}

impl<'a> NamedDestinations<'a> {
    fn new(catalog: &Dict<'a>) -> Self {
        let tree = catalog.get::<Dict<'a>>("Names").and_then(|names| names.get::<Dict<'a>>("Dests"));
        Self { old: catalog.get::<Dict<'a>>("Dests"), tree }
    }

    fn find(&self, name: &[u8]) -> Option<Object<'a>> {
        if let Some(found) = self.old.as_ref().and_then(|dict| dict.get::<Object<'a>>(name)) {
            return Some(found);
        }
        let mut stack: Vec<(Dict<'a>, u8)> = self.tree.clone().map(|tree| (tree, 0)).into_iter().collect();
        while let Some((node, depth)) = stack.pop() {
            if let Some(limits) = node.get::<Array<'_>>("Limits") {
                let mut limits = limits.iter::<PdfString<'_>>();
                if let (Some(low), Some(high)) = (limits.next(), limits.next())
                    && (name < low.as_bytes() || name > high.as_bytes())
                {
                    continue;
                }
            }
            if let Some(names) = node.get::<Array<'a>>("Names") {
                let mut items = names.iter::<Object<'a>>();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    if let Object::String(key) = key
                        && key.as_bytes() == name
                    {
                        return Some(value);
                    }
                }
            }
            if depth < 16
                && let Some(kids) = node.get::<Array<'a>>("Kids")
            {
                stack.extend(kids.iter::<Dict<'a>>().map(|kid| (kid, depth + 1)));
            }
        }
        None
    }
}

fn destination(item: &Dict<'_>, pages: &HashMap<ObjectIdentifier, u32>, named: &NamedDestinations<'_>) -> Option<u32> {
    let mut target =
        item.get::<Object<'_>>("Dest").or_else(|| item.get::<Dict<'_>>("A").and_then(|action| action.get::<Object<'_>>("D")))?;
    for _ in 0..4 {
        target = match target {
            Object::Array(array) => {
                let first = array.raw_iter().next()?;
                return pages.get(&ObjectIdentifier::from(first.as_obj_ref()?)).copied();
            }
            Object::Dict(dict) => dict.get::<Object<'_>>("D")?,
            Object::Name(name) => named.find(name.as_ref())?,
            Object::String(name) => named.find(name.as_bytes())?,
            _ => return None,
        };
    }
    None
}

/// The printed label of every page, where the file declares labels.
pub(super) fn page_labels(pdf: &Pdf) -> Vec<Option<String>> {
    let count = pdf.pages().len();
    let mut ranges: Vec<(usize, Dict<'_>)> = Vec::new();
    let root = catalog(pdf).and_then(|catalog| catalog.get::<Dict<'_>>("PageLabels"));
    let mut stack: Vec<(Dict<'_>, u8)> = root.map(|root| (root, 0)).into_iter().collect();
    while let Some((node, depth)) = stack.pop() {
        if let Some(numbers) = node.get::<Array<'_>>("Nums") {
            let mut items = numbers.iter::<Object<'_>>();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                if let (Object::Number(index), Object::Dict(dict)) = (key, value)
                    && let Ok(index) = usize::try_from(index.as_i64())
                {
                    ranges.push((index, dict));
                }
            }
        }
        if depth < 16
            && let Some(kids) = node.get::<Array<'_>>("Kids")
        {
            stack.extend(kids.iter::<Dict<'_>>().map(|kid| (kid, depth + 1)));
        }
    }
    if ranges.is_empty() {
        return vec![None; count];
    }
    ranges.sort_by_key(|(index, _)| *index);
    (0..count)
        .map(|page| {
            let (start, dict) = ranges.iter().rev().find(|(start, _)| *start <= page)?;
            let prefix = dict.get::<PdfString<'_>>("P").map(|prefix| text_string(prefix.as_bytes())).unwrap_or_default();
            let first = dict.get::<i32>("St").and_then(|first| usize::try_from(first).ok()).unwrap_or(1);
            let number = first + (page - start);
            let style = dict.get::<Name<'_>>("S");
            let numeral = match style.as_ref().map(|style| style.as_ref()) {
                Some(b"D") => number.to_string(),
                Some(b"r") => roman(number).to_lowercase(),
                Some(b"R") => roman(number),
                Some(b"a") => letters(number).to_lowercase(),
                Some(b"A") => letters(number),
                _ => String::new(),
            };
            let label = format!("{prefix}{numeral}");
            (!label.is_empty()).then_some(label)
        })
        .collect()
}

fn roman(mut number: usize) -> String {
    const NUMERALS: [(usize, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if number > 50_000 {
        return number.to_string();
    }
    let mut out = String::new();
    for (value, numeral) in NUMERALS {
        while number >= value {
            out.push_str(numeral);
            number -= value;
        }
    }
    out
}

/// A, B, … Z, AA, BB, … as PDF counts pages in letters.
fn letters(number: usize) -> String {
    if number == 0 || number > 2_600 {
        return number.to_string();
    }
    let letter = char::from(b'A' + ((number - 1) % 26) as u8);
    std::iter::repeat_n(letter, (number - 1) / 26 + 1).collect()
}

/// The optional-content groups that are off in the default configuration.
pub(super) fn hidden_groups(pdf: &Pdf) -> HiddenGroups {
    let mut off = HashSet::new();
    let Some(properties) = catalog(pdf).and_then(|catalog| catalog.get::<Dict<'_>>("OCProperties")) else { return off };
    let Some(config) = properties.get::<Dict<'_>>("D") else { return off };
    let ids = |dict: &Dict<'_>, key: &str| -> Vec<ObjectIdentifier> {
        let array = dict.get::<Array<'_>>(key);
        array.map(|array| array.raw_iter().filter_map(|item| item.as_obj_ref()).map(Into::into).collect()).unwrap_or_default()
    };
    if config.get::<Name<'_>>("BaseState").is_some_and(|state| state.as_ref() == b"OFF") {
        off.extend(ids(&properties, "OCGs"));
    }
    for id in ids(&config, "ON") {
        off.remove(&id);
    }
    off.extend(ids(&config, "OFF"));
    off
}

/// A text string of PDF: UTF-16 or UTF-8 with a byte-order mark, else PDFDocEncoding. Files that wrote GBK, Big5 or UTF-8 bytes
/// without saying so are read as UTF-8 where that is sound.
pub(super) fn text_string(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]]));
        without_language_escapes(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
    };
    match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ if !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() => String::from_utf8_lossy(bytes).into_owned(),
        _ => bytes.iter().map(|&byte| pdf_doc_char(byte)).collect(),
    }
    .replace('\0', "")
}

/// Drops the language marks (ESC … ESC) that UTF-16 text strings may hold.
fn without_language_escapes(text: String) -> String {
    if !text.contains('\u{1b}') {
        return text;
    }
    text.split('\u{1b}').step_by(2).collect()
}

fn pdf_doc_char(byte: u8) -> char {
    const HIGH: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š',
        'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    match byte {
        0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        0x80..=0xa0 => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_strings_in_every_encoding() {
        assert_eq!(text_string(b"Bank \x93x\x94 \x90"), "Bank ﬁxﬂ ’");
        assert_eq!(text_string(&[0xfe, 0xff, 0x90, 0x8a]), "\u{908a}");
        assert_eq!(text_string("年報".as_bytes()), "年報");
    }

    #[test]
    fn labels_count_as_pdf_counts() {
        assert_eq!((roman(1994), letters(27), letters(3)), ("MCMXCIV".into(), "AA".into(), "C".into()));
    }
}
