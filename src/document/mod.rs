//! Bytes -> [`Document`]: pages of blocks, lines and words, each with its box.
//!
//! Boxes are PDF points with a top-left origin of the page as displayed (after `/Rotate`). Text is NFC.

mod bidi;
mod blocks;
mod facts;
mod finish;
mod font;
mod graphics;
mod headings;
mod hidden;
mod ink;
mod interpret;
mod limits;
pub mod ocr;
mod open;
mod order;
mod page;
mod render;
mod rows;
mod running;
#[cfg(test)]
mod sample;
mod scan;
mod stated;
mod structure;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod words;
pub mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use limits::{Limits, ReadOptions};
pub use ocr::{DOUBTFUL, Recognition};

use crate::digest::Digest;

/// Raised whenever the extracted output can change.
pub const VERSION: u32 = 4;

/// Reads a file in this process. Hostile files belong into [`worker::read_isolated`], which gives the same document.
///
/// # Errors
/// Where the file is no PDF, is damaged beyond repair, or needs a password that `options` lacks. Pages that cannot be read are
/// no error: they are in the document with their state.
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Document, DocumentError> {
    let mut pages = Vec::new();
    let bytes = Arc::new(bytes.to_vec());
    let id = Digest::of(&bytes);
    let facts = read_pages(bytes, options, &mut |_| {}, &mut |page| {
        pages.push(page);
        Ok(())
    })?;
    Ok(facts.into_document(id, pages))
}

/// What a file says apart from its pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Facts {
    metadata: Metadata,
    outline: Vec<OutlineEntry>,
    warnings: Vec<DocumentWarning>,
}

impl Facts {
    /// The finished document of these facts and the pages.
    fn into_document(self, id: Digest, pages: Vec<Page>) -> Document {
        let Self { metadata, outline, warnings } = self;
        let mut document = Document { id, metadata, pages, outline, warnings };
        finish::finish(&mut document);
        document
    }
}

/// Reads page after page, handing each on as it is done, so that memory does not grow with the file.
fn read_pages(
    bytes: Arc<Vec<u8>>,
    options: &ReadOptions,
    on_open: &mut dyn FnMut(u32),
    on_page: &mut dyn FnMut(Page) -> Result<(), DocumentError>,
) -> Result<Facts, DocumentError> {
    let opened = catch_unwind(|| open::open(bytes, options.password.as_deref()))
        .unwrap_or_else(|_| Err(DocumentError::Damaged { detail: "its structure broke the parser".to_owned() }))?;
    let pdf = &opened.pdf;
    on_open(u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX));
    let mut warnings = Vec::new();
    if let Some(repaired) = opened.repaired {
        warnings.push(DocumentWarning { code: "repaired".to_owned(), page: None, message: repaired.to_owned() });
    }
    let labels = catch_unwind(AssertUnwindSafe(|| facts::page_labels(pdf))).unwrap_or_else(|_| vec![None; pdf.pages().len()]);
    let groups = facts::hidden_groups(pdf);
    let structure = catch_unwind(AssertUnwindSafe(|| structure::Structure::read(pdf))).unwrap_or_default();
    let mut fonts = font::FontStore::new();
    for ((number, source), label) in (1_u32..).zip(pdf.pages().iter()).zip(labels) {
        if number as usize > options.limits.pages {
            let message = format!("the file has more than {} pages; the rest was not read", options.limits.pages);
            warnings.push(DocumentWarning { code: "limit-reached".to_owned(), page: Some(number), message });
            break;
        }
        // A panic in a parser costs this page, not the file.
        let context = interpret::Context { hidden_groups: &groups, tags: structure.page(source.raw()), limits: &options.limits };
        let read = catch_unwind(AssertUnwindSafe(|| page::read(source, number, label.clone(), &mut fonts, context)));
        let (page, page_warnings) = read.unwrap_or_else(|_| {
            fonts = font::FontStore::new();
            page::unreadable(source, number, label)
        });
        warnings.extend(page_warnings);
        on_page(page)?;
    }
    let outline = catch_unwind(AssertUnwindSafe(|| facts::outline(pdf))).unwrap_or_default();
    Ok(Facts { metadata: facts::metadata(pdf, opened.encrypted), outline, warnings })
}

/// One file as read: its identity is the SHA-256 of its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// SHA-256 of the file.
    pub id: Digest,
    /// What the file says about itself, and what its first pages state.
    pub metadata: Metadata,
    /// Every page of the file, in order; a page that could not be read is there too, with its state.
    pub pages: Vec<Page>,
    /// The outline (bookmarks), flattened, in order.
    pub outline: Vec<OutlineEntry>,
    /// What a reader of the report should know.
    pub warnings: Vec<DocumentWarning>,
}

/// Metadata with the evidence it rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// `/Title`, else the largest text of page 1.
    pub title: Option<Stated>,
    /// `/Author`.
    pub author: Option<Stated>,
    /// The reporting institution.
    pub institution: Option<Stated>,
    /// `annual-report`, `10-k`, `10-q`, `8-k`, `pillar-3`, `minutes`, `earnings-release`, `prospectus`, `financial-statements` or `other`.
    pub document_type: Option<Stated>,
    /// The reporting period: `2022`, `2022-Q3`, or a date `2022-05-20`.
    pub period: Option<Stated>,
    /// `/CreationDate` as RFC 3339.
    pub created: Option<String>,
    /// `/Producer`.
    pub producer: Option<String>,
    /// `/Lang` of the catalog.
    pub declared_language: Option<String>,
    /// Whether the file was encrypted (and opened with an empty user password, or the given one).
    pub encrypted: bool,
}

/// A value and where it is stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    /// The value, in its normal form.
    pub value: String,
    /// The words it was read from; empty for values from the file's own metadata.
    pub quote: String,
    /// The page of the quote, from 1; none for values from the file's own metadata.
    pub page: Option<u32>,
}

/// One page as displayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The file page, from 1.
    pub number: u32,
    /// The printed page label (`/PageLabels`), where the file declares one.
    pub label: Option<String>,
    /// Width in points, after rotation.
    pub width: f32,
    /// Height in points, after rotation.
    pub height: f32,
    /// Whether the page could be read, and how.
    pub state: PageState,
    /// Blocks in reading order; hidden text too, as blocks with a reason.
    pub blocks: Vec<Block>,
    /// Glyphs that have no Unicode value.
    pub unmapped_glyphs: u32,
    /// What read the page where its text was recognised from its picture; none where it is the file's own.
    pub recognition: Option<Recognition>,
}

/// How a page was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageState {
    /// The text layer was read.
    Text,
    /// Nothing is printed on the page.
    Blank,
    /// A reader of the page sees nothing, and yet the file carries text for it, in the invisible render mode and over no picture
    /// that it could be the text of. People are shown it as the page's text; to the models it is hidden text.
    Invisible,
    /// Only pictures (or text drawn as outlines): a scan without text. Unread until OCR reads it.
    Scan,
    /// OCR read it: see [`Page::recognition`].
    Ocr,
    /// The page is damaged, or a limit was reached, before it was read whole.
    Unreadable,
    /// The invisible text was read that an OCR program left in the file over a scan.
    TextLayer,
    /// There is text, but its characters are not known: a font without a map to Unicode. Unread until OCR reads it.
    Garbled,
}

impl PageState {
    /// Whether what the page says is known.
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Text | Self::Blank | Self::Invisible | Self::Ocr | Self::TextLayer)
    }

    /// Whether OCR can read what the file itself does not say.
    pub const fn needs_ocr(self) -> bool {
        matches!(self, Self::Scan | Self::Garbled)
    }

    /// The state as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Blank => "blank",
            Self::Invisible => "invisible",
            Self::Scan => "scan",
            Self::Ocr => "ocr",
            Self::Unreadable => "unreadable",
            Self::TextLayer => "text-layer",
            Self::Garbled => "garbled",
        }
    }
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockKind {
    /// A heading; its level is in [`Block::level`].
    Heading,
    /// Running text.
    Paragraph,
    /// One item of a list.
    ListItem,
    /// A table; its rows are in [`Block::rows`].
    Table,
    /// The caption of a table or figure.
    Caption,
    /// A footnote.
    Footnote,
    /// A running header: kept, outside the flow of text.
    RunningHeader,
    /// A running footer: kept, outside the flow of text.
    RunningFooter,
}

/// Why text is not seen by a reader of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenReason {
    /// Text render mode 3 or 7.
    RenderMode,
    /// The text has the colour of what is painted beneath it.
    BackgroundColour,
    /// Smaller than a person can read.
    Tiny,
    /// Outside the visible page, or outside the clip.
    OffPage,
    /// Something opaque is painted over it.
    Covered,
    /// In an optional-content group that is switched off.
    OptionalContent,
}

impl HiddenReason {
    /// The reason as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenderMode => "render-mode",
            Self::BackgroundColour => "background-colour",
            Self::Tiny => "tiny",
            Self::OffPage => "off-page",
            Self::Covered => "covered",
            Self::OptionalContent => "optional-content",
        }
    }
}

/// A block of lines that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What the block is.
    pub kind: BlockKind,
    /// The level of a heading, from 1.
    pub level: Option<u8>,
    /// Set where the block is not seen on the page: never model input, always shown to people as such.
    pub hidden: Option<HiddenReason>,
    /// The box around the lines.
    pub bbox: BoundingBox,
    /// The lines in reading order. For a table: its rows' lines, row by row.
    pub lines: Vec<Line>,
    /// For a table: cells by row, as indices into the words of `lines` flattened. Empty otherwise.
    pub rows: Vec<TableRow>,
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableRow {
    /// Whether it names columns.
    pub header: bool,
    /// Its cells, left to right.
    pub cells: Vec<TableCell>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableCell {
    /// The text of the cell.
    pub text: String,
    /// The box around its words.
    pub bbox: BoundingBox,
    /// The column, from 0, among the columns of the table.
    pub column: u16,
}

/// A line of words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The words in reading order.
    pub words: Vec<Word>,
    /// The box around the words.
    pub bbox: BoundingBox,
}

/// A word: Latin text between spaces, or a run of Han characters set together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The text, NFC.
    pub text: String,
    /// The box around the glyphs.
    pub bbox: BoundingBox,
    /// Where each character of `text` ends along the writing direction, in points: x for horizontal text (y for vertical).
    /// As many as `text` has characters. A character's box is cut from the word's box by these.
    pub edges: Vec<f32>,
    /// The font size in points as displayed.
    pub size: f32,
    /// Whether the font is bold.
    pub bold: bool,
    /// Whether a space separates this word from the one before it on the line (Han runs and punctuation may follow without).
    pub space_before: bool,
    /// Set vertically, top to bottom.
    pub vertical: bool,
    /// How sure the recogniser is of the word, in percent; none for text from the file itself.
    pub confidence: Option<u8>,
}

/// A rectangle in points, top-left origin: `x0 <= x1`, `y0 <= y1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left.
    pub x0: f32,
    /// Top.
    pub y0: f32,
    /// Right.
    pub x1: f32,
    /// Bottom.
    pub y1: f32,
}

/// An entry of the outline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlineEntry {
    /// The title.
    pub title: String,
    /// The depth, from 1.
    pub level: u8,
    /// The file page it leads to, from 1.
    pub page: Option<u32>,
}

/// What a reader of the report should know about how the file was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentWarning {
    /// A stable code: `page-count-differs`, `hidden-text`, `unmapped-glyphs`, `limit-reached`, `repaired`…
    pub code: String,
    /// The page, from 1.
    pub page: Option<u32>,
    /// What was met, for people.
    pub message: String,
}

/// Why a file could not be read at all. The batch goes on; the file is quarantined with the reason and the remedy.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentError {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Not a PDF; carries what it looks like.
    #[error("not a PDF (it looks like {looks_like})")]
    NotPdf {
        /// `PNG image`, `ZIP archive`, `HTML page`, `unknown data`…
        looks_like: String,
    },
    /// A password is needed.
    #[error("the file is protected by a password")]
    PasswordProtected,
    /// Damaged beyond repair.
    #[error("the file is damaged: {detail}")]
    Damaged {
        /// What the readers said.
        detail: String,
    },
    /// The worker took longer than allowed.
    #[error("reading took longer than {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The worker needed more memory than allowed.
    #[error("reading needed more than {megabytes} MB of memory")]
    OutOfMemory {
        /// The limit.
        megabytes: u64,
    },
    /// The worker process died.
    #[error("the reader crashed ({detail})")]
    Crashed {
        /// Signal or exit status, and the last line of standard error.
        detail: String,
    },
}
