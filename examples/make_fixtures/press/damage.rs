//! Files that are broken, and files that mean harm.

use lopdf::xref::XrefType;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};

use super::Fixture;
use super::pdf::deflated;

/// The file cut off in the middle: the page tree and the cross-reference table are gone.
pub fn truncated(whole: &[u8]) -> Vec<u8> {
    whole[..whole.len() * 3 / 5].to_vec()
}

/// The file without its cross-reference table and trailer: every object is still there, and readers find them by scanning.
pub fn without_cross_reference(whole: &[u8]) -> Vec<u8> {
    let at = find_last(whole, b"xref\n0 ").expect("a cross-reference table");
    let mut bytes = whole[..at].to_vec();
    bytes.extend_from_slice(b"%%EOF\n");
    bytes
}

/// A picture, whose name will say that it is a PDF: 8 by 8 grey dots.
pub fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut bytes, b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]);
    let rows: Vec<u8> =
        (0..8_u8).flat_map(|row| std::iter::once(0).chain((0..8).map(move |column| (row + column) * 16))).collect();
    chunk(&mut bytes, b"IDAT", &miniz_oxide::deflate::compress_to_vec_zlib(&rows, 9));
    chunk(&mut bytes, b"IEND", &[]);
    bytes
}

/// Files that try to cost the reader time, memory or stack.
pub fn hostile() -> Vec<Fixture> {
    vec![
        Fixture { path: "decompression-bomb.pdf", bytes: decompression_bomb() },
        Fixture { path: "deep-nesting.pdf", bytes: deep_nesting() },
        Fixture { path: "form-cycle.pdf", bytes: forms(1, 1, true) },
        Fixture { path: "form-explosion.pdf", bytes: forms(12, 10, false) },
        Fixture { path: "page-tree-cycle.pdf", bytes: page_tree_cycle() },
        Fixture { path: "many-pages-claimed.pdf", bytes: many_pages_claimed() },
    ]
}

/// Two kilobytes that inflate twice, to two gigabytes of spaces.
fn decompression_bomb() -> Vec<u8> {
    use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(9, 15, 0));
    let mut once = Vec::new();
    let block = vec![b' '; 1 << 20];
    for round in 0..2048 {
        let flush = if round == 2047 { TDEFLFlush::Finish } else { TDEFLFlush::None };
        compress_to_output(&mut compressor, &block, flush, |bytes| {
            once.extend_from_slice(bytes);
            true
        });
    }
    let twice = miniz_oxide::deflate::compress_to_vec_zlib(&once, 9);
    let filters = dictionary! { "Filter" => vec!["FlateDecode".into(), "FlateDecode".into()] };
    one_page(Stream::new(filters, twice).with_compression(false), Dictionary::new(), |_| ())
}

/// An array in an array, thirty thousand deep, in the way of the parser.
fn deep_nesting() -> Vec<u8> {
    let depth = 30_000;
    let whole = one_page(operators("BT ET"), Dictionary::new(), |document| {
        document.add_object(Object::string_literal("HERE"));
    });
    let at = find_last(&whole, b"(HERE)").expect("the place holder");
    let nested = "[".repeat(depth) + &"]".repeat(depth);
    // The table now points past the object; readers repair that, and meet the array while they do.
    [&whole[..at], nested.as_bytes(), &whole[at + 6..]].concat()
}

/// `levels` forms, each drawing the next `times` times; with `cycle`, the last draws the first again.
fn forms(levels: usize, times: usize, cycle: bool) -> Vec<u8> {
    let mut first = None;
    one_page_with(|document| {
        let ids: Vec<ObjectId> = (0..levels).map(|_| document.new_object_id()).collect();
        for (index, id) in ids.iter().enumerate() {
            let next = ids.get(index + 1).or(cycle.then_some(&ids[0]));
            let mut dictionary = dictionary! {
                "Type" => "XObject",
                "Subtype" => "Form",
                "BBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
            };
            let drawing = match next {
                Some(next) => {
                    dictionary.set("Resources", dictionary! { "XObject" => dictionary! { "X" => *next } });
                    "/X Do\n".repeat(times)
                }
                None => "0 0 1 1 re f\n".to_owned(),
            };
            document.objects.insert(*id, Stream::new(dictionary, drawing.into_bytes()).with_compression(false).into());
        }
        first = ids.first().copied();
        let resources = dictionary! { "XObject" => dictionary! { "X" => first.expect("at least one form") } };
        (operators("/X Do"), resources)
    })
}

/// A page tree whose node is its own child.
fn page_tree_cycle() -> Vec<u8> {
    let mut document = new_document();
    let tree = document.new_object_id();
    let node = dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![tree.into()], "Parent" => tree };
    document.objects.insert(tree, node.into());
    finish(document, tree)
}

/// One page in a tree that claims two billion.
fn many_pages_claimed() -> Vec<u8> {
    let mut document = new_document();
    let tree = document.new_object_id();
    let page = document.add_object(page(tree, None, Dictionary::new()));
    let node = dictionary! { "Type" => "Pages", "Count" => 2_000_000_000_i64, "Kids" => vec![page.into()] };
    document.objects.insert(tree, node.into());
    finish(document, tree)
}

fn one_page(content: Stream, resources: Dictionary, more: impl FnOnce(&mut Document)) -> Vec<u8> {
    one_page_with(|document| {
        more(document);
        (content, resources)
    })
}

fn one_page_with(content: impl FnOnce(&mut Document) -> (Stream, Dictionary)) -> Vec<u8> {
    let mut document = new_document();
    let tree = document.new_object_id();
    let (content, resources) = content(&mut document);
    let content = document.add_object(content);
    let page = document.add_object(page(tree, Some(content), resources));
    document.objects.insert(tree, dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![page.into()] }.into());
    finish(document, tree)
}

fn page(tree: ObjectId, content: Option<ObjectId>, resources: Dictionary) -> Dictionary {
    let mut page = dictionary! {
        "Type" => "Page",
        "Parent" => tree,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        "Resources" => resources,
    };
    if let Some(content) = content {
        page.set("Contents", content);
    }
    page
}

fn operators(text: &str) -> Stream {
    deflated(Dictionary::new(), text.as_bytes())
}

fn new_document() -> Document {
    let mut document = Document::with_version("1.7");
    document.reference_table.cross_reference_type = XrefType::CrossReferenceTable;
    document
}

fn finish(mut document: Document, tree: ObjectId) -> Vec<u8> {
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("writing to memory");
    bytes
}

fn find_last(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).rposition(|window| window == sought)
}

/// A chunk of a PNG: length, kind, content, cyclic redundancy check.
fn chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
    let checked = [&kind[..], content].concat();
    bytes.extend_from_slice(&checked);
    let crc = checked.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bytes.extend_from_slice(&(!crc).to_be_bytes());
}
