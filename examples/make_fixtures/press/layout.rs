//! Sets the elements of a source on pages.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::fonts::Font;
use super::lines::{Face, break_lines, number, show};
use super::markup::{Element, Source};
use super::scan;

/// A page ready to be written: its operators and what the document structure needs.
pub struct Sheet {
    pub operators: String,
    /// `/Rotate`; the operators already turn their coordinates.
    pub rotate: i64,
    /// The printed page label.
    pub label: String,
    pub fonts: BTreeSet<Font>,
    /// Outline entries: level, title, height on the page.
    pub headings: Vec<(u8, String, f32)>,
    /// A one-bit picture that covers the page: width, height, rows packed to bytes.
    pub picture: Option<(usize, usize, Vec<u8>)>,
}

/// Sets a source on pages.
pub fn set_pages(source: &Source) -> Vec<Sheet> {
    let mut compositor = Compositor::new(source);
    let mut elements = source.elements.iter().peekable();
    while let Some(element) = elements.next() {
        match element {
            Element::Heading { level, text } => compositor.heading(*level, text),
            Element::Paragraph(text) => compositor.paragraph(text),
            Element::ListItem(text) => compositor.list_item(text),
            Element::Footnote(text) => compositor.footnote(text),
            Element::TableRow(_) => panic!("a table row without a !table before it"),
            Element::Directive { name, argument } if name == "table" => {
                let mut rows = Vec::new();
                while let Some(Element::TableRow(row)) = elements.next_if(|next| matches!(next, Element::TableRow(_))) {
                    rows.push(row.clone());
                }
                compositor.table(argument, &rows);
            }
            Element::Directive { name, argument } => compositor.directive(name, argument),
        }
    }
    compositor.finish_page();
    compositor.sheets
}

const PAGE: (f32, f32) = (595.0, 842.0);
const SIDE: f32 = 72.0;
const TOP: f32 = 84.0;
const BOTTOM: f32 = 84.0;
const GUTTER: f32 = 22.0;

struct Compositor<'a> {
    source: &'a Source,
    body: Face,
    bold: Face,
    italic: Face,
    leading: f32,
    justify: bool,
    columns: usize,
    /// Draw both columns line by line across the page, as some typesetting programs do.
    interleave: bool,
    roman: bool,
    next_number: usize,
    sheets: Vec<Sheet>,
    page: OpenPage,
}

/// The page being set.
struct OpenPage {
    landscape: bool,
    bare: bool,
    /// Pieces with the height they stand at, in the order they were set.
    pieces: Vec<(f32, String)>,
    headings: Vec<(u8, String, f32)>,
    fonts: BTreeSet<Font>,
    picture: Option<(usize, usize, Vec<u8>)>,
    column: usize,
    /// The top of the columns: below a title that spans them.
    column_top: f32,
    /// The height that the next line hangs from.
    y: f32,
    /// The height that text may not pass: above the footnotes.
    floor: f32,
    empty: bool,
}

impl OpenPage {
    fn new(landscape: bool) -> Self {
        let top = if landscape { PAGE.0 } else { PAGE.1 } - TOP;
        Self {
            landscape,
            bare: false,
            pieces: Vec::new(),
            headings: Vec::new(),
            fonts: BTreeSet::new(),
            picture: None,
            column: 0,
            column_top: top,
            y: top,
            floor: BOTTOM,
            empty: true,
        }
    }

    /// Width and height as displayed.
    fn size(&self) -> (f32, f32) {
        if self.landscape { (PAGE.1, PAGE.0) } else { PAGE }
    }
}

impl<'a> Compositor<'a> {
    fn new(source: &'a Source) -> Self {
        let chinese = match source.get("chinese-font") {
            Some("utf16") => Some(Font::Ming),
            Some("ucs2") => Some(Font::MingUcs2),
            Some(other) => panic!("no such Chinese font: {other}"),
            None => None,
        };
        // A source may set Latin characters from the Chinese font too, as older word processors do.
        let all_chinese = source.get("latin") == Some("chinese");
        let face = |latin: Font| Face { latin: chinese.filter(|_| all_chinese).unwrap_or(latin), chinese, size: 0.0 };
        let size: f32 = source.get("size").map_or(10.5, |size| size.parse().expect("size is a number"));
        let columns = source.get("columns").map_or(1, |columns| columns.parse().expect("columns is a number"));
        Self {
            source,
            body: face(Font::Times).sized(size),
            bold: face(Font::HelveticaBold).sized(size),
            italic: face(Font::TimesItalic).sized(size),
            leading: size * if chinese.is_some() { 1.65 } else { 1.32 },
            justify: chinese.is_some() || columns > 1,
            columns,
            interleave: columns > 1,
            roman: source.get("numbering") == Some("roman"),
            next_number: 1,
            sheets: Vec::new(),
            page: OpenPage::new(false),
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        let face = self.bold.sized(self.body.size + if level > 1 || self.columns > 1 { 1.5 } else { 5.0 });
        let leading = face.size * 1.3;
        let lines = break_lines(text, face, self.measure());
        // A heading stays with what follows: two lines of text, or a heading below it with two lines.
        let company = if level == 1 { 6.0 } else { 3.0 };
        self.need(leading * lines.len() as f32 + self.leading * company + 8.0);
        if !self.page.empty {
            self.page.y -= if level == 1 { 14.0 } else { 8.0 };
        }
        self.page.headings.push((level, text.to_owned(), self.page.y));
        for line in &lines {
            self.page.y -= leading;
            let piece = show(line, face, self.left(), self.page.y, None);
            self.put(piece, face);
        }
        self.page.y -= 5.0;
    }

    fn paragraph(&mut self, text: &str) {
        let indent = if self.body.chinese.is_some() { self.body.size * 2.0 } else { 0.0 };
        // The first line of a Chinese paragraph is indented by two ideographic spaces, as word processors do.
        let text = if indent > 0.0 { format!("\u{3000}\u{3000}{text}") } else { text.to_owned() };
        self.set_text(&text, self.body, self.leading, 0.0);
        self.page.y -= self.leading * 0.45;
    }

    fn list_item(&mut self, text: &str) {
        let mark = if self.body.chinese.is_some() { "‧" } else { "•" };
        self.need(self.leading);
        let marks = break_lines(mark, self.body, 40.0);
        let piece = show(&marks[0], self.body, self.left() + 6.0, self.page.y - self.leading, None);
        self.put(piece, self.body);
        self.set_text(text, self.body, self.leading, 20.0);
        self.page.y -= self.leading * 0.25;
    }

    fn footnote(&mut self, text: &str) {
        let face = self.body.sized(8.0);
        let leading = if face.chinese.is_some() { 12.0 } else { 9.6 };
        let lines = break_lines(text, face, self.measure());
        let height = leading * lines.len() as f32 + 6.0;
        assert!(self.page.y - height > self.page.floor, "no room for the footnote {text:?}: move it");
        if self.page.floor == BOTTOM {
            let rule = format!(
                "0.5 w {} {} m {} {} l S\n",
                number(SIDE),
                number(BOTTOM + height),
                number(SIDE + 120.0),
                number(BOTTOM + height)
            );
            self.page.pieces.push((0.0, rule));
        }
        let top = self.page.floor + height - 4.0;
        for (index, line) in lines.iter().enumerate() {
            let piece = show(line, face, self.left(), top - leading * (index + 1) as f32, None);
            self.put(piece, face);
        }
        self.page.floor += height;
    }

    /// Sets rows under a caption: `ruled` draws the lines of the grid, `plain` none and sets the cells column by column.
    fn table(&mut self, argument: &str, rows: &[Vec<String>]) {
        let (kind, caption) = argument.split_once(' ').unwrap_or((argument, ""));
        let (face, bold) = (self.body.sized(self.body.size - 1.0), self.bold.sized(self.body.size - 1.5));
        let row_height = self.leading * 1.2;
        let columns = rows.iter().map(Vec::len).max().expect("a table has rows");
        let mut widths: Vec<f32> = (0..columns)
            .map(|column| {
                let cells = rows.iter().enumerate().filter_map(|(row, cells)| Some((row, cells.get(column)?)));
                let widest = cells.map(|(row, cell)| if row == 0 { bold } else { face }.measure(cell)).fold(0.0, f32::max);
                widest + 12.0
            })
            .collect();
        let spare = self.measure() - widths.iter().sum::<f32>();
        assert!(spare >= 0.0, "the table {caption:?} is {} points too wide", -spare);
        widths[0] += spare * 0.4;
        for width in &mut widths[1..] {
            *width += spare * 0.6 / (columns - 1) as f32;
        }
        self.need(row_height * (rows.len() + 2) as f32);
        self.set_text(caption, bold.sized(self.body.size - 0.5), self.leading, 0.0);
        let top = self.page.y - 2.0;
        let mut edges = vec![self.left()];
        for width in &widths {
            edges.push(edges[edges.len() - 1] + width);
        }
        let mut cells = Vec::new();
        for (row, texts) in rows.iter().enumerate() {
            let face = if row == 0 { bold } else { face };
            let y = top - row_height * (row + 1) as f32 + row_height * 0.32;
            for (column, text) in texts.iter().enumerate() {
                // Text columns hang left, figures right.
                let x = if column == 0 { edges[0] + 6.0 } else { edges[column + 1] - 6.0 - face.measure(text) };
                cells.push((column, show(&break_lines(text, face, 400.0)[0], face, x, y, None), face));
            }
        }
        if kind == "plain" {
            cells.sort_by_key(|(column, _, _)| *column);
        }
        for (_, piece, face) in cells {
            self.put(piece, face);
        }
        let bottom = top - row_height * rows.len() as f32;
        if kind == "ruled" {
            let mut rules = String::from("0.6 w\n");
            for row in 0..=rows.len() {
                let y = number(top - row_height * row as f32);
                writeln!(rules, "{} {y} m {} {y} l S", number(edges[0]), number(edges[columns])).unwrap();
            }
            for edge in &edges {
                writeln!(rules, "{0} {1} m {0} {2} l S", number(*edge), number(top), number(bottom)).unwrap();
            }
            self.page.pieces.push((0.0, rules));
        }
        self.page.y = bottom - self.leading * 0.9;
    }

    fn directive(&mut self, name: &str, argument: &str) {
        match name {
            "page" => self.finish_page(),
            "bare" => self.page.bare = true,
            "arabic" => {
                self.finish_page();
                self.roman = false;
                self.next_number = 1;
            }
            "landscape" => {
                self.finish_page();
                self.page = OpenPage::new(true);
            }
            "space" => self.page.y -= argument.parse::<f32>().expect("!space takes points"),
            "title" => self.title(argument),
            "scan" => {
                let picture = scan::picture(&argument.split('|').collect::<Vec<_>>());
                self.page.picture = Some(picture);
                self.page.bare = true;
                self.page.empty = false;
            }
            "white" => self.odd_text(argument, self.body, "1 1 1 rg\n", "0 0 0 rg\n"),
            "invisible" => self.odd_text(argument, self.body, "BT 3 Tr ET\n", "BT 0 Tr ET\n"),
            "tiny" => self.odd_text(argument, self.body.sized(0.8), "", ""),
            "banner" => {
                self.need(self.leading * 2.0);
                let (width, y) = (self.measure(), self.page.y - self.leading * 1.5);
                let band = format!(
                    "0.10 0.22 0.38 rg {} {} {} {} re f\n",
                    number(self.left()),
                    number(y),
                    number(width),
                    number(self.leading * 1.5)
                );
                self.page.pieces.push((self.page.y, band));
                let line = &break_lines(argument, self.bold, width - 12.0)[0];
                let text = show(line, self.bold, self.left() + 6.0, y + self.leading * 0.5, None);
                self.put(format!("1 1 1 rg\n{text}0 0 0 rg\n"), self.bold);
                self.page.y -= self.leading * 2.2;
            }
            other => panic!("no such directive: !{other}"),
        }
    }

    /// A large centred line; columns begin below it.
    fn title(&mut self, text: &str) {
        let face = self.bold.sized(self.body.size + 11.0);
        let (page_width, _) = self.page.size();
        for line in break_lines(text, face, page_width - 2.0 * SIDE) {
            self.page.y -= face.size * 1.4;
            let piece = show(&line, face, SIDE, self.page.y, None);
            self.put(piece, face);
        }
        self.page.y -= 14.0;
        self.page.column_top = self.page.y;
    }

    /// Text that is drawn in an unusual state: white, invisible, tiny.
    fn odd_text(&mut self, text: &str, face: Face, before: &str, after: &str) {
        self.need(self.leading * 2.0);
        for line in break_lines(text, face, self.measure()) {
            self.page.y -= face.size * 1.3;
            let piece = show(&line, face, self.left(), self.page.y, None);
            self.put(format!("{before}{piece}{after}"), face);
        }
        self.page.y -= self.leading * 0.5;
    }

    fn set_text(&mut self, text: &str, face: Face, leading: f32, indent: f32) {
        let measure = self.measure() - indent;
        for line in break_lines(text, face, measure) {
            self.need(leading);
            self.page.y -= leading;
            let piece = show(&line, face, self.left() + indent, self.page.y, self.justify.then_some(measure));
            self.put(piece, face);
        }
    }

    /// Makes room for `height` points: else the next column, else the next page.
    fn need(&mut self, height: f32) {
        if self.page.y - height >= self.page.floor || self.page.empty {
            return;
        }
        if self.page.column + 1 < self.columns {
            self.page.column += 1;
            self.page.y = self.page.column_top;
        } else {
            self.finish_page();
        }
    }

    fn put(&mut self, piece: String, face: Face) {
        self.page.empty = false;
        self.page.fonts.insert(face.latin);
        self.page.fonts.extend(face.chinese);
        self.page.pieces.push((self.page.y, piece));
    }

    fn left(&self) -> f32 {
        SIDE + (self.measure() + GUTTER) * self.page.column as f32
    }

    fn measure(&self) -> f32 {
        let columns = self.columns as f32;
        (self.page.size().0 - 2.0 * SIDE - GUTTER * (columns - 1.0)) / columns
    }

    fn finish_page(&mut self) {
        if self.page.empty {
            return;
        }
        let label = if self.roman { roman(self.next_number) } else { self.next_number.to_string() };
        self.next_number += 1;
        if !self.page.bare {
            self.running_lines(&label);
        }
        let mut page = std::mem::replace(&mut self.page, OpenPage::new(false));
        if self.interleave {
            page.pieces.sort_by(|one, other| other.0.total_cmp(&one.0));
        }
        let mut operators = String::new();
        if page.landscape {
            // The page is portrait and turned by /Rotate 90: draw so that it reads upright after the turn.
            writeln!(operators, "0 1 -1 0 {} 0 cm", number(PAGE.0)).unwrap();
        }
        operators.extend(page.pieces.iter().map(|(_, piece)| piece.as_str()));
        self.sheets.push(Sheet {
            operators,
            rotate: if page.landscape { 90 } else { 0 },
            label,
            fonts: page.fonts,
            headings: page.headings,
            picture: page.picture,
        });
    }

    /// The running header and footer.
    fn running_lines(&mut self, label: &str) {
        let face = self.italic.sized(8.5);
        let (width, height) = self.page.size();
        if let Some(header) = self.source.get("header") {
            let piece = show(&break_lines(header, face, width)[0], face, SIDE, height - 48.0, None);
            let rule = format!("0.4 w {} {y} m {} {y} l S\n", number(SIDE), number(width - SIDE), y = number(height - 54.0));
            self.put(piece + &rule, face);
        }
        let footer = self.source.get("footer").map_or_else(|| label.to_owned(), |footer| footer.replace("{}", label));
        let x = (width - face.measure(&footer)) / 2.0;
        let piece = show(&break_lines(&footer, face, width)[0], face, x, 42.0, None);
        self.put(piece, face);
    }
}

/// Lower-case Roman numerals up to 39, enough for front matter.
fn roman(number: usize) -> String {
    let units = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    "x".repeat(number / 10) + units[number % 10]
}
