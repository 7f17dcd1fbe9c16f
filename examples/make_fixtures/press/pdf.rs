//! Writes pages as a PDF through lopdf's object layer. No clock and no chance: the same pages give the same bytes.

use std::collections::BTreeMap;

use lopdf::encryption::{EncryptionState, EncryptionVersion, Permissions};
use lopdf::xref::XrefType;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, StringFormat, dictionary};

use super::fonts::Font;
use super::layout::Sheet;
use super::markup::Source;

/// The file of a source.
pub fn write(source: &Source, sheets: &[Sheet]) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    document.reference_table.cross_reference_type = XrefType::CrossReferenceTable;
    let fonts = write_fonts(&mut document, sheets);
    let contents: Vec<ObjectId> =
        sheets.iter().map(|sheet| document.add_object(deflated(Dictionary::new(), sheet_operators(sheet).as_bytes()))).collect();
    let pictures: Vec<Option<ObjectId>> = sheets.iter().map(|sheet| write_picture(&mut document, sheet)).collect();
    let information = document.add_object(information(source));
    // The page tree comes last, so that a file cut short has lost it, as most files cut short have.
    let tree = document.new_object_id();
    let pages: Vec<ObjectId> = sheets
        .iter()
        .enumerate()
        .map(|(index, sheet)| {
            let mut resources = Dictionary::new();
            let named: Dictionary = sheet.fonts.iter().map(|font| (font.resource(), Object::Reference(fonts[font]))).collect();
            resources.set("Font", named);
            if let Some(picture) = pictures[index] {
                resources.set("XObject", dictionary! { "Im1" => picture });
            }
            document.add_object(dictionary! {
                "Type" => "Page",
                "Parent" => tree,
                "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
                "Rotate" => sheet.rotate,
                "Resources" => resources,
                "Contents" => contents[index],
            })
        })
        .collect();
    document.objects.insert(
        tree,
        dictionary! {
            "Type" => "Pages",
            "Count" => pages.len() as i64,
            "Kids" => pages.iter().map(|page| Object::Reference(*page)).collect::<Vec<_>>(),
        }
        .into(),
    );
    let mut catalog = dictionary! {
        "Type" => "Catalog",
        "Pages" => tree,
        "Lang" => Object::string_literal(source.require("language")),
        "PageLabels" => page_labels(sheets),
    };
    if let Some(outline) = write_outline(&mut document, sheets, &pages) {
        catalog.set("Outlines", outline);
        catalog.set("PageMode", "UseOutlines");
    }
    let catalog = document.add_object(catalog);
    document.trailer.set("Root", catalog);
    document.trailer.set("Info", information);
    let identity: Vec<u8> = source.require("title").bytes().cycle().take(16).collect();
    let identity = Object::String(identity, StringFormat::Hexadecimal);
    document.trailer.set("ID", vec![identity.clone(), identity]);
    if let Some(password) = source.get("user-password") {
        encrypt(&mut document, password);
    }
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("writing to memory");
    bytes
}

/// A stream compressed by miniz_oxide, whose output is the same on every machine.
pub fn deflated(mut dictionary: Dictionary, content: &[u8]) -> Stream {
    dictionary.set("Filter", "FlateDecode");
    Stream::new(dictionary, miniz_oxide::deflate::compress_to_vec_zlib(content, 9)).with_compression(false)
}

fn sheet_operators(sheet: &Sheet) -> String {
    match sheet.picture {
        Some(_) => format!("q 595 0 0 842 0 0 cm /Im1 Do Q\n{}", sheet.operators),
        None => sheet.operators.clone(),
    }
}

fn write_fonts(document: &mut Document, sheets: &[Sheet]) -> BTreeMap<Font, ObjectId> {
    let mut fonts = BTreeMap::new();
    for font in sheets.iter().flat_map(|sheet| &sheet.fonts) {
        if !fonts.contains_key(font) {
            fonts.insert(*font, write_font(document, *font));
        }
    }
    fonts
}

fn write_font(document: &mut Document, font: Font) -> ObjectId {
    let Some(cmap) = font.cmap() else {
        let widths: Vec<Object> = font.widths().into_iter().flatten().map(|width| i64::from(*width).into()).collect();
        return document.add_object(dictionary! {
            "Type" => "Font",
            "Subtype" => "Type1",
            "BaseFont" => font.base_font(),
            "Encoding" => "WinAnsiEncoding",
            "FirstChar" => 32,
            "LastChar" => 255,
            "Widths" => widths,
        });
    };
    let descriptor = document.add_object(dictionary! {
        "Type" => "FontDescriptor",
        "FontName" => font.base_font(),
        "Flags" => 4,
        "FontBBox" => vec![0.into(), (-220).into(), 1000.into(), 880.into()],
        "ItalicAngle" => 0,
        "Ascent" => 800,
        "Descent" => -200,
        "CapHeight" => 700,
        "StemV" => 80,
    });
    let descendant = document.add_object(dictionary! {
        "Type" => "Font",
        "Subtype" => "CIDFontType2",
        "BaseFont" => font.base_font(),
        "CIDSystemInfo" => dictionary! {
            "Registry" => Object::string_literal("Adobe"),
            "Ordering" => Object::string_literal("CNS1"),
            "Supplement" => 5,
        },
        "FontDescriptor" => descriptor,
        "DW" => 1000,
        // The half-width forms of Adobe-CNS1.
        "W" => vec![1.into(), 95.into(), 500.into(), 13648.into(), 13742.into(), 500.into()],
    });
    document.add_object(dictionary! {
        "Type" => "Font",
        "Subtype" => "Type0",
        "BaseFont" => font.base_font(),
        "Encoding" => cmap,
        "DescendantFonts" => vec![descendant.into()],
    })
}

fn write_picture(document: &mut Document, sheet: &Sheet) -> Option<ObjectId> {
    let (width, height, rows) = sheet.picture.as_ref()?;
    let dictionary = dictionary! {
        "Type" => "XObject",
        "Subtype" => "Image",
        "Width" => *width as i64,
        "Height" => *height as i64,
        "ColorSpace" => "DeviceGray",
        "BitsPerComponent" => 1,
    };
    Some(document.add_object(deflated(dictionary, rows)))
}

fn information(source: &Source) -> Dictionary {
    dictionary! {
        "Title" => text_string(source.require("title")),
        "Author" => text_string(source.require("author")),
        "Producer" => text_string("make_fixtures (made-up text)"),
        "CreationDate" => Object::string_literal(source.require("created")),
    }
}

/// A text string: ASCII as it is, else UTF-16 with a byte order mark.
fn text_string(text: &str) -> Object {
    if text.is_ascii() {
        return Object::string_literal(text);
    }
    let bytes = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    Object::String(bytes, StringFormat::Hexadecimal)
}

/// `/PageLabels`: a range where the style changes, from the labels that are printed.
fn page_labels(sheets: &[Sheet]) -> Dictionary {
    let mut ranges: Vec<Object> = Vec::new();
    let mut style_before = "";
    for (index, sheet) in sheets.iter().enumerate() {
        let style = if sheet.label.starts_with(|first: char| first.is_ascii_digit()) { "D" } else { "r" };
        if style != style_before {
            ranges.push((index as i64).into());
            ranges.push(dictionary! { "S" => style }.into());
            style_before = style;
        }
    }
    dictionary! { "Nums" => ranges }
}

/// The outline: headings of level 1 with those of level 2 below them.
fn write_outline(document: &mut Document, sheets: &[Sheet], pages: &[ObjectId]) -> Option<ObjectId> {
    let mut entries: Vec<(u8, &str, usize, f32, ObjectId)> = Vec::new();
    for (index, sheet) in sheets.iter().enumerate() {
        for (level, title, height) in &sheet.headings {
            entries.push((*level, title, index, *height, document.new_object_id()));
        }
    }
    if entries.len() < 2 {
        return None;
    }
    let root = document.new_object_id();
    let parent_of = |index: usize| {
        let (level, ..) = entries[index];
        (0..index).rev().find(|earlier| entries[*earlier].0 < level).map_or(root, |parent| entries[parent].4)
    };
    let children_of = |parent: ObjectId| (0..entries.len()).filter(move |index| parent_of(*index) == parent).collect::<Vec<_>>();
    let family = |parent: ObjectId, item: &mut Dictionary| {
        let children = children_of(parent);
        if let (Some(first), Some(last)) = (children.first(), children.last()) {
            item.set("First", entries[*first].4);
            item.set("Last", entries[*last].4);
            item.set("Count", children.len() as i64);
        }
    };
    for (index, (_, title, page, height, id)) in entries.iter().enumerate() {
        let parent = parent_of(index);
        let siblings = children_of(parent);
        let place = siblings.iter().position(|sibling| *sibling == index).expect("an entry is a child of its parent");
        let mut item = dictionary! {
            "Title" => text_string(title),
            "Parent" => parent,
            "Dest" => vec![pages[*page].into(), "XYZ".into(), Object::Null, f32::round(*height).into(), Object::Null],
        };
        if place > 0 {
            item.set("Prev", entries[siblings[place - 1]].4);
        }
        if let Some(next) = siblings.get(place + 1) {
            item.set("Next", entries[*next].4);
        }
        family(*id, &mut item);
        document.objects.insert(*id, item.into());
    }
    let mut item = dictionary! { "Type" => "Outlines" };
    family(root, &mut item);
    document.objects.insert(root, item.into());
    Some(root)
}

/// RC4 with a key of 128 bits: the only handler without random bytes in it, so that the file is the same every time.
fn encrypt(document: &mut Document, user_password: &str) {
    let user_password = if user_password == "(empty)" { "" } else { user_password };
    let version = EncryptionVersion::V2 {
        document: &*document,
        owner_password: "the owner of the fixtures",
        user_password,
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).expect("an encryption state");
    document.encrypt(&state).expect("encrypting in memory");
    // The last 16 bytes of /U mean nothing, and lopdf draws them by chance.
    for object in document.objects.values_mut() {
        let Ok(dictionary) = object.as_dict_mut() else { continue };
        if dictionary.get(b"Filter").and_then(Object::as_name).is_ok_and(|name| name == b"Standard") {
            let padding = dictionary.get_mut(b"U").and_then(Object::as_str_mut).expect("/U of the Encrypt dictionary");
            padding[16..].fill(0);
        }
    }
}
