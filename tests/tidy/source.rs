//! Rust files as the rules read them: without comments, text and tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file whose comments, string contents and test modules are blanked out; lines keep their numbers.
pub struct SourceFile {
    /// The path below the root of the project.
    pub name: String,
    code: String,
}

impl SourceFile {
    /// Every Rust file below a folder of the project.
    pub fn all_of(folder: &str) -> Vec<Self> {
        rust_files(&[folder])
            .iter()
            .map(|path| Self::parse(&path.strip_prefix(root()).unwrap().to_string_lossy(), &fs::read_to_string(path).unwrap()))
            .collect()
    }

    pub fn parse(name: &str, text: &str) -> Self {
        let mut code = without_comments_and_strings(text);
        let is_tests = name.ends_with("/tests.rs") || name.contains("/tests/");
        if is_tests {
            code = code.chars().map(|character| if character == '\n' { '\n' } else { ' ' }).collect();
        }
        Self { name: name.to_owned(), code: without_tests(&code) }
    }

    /// The top-level module the file belongs to.
    pub fn module(&self) -> String {
        let below = self.name.strip_prefix("src/").unwrap_or(&self.name);
        below.split('/').next().unwrap_or(below).trim_end_matches(".rs").to_owned()
    }

    /// Where the code has these words, by line from 1.
    pub fn lines_with(&self, words: &str) -> Vec<usize> {
        let begins_name = words.starts_with(|first: char| first.is_alphanumeric());
        let found = |line: &str| {
            line.match_indices(words)
                .any(|(at, _)| !begins_name || !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
        };
        self.code.lines().enumerate().filter(|(_, line)| found(line)).map(|(index, _)| index + 1).collect()
    }

    /// The modules named by `crate::…` (or `scrutineer::…` in main.rs), with their lines.
    pub fn crate_paths(&self) -> Vec<(usize, String)> {
        // The modules at the root, not what lib.rs itself declares.
        if self.name == "src/lib.rs" {
            return Vec::new();
        }
        let prefix = if self.name == "src/main.rs" { "scrutineer::" } else { "crate::" };
        let mut paths = Vec::new();
        for (at, _) in self.code.match_indices(prefix) {
            if self.code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
                continue;
            }
            let line = self.code[..at].matches('\n').count() + 1;
            let rest = &self.code[at + prefix.len()..];
            paths.extend(first_segments(rest).into_iter().map(|name| (line, name)));
        }
        paths
    }
}

/// The root of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, in order; none where there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let skipped = ["target", ".venv", "__pycache__", "scrutineer-data"];
    paths.retain(|path| !path.file_name().is_some_and(|name| skipped.iter().any(|skipped| name == *skipped)));
    paths.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Every Rust file below some folders of the project.
pub fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let files = folders.iter().flat_map(|folder| files_below(&root().join(folder)));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The first names of a path or of a group of paths: `a::B` gives a; `{a::B, c}` gives a and c.
fn first_segments(rest: &str) -> Vec<String> {
    let name = |text: &str| {
        text.trim().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Blanks the bodies of modules and items marked `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]") {
        let end = match (out[at..].find('{'), out[at..].find(';')) {
            // `#[cfg(test)] mod tests;` or `use …;`: the item ends with its semicolon.
            (Some(open), Some(end)) if end < open => at + end + 1,
            (None, Some(end)) => at + end + 1,
            (Some(open), _) => at + open + block_length(&out[at + open..]),
            (None, None) => out.len(),
        };
        let blank: String = out[at..end].chars().map(|character| if character == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &blank);
    }
    out
}

/// The length of a block in braces.
fn block_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the contents of strings and character literals; lines stay.
fn without_comments_and_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let blank =
        |part: &str, out: &mut String| out.extend(part.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
    while let Some(first) = rest.chars().next() {
        let before_is_name = out.ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if !before_is_name
            && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br\"") || rest.starts_with("br#"))
        {
            raw_string_length(rest)
        } else if first == '"' {
            string_length(rest)
        } else if first == '\'' {
            character_length(rest)
        } else {
            0
        };
        if length > 0 {
            blank(&rest[..length], &mut out);
            rest = &rest[length..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"…"` or `r#"…"#`; 0 for a raw identifier.
fn raw_string_length(text: &str) -> usize {
    let start = text.find('r').map_or(0, |at| at + 1);
    let hashes = text[start..].chars().take_while(|character| *character == '#').count();
    if !text[start + hashes..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = start + hashes + 1;
    text[body..].find(&close).map_or(text.len(), |end| body + end + close.len())
}

/// The length of a character literal; 0 for a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => text[2..].find('\'').map_or(0, |end| end + 3).max(if text.starts_with("'\\''") { 4 } else { 0 }),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
