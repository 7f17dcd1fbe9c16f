//! The small markup of `fixtures/sources/*.txt`: a header of `key: value` lines, then elements separated by blank lines.
//!
//! | line | element |
//! |---|---|
//! | `# Title`, `## Title` | heading of level 1, 2 |
//! | `- text` | list item |
//! | `^ text` | footnote, at the bottom of the page that the text before it stands on |
//! | `\| a \| b \|` | table row; the first row names the columns |
//! | `!name arguments` | directive: `!page`, `!table ruled Caption`, `!white text`… |
//! | anything else | a paragraph; its lines are joined |

use std::collections::BTreeMap;

/// A source file: settings and content.
pub struct Source {
    settings: BTreeMap<String, String>,
    pub elements: Vec<Element>,
}

/// One element of a document, in order.
pub enum Element {
    Heading { level: u8, text: String },
    Paragraph(String),
    ListItem(String),
    Footnote(String),
    TableRow(Vec<String>),
    Directive { name: String, argument: String },
}

impl Source {
    /// Reads a source; `chinese` says whether lines of a paragraph are joined without a space.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").expect("a source starts with its settings and a blank line");
        let settings: BTreeMap<String, String> = head
            .lines()
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("not a setting: {line}")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let joint = if settings.get("language").is_some_and(|language| language.starts_with("zh")) { "" } else { " " };
        let mut elements = Vec::new();
        let mut paragraph: Vec<&str> = Vec::new();
        for line in body.lines().chain([""]) {
            let own = element_of_line(line);
            if line.is_empty() || own.is_some() {
                if !paragraph.is_empty() {
                    elements.push(Element::Paragraph(paragraph.join(joint)));
                    paragraph.clear();
                }
                elements.extend(own);
            } else {
                paragraph.push(line);
            }
        }
        Self { settings, elements }
    }

    /// A setting, if the source has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// A setting that every source has.
    pub fn require(&self, key: &str) -> &str {
        self.get(key).unwrap_or_else(|| panic!("the source lacks the setting {key}"))
    }
}

/// The element that a line is by itself; none for lines of a paragraph.
fn element_of_line(line: &str) -> Option<Element> {
    if let Some(text) = line.strip_prefix("## ") {
        return Some(Element::Heading { level: 2, text: text.to_owned() });
    }
    if let Some(text) = line.strip_prefix("# ") {
        return Some(Element::Heading { level: 1, text: text.to_owned() });
    }
    if let Some(text) = line.strip_prefix("- ") {
        return Some(Element::ListItem(text.to_owned()));
    }
    if let Some(text) = line.strip_prefix("^ ") {
        return Some(Element::Footnote(text.to_owned()));
    }
    if let Some(row) = line.strip_prefix('|') {
        let row = row.strip_suffix('|').unwrap_or(row);
        return Some(Element::TableRow(row.split('|').map(|cell| cell.trim().to_owned()).collect()));
    }
    if let Some(directive) = line.strip_prefix('!') {
        let (name, argument) = directive.split_once(' ').unwrap_or((directive, ""));
        return Some(Element::Directive { name: name.to_owned(), argument: argument.to_owned() });
    }
    None
}
