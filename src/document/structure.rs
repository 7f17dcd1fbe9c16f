//! The structure tree of a tagged file (ISO 32000-1, 14.7 and 14.8): what it says its marked content is.
//!
//! The tree is an author's claim, and authors' programs err: it settles what a block is only where it covers most of a page's
//! text, and its tables only where they have the look of tables. It never decides what is read, nor in which order.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, MaybeRef, Name, Object, ObjectIdentifier, String as PdfString};
use hayro_syntax::xref::XRef;

use super::facts::{catalog, text_string};

/// What an element of the tree is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Heading(u8),
    Paragraph,
    ListItem,
    Caption,
    Footnote,
    /// An entry of a table of contents: never a heading, however much it looks like one.
    ContentsEntry,
    Cell(Place),
}

/// Where a cell stands in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Numbers the tables of the file.
    pub(super) table: u32,
    pub(super) row: u16,
    pub(super) column: u16,
    /// Tagged as a header cell.
    pub(super) header: bool,
}

/// What a piece of marked content belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Numbers the elements of the file: pieces of one element have one number.
    pub(super) element: u32,
    pub(super) role: Role,
}

/// The tags of one page by the identifiers of its marked content (`/MCID`).
#[derive(Debug, Default)]
pub(super) struct PageTags {
    pub(super) tags: HashMap<i32, Tag>,
    /// `/ActualText` of spans.
    pub(super) replacements: HashMap<i32, Rc<str>>,
}

/// The structure tree, by page.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pages: HashMap<ObjectIdentifier, PageTags>,
}

impl Structure {
    /// Reads the tree of a file; empty where there is none or where the file itself calls it suspect.
    pub(super) fn read(pdf: &Pdf) -> Self {
        let Some(catalog) = catalog(pdf) else { return Self::default() };
        let Some(root) = catalog.get::<Dict<'_>>("StructTreeRoot") else { return Self::default() };
        let suspect = catalog.get::<Dict<'_>>("MarkInfo").and_then(|info| info.get::<bool>("Suspects"));
        if suspect == Some(true) {
            return Self::default();
        }
        let mut walk = Walk {
            xref: pdf.xref(),
            structure: Self::default(),
            roles: root.get::<Dict<'_>>("RoleMap"),
            seen: HashSet::new(),
            elements: 0,
            tables: Vec::new(),
        };
        walk.kids(&root, &Context::default(), 0);
        walk.structure
    }

    /// The tags of a page.
    pub(super) fn page(&self, page: &Dict<'_>) -> Option<&PageTags> {
        self.pages.get(&page.obj_id()?)
    }
}

/// More than any sound file has; the largest of the filings seen has 80,000.
const MOST_ELEMENTS: u32 = 1_000_000;
const DEEPEST: u16 = 100;

/// What the elements above say to those below.
#[derive(Clone, Default)]
struct Context {
    page: Option<ObjectIdentifier>,
    tag: Option<Tag>,
    sections: u8,
    /// Index into the tables of the walk.
    table: Option<usize>,
    replacement: Option<Rc<str>>,
}

/// A table as far as it has been walked.
#[derive(Default)]
struct Table {
    row: Option<u16>,
    column: u16,
    /// For each column, down to which row a cell from above reaches.
    taken: HashMap<u16, u16>,
}

struct Walk<'a> {
    xref: &'a XRef,
    structure: Structure,
    roles: Option<Dict<'a>>,
    /// The elements met by reference: none is walked twice.
    seen: HashSet<ObjectIdentifier>,
    elements: u32,
    tables: Vec<Table>,
}

impl<'a> Walk<'a> {
    /// The kids of an element: one, or an array of them.
    fn kids(&mut self, parent: &Dict<'a>, context: &Context, depth: u16) {
        let Some(kids) = parent.get_raw::<Object<'a>>("K") else { return };
        match parent.get::<Object<'a>>("K") {
            Some(Object::Array(array)) => array.raw_iter().for_each(|kid| self.kid(kid, context, depth)),
            _ => self.kid(kids, context, depth),
        }
    }

    fn kid(&mut self, kid: MaybeRef<Object<'a>>, context: &Context, depth: u16) {
        let object = match kid {
            MaybeRef::Ref(reference) => {
                let id = ObjectIdentifier::from(reference);
                if !self.seen.insert(id) {
                    return;
                }
                self.xref.get::<Object<'a>>(id)
            }
            MaybeRef::NotRef(object) => Some(object),
        };
        match object {
            Some(Object::Number(id)) => self.content(id.as_i64(), context.page, context),
            Some(Object::Dict(dict)) => {
                match dict.get::<Name<'_>>("Type").as_ref().map(|name| name.as_ref().to_vec()).as_deref() {
                    // Content of another stream than the page's (a form) has numbers of its own, and is left to geometry.
                    Some(b"MCR") if !dict.contains_key("Stm") => {
                        let page = dict.get_ref("Pg").map(ObjectIdentifier::from).or(context.page);
                        if let Some(id) = dict.get::<i32>("MCID") {
                            self.content(i64::from(id), page, context);
                        }
                    }
                    Some(b"MCR" | b"OBJR") => {}
                    _ => self.element(&dict, context, depth),
                }
            }
            _ => {}
        }
    }

    fn content(&mut self, id: i64, page: Option<ObjectIdentifier>, context: &Context) {
        let (Ok(id), Some(page)) = (i32::try_from(id), page) else { return };
        let page = self.structure.pages.entry(page).or_default();
        if let Some(tag) = context.tag {
            page.tags.insert(id, tag);
        }
        if let Some(replacement) = &context.replacement {
            page.replacements.insert(id, Rc::clone(replacement));
        }
    }

    fn element(&mut self, dict: &Dict<'a>, above: &Context, depth: u16) {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS || depth > DEEPEST {
            return;
        }
        let mut context = above.clone();
        if let Some(page) = dict.get_ref("Pg") {
            context.page = Some(page.into());
        }
        let kind = self.standard_type(dict);
        self.enter(&kind, dict, &mut context);
        // A replacement for one piece of content can be put in its place; one for many cannot.
        context.replacement = (kind == b"Span" && matches!(dict.get::<Object<'_>>("K"), Some(Object::Number(_))))
            .then(|| dict.get::<PdfString<'_>>("ActualText"))
            .flatten()
            .map(|text| text_string(text.as_bytes()).into());
        self.kids(dict, &context, depth + 1);
    }

    /// Takes up what an element says.
    fn enter(&mut self, kind: &[u8], dict: &Dict<'a>, context: &mut Context) {
        let in_cell = context.tag.is_some_and(|tag| matches!(tag.role, Role::Cell(_)));
        let role = match kind {
            b"Sect" | b"Part" | b"Art" => {
                context.sections = context.sections.saturating_add(1);
                return;
            }
            b"Table" => {
                self.tables.push(Table::default());
                context.table = Some(self.tables.len() - 1);
                return;
            }
            b"TR" => {
                if let Some(table) = context.table.and_then(|table| self.tables.get_mut(table)) {
                    table.row = Some(table.row.map_or(0, |row| row.saturating_add(1)));
                    table.column = 0;
                }
                return;
            }
            b"TH" | b"TD" => match self.cell(kind == b"TH", dict, context) {
                Some(place) => Role::Cell(place),
                None => return,
            },
            // What stands in a cell is the cell's text, whatever it is besides.
            _ if in_cell => return,
            b"H1" | b"H2" | b"H3" | b"H4" | b"H5" | b"H6" => Role::Heading(kind[1] - b'0'),
            b"H" => Role::Heading(context.sections.clamp(1, 6)),
            b"Title" => Role::Heading(1),
            b"LI" => Role::ListItem,
            b"Caption" => Role::Caption,
            b"Note" | b"FENote" => Role::Footnote,
            b"TOCI" => Role::ContentsEntry,
            // Paragraphs within an item, a note or a caption are its text.
            b"P" if context.tag.is_none() => Role::Paragraph,
            _ => return,
        };
        context.tag = Some(Tag { element: self.elements, role });
    }

    /// The place of a cell, after those that reach down from the rows above.
    fn cell(&mut self, header: bool, dict: &Dict<'a>, context: &Context) -> Option<Place> {
        let index = context.table?;
        let table = self.tables.get_mut(index)?;
        let row = table.row?;
        while table.taken.get(&table.column).is_some_and(|until| row <= *until) {
            table.column = table.column.checked_add(1)?;
        }
        let column = table.column;
        let (rows, columns) = (span(dict, "RowSpan"), span(dict, "ColSpan"));
        if rows > 1 {
            for column in column..column.saturating_add(columns) {
                table.taken.insert(column, row.saturating_add(rows - 1));
            }
        }
        table.column = column.saturating_add(columns);
        Some(Place { table: u32::try_from(index).ok()?, row, column, header })
    }

    /// The standard type that an element's own type stands for.
    fn standard_type(&self, dict: &Dict<'a>) -> Vec<u8> {
        let mut kind = dict.get::<Name<'_>>("S").map(|name| name.as_ref().to_vec()).unwrap_or_default();
        for _ in 0..8 {
            match self.roles.as_ref().and_then(|roles| roles.get::<Name<'_>>(&kind)) {
                Some(next) if next.as_ref() != kind => kind = next.as_ref().to_vec(),
                _ => break,
            }
        }
        kind
    }
}

/// How many rows or columns a cell covers: an attribute of the owner `Table`.
fn span(dict: &Dict<'_>, key: &str) -> u16 {
    const WIDEST: i32 = 500;
    let of = |attributes: &Dict<'_>| attributes.get::<i32>(key);
    let value = match dict.get::<Object<'_>>("A") {
        Some(Object::Dict(attributes)) => of(&attributes),
        Some(Object::Array(array)) => array.iter::<Dict<'_>>().find_map(|attributes| of(&attributes)),
        _ => None,
    };
    u16::try_from(value.unwrap_or(1).clamp(1, WIDEST)).unwrap_or(1)
}
