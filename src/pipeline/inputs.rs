//! What a batch reads: files, folders, globs, or the rows of a manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::error::{Error, OrFail, Result};

/// One file of a batch, with what its manifest row declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Where the file is.
    pub path: PathBuf,
    /// What the manifest declares; it beats what is detected.
    pub declared: Declared,
}

/// What a manifest declares about a filing. Every column but `path` may be absent or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The authority's own id of the filing; versions of one filing share it.
    pub filing_id: Option<String>,
    /// The reporting institution.
    pub institution: Option<String>,
    /// The authority's own id of the institution.
    pub institution_id: Option<String>,
    /// The Legal Entity Identifier (ISO 17442).
    pub lei: Option<String>,
    /// The type of document, as in [`crate::document::Metadata::document_type`].
    #[serde(rename = "type")]
    pub document_type: Option<String>,
    /// The reporting period.
    pub period: Option<String>,
    /// When it was filed: a date or an RFC 3339 time.
    pub filed_at: Option<String>,
    /// The path, or the SHA-256, of the version that this one replaces.
    pub supersedes: Option<String>,
}

/// The files of a batch, in order of their paths, each once.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The files to read.
    pub files: Vec<Input>,
    /// Files met in folders that are no PDF by name; they are not read.
    pub skipped: usize,
    /// What the user should know about the manifest.
    pub warnings: Vec<String>,
}

/// Collects the inputs that `arguments` (files, folders, globs) and the manifest name.
///
/// # Errors
/// An argument that names nothing, a manifest that cannot be read (with file and line), and an empty batch.
pub fn collect(arguments: &[PathBuf], manifest: Option<&Path>) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    let mut files: BTreeMap<PathBuf, Declared> = BTreeMap::new();
    if let Some(manifest) = manifest {
        read_manifest(manifest, &mut files, &mut inputs.warnings)?;
    }
    for argument in arguments {
        let found = expand(argument, &mut inputs.skipped)?;
        for path in found {
            files.entry(path).or_default();
        }
    }
    if files.is_empty() {
        return Err(
            Error::usage("no PDF files to read").remedy("name files, folders or globs, or a manifest with --manifest FILE")
        );
    }
    inputs.files = files.into_iter().map(|(path, declared)| Input { path, declared }).collect();
    Ok(inputs)
}

fn expand(argument: &Path, skipped: &mut usize) -> Result<Vec<PathBuf>> {
    if argument.is_dir() {
        return Ok(walk(argument, skipped, |path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("pdf"))));
    }
    let text = argument.to_string_lossy();
    // A name with brackets can be a file of that name: the file wins over the pattern.
    if argument.exists() || !text.contains(['*', '?', '[', '{']) {
        return match argument.symlink_metadata() {
            Ok(_) => Ok(vec![argument.to_owned()]),
            Err(error) => Err(Error::usage(format!("no such file or folder: {}", argument.display())).because(error)),
        };
    }
    let glob = GlobBuilder::new(&text).literal_separator(true).build();
    let glob = glob.or_usage(|| format!("not a valid glob: {text}"))?.compile_matcher();
    let base: PathBuf =
        argument.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{'])).collect();
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base.as_path() };
    let found = walk(base, &mut 0, |path| glob.is_match(path) || path.strip_prefix("./").is_ok_and(|path| glob.is_match(path)));
    if found.is_empty() {
        return Err(Error::usage(format!("nothing matches {text}")));
    }
    Ok(found)
}

fn walk(base: &Path, skipped: &mut usize, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = WalkDir::new(base).follow_links(true).sort_by_file_name().into_iter().filter_map(|entry| match entry {
        Ok(entry) => entry.file_type().is_file().then(|| entry.into_path()),
        Err(error) => {
            tracing::warn!(%error, "a folder entry cannot be read");
            None
        }
    });
    let (wanted, unwanted): (Vec<_>, Vec<_>) = entries.partition(|path| wanted(path));
    *skipped += unwanted.len();
    wanted
}

fn read_manifest(manifest: &Path, files: &mut BTreeMap<PathBuf, Declared>, warnings: &mut Vec<String>) -> Result<()> {
    let name = manifest.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(manifest)
        .or_usage(|| format!("cannot read the manifest {name}"))?;
    let headers = reader.headers().or_usage(|| format!("the manifest {name} has no header line"))?.clone();
    let known = ["path", "filing_id", "institution", "institution_id", "lei", "type", "period", "filed_at", "supersedes"];
    if let Some(unknown) = headers.iter().find(|header| !known.contains(header)) {
        return Err(Error::usage(format!("{name}, line 1: unknown column `{unknown}`"))
            .remedy(format!("known columns: {}", known.join(", "))));
    }
    let folder = manifest.parent().unwrap_or(Path::new(""));
    for row in reader.records() {
        let row = row.or_usage(|| format!("the manifest {name} has a row that cannot be read"))?;
        let column = |name: &str| {
            let place = headers.iter().position(|header| header == name)?;
            row.get(place).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let line = row.position().map_or(0, csv::Position::line);
        let path = column("path").ok_or_else(|| Error::usage(format!("{name}, line {line}: the column `path` is empty")))?;
        let path = folder.join(path);
        let declared = Declared {
            filing_id: column("filing_id"),
            institution: column("institution"),
            institution_id: column("institution_id"),
            lei: column("lei"),
            document_type: column("type"),
            period: column("period"),
            filed_at: column("filed_at"),
            supersedes: column("supersedes"),
        };
        if let Some(lei) = declared.lei.as_deref().filter(|lei| !lei_is_valid(lei)) {
            warnings.push(format!("{name}: {lei} of {} is no valid LEI (ISO 17442 check digits)", path.display()));
        }
        if files.insert(path.clone(), declared).is_some() {
            return Err(Error::usage(format!("{name}: {} is listed twice", path.display())));
        }
    }
    Ok(())
}

/// Whether a text is a Legal Entity Identifier: 20 letters and digits whose ISO 7064 MOD 97-10 check holds (ISO 17442).
pub fn lei_is_valid(lei: &str) -> bool {
    lei.len() == 20
        && lei.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && lei.chars().filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
            let shift = if digit > 9 { 100 } else { 10 };
            (rest * shift + digit) % 97
        }) == 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lei_check_digits() {
        // The example of ISO 17442 in public use, and the same with two digits swapped.
        assert!(lei_is_valid("529900T8BM49AURSDO55"));
        assert!(!lei_is_valid("529900T8BM49AURSDO56"));
        assert!(!lei_is_valid("529900T8BM49AURSD055"));
        assert!(!lei_is_valid(""));
    }

    #[test]
    fn folders_globs_and_a_manifest_give_each_file_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.pdf", "a.PDF", "notes.txt", "deep/c.pdf"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let manifest = folder.path().join("filings.csv");
        std::fs::write(&manifest, "path,institution,period\nb.pdf,Harbour Bank,2023\n").unwrap();
        let arguments = [folder.path().to_owned(), folder.path().join("deep/*.pdf")];
        let inputs = collect(&arguments, Some(&manifest)).unwrap();
        let names: Vec<_> =
            inputs.files.iter().map(|input| input.path.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.PDF", "b.pdf", "deep/c.pdf"]);
        assert_eq!(inputs.files[1].declared.institution.as_deref(), Some("Harbour Bank"));
        assert_eq!(inputs.skipped, 2);
    }

    #[test]
    fn a_wrong_manifest_names_file_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("filings.csv");
        std::fs::write(&manifest, "path,bank\nb.pdf,Harbour Bank\n").unwrap();
        let error = collect(&[], Some(&manifest)).unwrap_err();
        assert!(error.to_string().contains("filings.csv, line 1: unknown column `bank`"), "{error}");
        assert!(collect(&[folder.path().join("absent.pdf")], None).is_err());
    }
}
