//! The taxonomy: what a passage can be flagged for.
//!
//! Two levels, groups and labels, with names and definitions in English and Traditional Chinese and phrases that carry a label.
//! The file is TOML, so that a supervisor adds a label without a change of code: a label that no head was trained for is found
//! through its phrases. Label ids never change their meaning and never vanish; versions only add.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::config::UiLanguage;
use crate::digest::Digest;

/// The schema that a taxonomy file names in its first lines.
pub const SCHEMA: &str = "suptech-taxonomy/1";

/// The set of labels of which a passage carries at most one.
const STANCE_SET: &str = "mp-stance";

/// Groups and labels, validated.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    version: String,
    groups: Vec<Group>,
    labels: Vec<Label>,
    digest: Digest,
}

/// A group of labels: the first level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Lower-case letters, digits and hyphens.
    pub id: String,
    /// The English name.
    pub name_en: String,
    /// The Traditional Chinese name.
    pub name_zh: String,
}

/// A risk or a stance that a passage can express: the second level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Lower-case letters, digits and hyphens; never changes its meaning.
    pub id: String,
    /// The id of its group.
    pub group: String,
    /// The set of labels that exclude one another, where it belongs to one.
    pub exclusive_set: Option<String>,
    /// The English name.
    pub name_en: String,
    /// The Traditional Chinese name.
    pub name_zh: String,
    /// What it means, in English.
    pub definition_en: String,
    /// What it means, in Traditional Chinese.
    pub definition_zh: String,
    /// English phrases that carry it.
    pub phrases_en: Vec<String>,
    /// Traditional Chinese phrases that carry it.
    pub phrases_zh: Vec<String>,
}

/// Why a taxonomy file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    /// The file cannot be read.
    #[error("cannot read the taxonomy {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not TOML of the right shape.
    #[error("{}, line {line}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A value breaks a rule.
    #[error("{}, line {line}: `{key}`: {message}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line of the value, from 1.
        line: usize,
        /// The key, such as `label.credit-risk.group`.
        key: String,
        /// The rule, and what to do.
        message: String,
    },
}

impl Taxonomy {
    /// Reads and validates a taxonomy file.
    ///
    /// # Errors
    /// What is wrong, with file, line and key.
    pub fn load(path: &Path) -> Result<Self, TaxonomyError> {
        let text = std::fs::read_to_string(path).map_err(|source| TaxonomyError::Unreadable { file: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Validates the text of a taxonomy file; `file` is named in errors.
    ///
    /// # Errors
    /// What is wrong, with file, line and key.
    pub fn parse(file: &Path, text: &str) -> Result<Self, TaxonomyError> {
        let raw: RawTaxonomy = toml::from_str(text).map_err(|error| TaxonomyError::Syntax {
            file: file.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        Validator { file, text }.taxonomy(raw)
    }

    /// The version that the file gives itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The groups, in the order of the file.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter()
    }

    /// The labels, in the order of the file.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &Label> {
        self.labels.iter()
    }

    /// The label with this id.
    pub fn label(&self, id: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.id == id)
    }

    /// The group with this id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// SHA-256 over everything that the taxonomy says; comments, layout and the dataset maps do not count.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// SHA-256 over what the labels `ids` mean: group, exclusivity and definitions, in the order given. It is what a head
    /// belongs to: better phrases or a further label leave it as it is, another meaning does not. Ids that the taxonomy does not
    /// know count as such.
    pub fn meaning_digest<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Digest {
        let mut parts: Vec<&str> = Vec::new();
        for id in ids {
            parts.push(id);
            match self.label(id) {
                Some(label) => parts.extend(label.meaning()),
                None => parts.push("unknown"),
            }
        }
        Digest::of_parts(parts)
    }
}

impl Group {
    /// The name in the reader's language.
    pub fn name(&self, language: UiLanguage) -> &str {
        language.pick(&self.name_en, &self.name_zh)
    }
}

impl Label {
    /// The name in the reader's language.
    pub fn name(&self, language: UiLanguage) -> &str {
        language.pick(&self.name_en, &self.name_zh)
    }

    /// The definition in the reader's language.
    pub fn definition(&self, language: UiLanguage) -> &str {
        language.pick(&self.definition_en, &self.definition_zh)
    }

    /// The phrases in both languages, English first.
    pub fn phrases(&self) -> impl Iterator<Item = &str> {
        self.phrases_en.iter().chain(&self.phrases_zh).map(String::as_str)
    }

    fn meaning(&self) -> [&str; 4] {
        [&self.group, self.exclusive_set.as_deref().unwrap_or_default(), &self.definition_en, &self.definition_zh]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTaxonomy {
    schema: Spanned<String>,
    version: Spanned<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "said by the file; the fields of a label fix the languages")]
    languages: Vec<String>,
    group: Vec<RawGroup>,
    label: Vec<RawLabel>,
    #[serde(default)]
    #[allow(dead_code, reason = "how public datasets map on to the labels: read by the training scripts alone")]
    mapping: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    id: Spanned<String>,
    name_en: Spanned<String>,
    name_zh: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabel {
    id: Spanned<String>,
    group: Spanned<String>,
    exclusive_set: Option<Spanned<String>>,
    name_en: Spanned<String>,
    name_zh: Spanned<String>,
    definition_en: Spanned<String>,
    definition_zh: Spanned<String>,
    #[serde(default)]
    phrases_en: Vec<Spanned<String>>,
    #[serde(default)]
    phrases_zh: Vec<Spanned<String>>,
    #[serde(default)]
    #[allow(dead_code, reason = "where a label is taken from: for readers of the file")]
    sources: Vec<String>,
}

struct Validator<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Validator<'_> {
    fn taxonomy(&self, raw: RawTaxonomy) -> Result<Taxonomy, TaxonomyError> {
        if raw.schema.get_ref() != SCHEMA {
            let message = format!("schema is {:?}, this program reads {SCHEMA:?}", raw.schema.get_ref());
            return Err(self.fault(&raw.schema, "schema", message));
        }
        self.filled(&raw.version, "version")?;
        let mut groups: Vec<Group> = Vec::with_capacity(raw.group.len());
        for group in &raw.group {
            let key = |field: &str| format!("group.{}.{field}", group.id.get_ref());
            self.id(&group.id, "group.id")?;
            if groups.iter().any(|known| known.id == *group.id.get_ref()) {
                return Err(self.fault(&group.id, &key("id"), "a second group with this id".to_owned()));
            }
            groups.push(Group {
                id: group.id.get_ref().clone(),
                name_en: self.filled(&group.name_en, &key("name_en"))?,
                name_zh: self.filled(&group.name_zh, &key("name_zh"))?,
            });
        }
        let mut labels: Vec<Label> = Vec::with_capacity(raw.label.len());
        for label in &raw.label {
            labels.push(self.label(label, &groups, &labels)?);
        }
        self.exclusive_sets(&raw.label)?;
        let digest = digest_of(raw.version.get_ref(), &groups, &labels);
        Ok(Taxonomy { version: raw.version.into_inner(), groups, labels, digest })
    }

    fn label(&self, label: &RawLabel, groups: &[Group], before: &[Label]) -> Result<Label, TaxonomyError> {
        let key = |field: &str| format!("label.{}.{field}", label.id.get_ref());
        self.id(&label.id, "label.id")?;
        if before.iter().any(|known| known.id == *label.id.get_ref()) {
            return Err(self.fault(&label.id, &key("id"), "a second label with this id".to_owned()));
        }
        if !groups.iter().any(|group| group.id == *label.group.get_ref()) {
            let known: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
            let message = format!("no group {:?}; the groups are {}", label.group.get_ref(), known.join(", "));
            return Err(self.fault(&label.group, &key("group"), message));
        }
        if label.phrases_en.is_empty() && label.phrases_zh.is_empty() {
            let message = "a label needs phrases in at least one language: `phrases_en` or `phrases_zh`".to_owned();
            return Err(self.fault(&label.id, &key("phrases_en"), message));
        }
        let phrases = |field: &str, phrases: &[Spanned<String>]| {
            phrases.iter().map(|phrase| self.filled(phrase, &key(field))).collect::<Result<Vec<_>, _>>()
        };
        Ok(Label {
            id: label.id.get_ref().clone(),
            group: label.group.get_ref().clone(),
            exclusive_set: label.exclusive_set.as_ref().map(|set| self.filled(set, &key("exclusive_set"))).transpose()?,
            name_en: self.filled(&label.name_en, &key("name_en"))?,
            name_zh: self.filled(&label.name_zh, &key("name_zh"))?,
            definition_en: self.filled(&label.definition_en, &key("definition_en"))?,
            definition_zh: self.filled(&label.definition_zh, &key("definition_zh"))?,
            phrases_en: phrases("phrases_en", &label.phrases_en)?,
            phrases_zh: phrases("phrases_zh", &label.phrases_zh)?,
        })
    }

    /// A set that one label alone belongs to is a slip of the pen; a stance label outside its set would stand beside its opposite.
    fn exclusive_sets(&self, labels: &[RawLabel]) -> Result<(), TaxonomyError> {
        let mut members: BTreeMap<&str, usize> = BTreeMap::new();
        for set in labels.iter().filter_map(|label| label.exclusive_set.as_ref()) {
            *members.entry(set.get_ref()).or_default() += 1;
        }
        for label in labels {
            let key = format!("label.{}.exclusive_set", label.id.get_ref());
            match &label.exclusive_set {
                Some(set) if members.get(set.get_ref().as_str()) == Some(&1) => {
                    let message = format!("{:?} holds this label alone; a set needs two", set.get_ref());
                    return Err(self.fault(set, &key, message));
                }
                None if label.id.get_ref().strip_prefix(STANCE_SET).is_some_and(|rest| rest.starts_with('-')) => {
                    let message = format!("a stance excludes the others; add `exclusive_set = {STANCE_SET:?}`");
                    return Err(self.fault(&label.id, &key, message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn id(&self, id: &Spanned<String>, key: &str) -> Result<(), TaxonomyError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.get_ref().is_empty() || !id.get_ref().chars().all(fits) {
            return Err(self.fault(id, key, format!("{:?}: lower-case letters, digits and hyphens", id.get_ref())));
        }
        Ok(())
    }

    fn filled(&self, value: &Spanned<String>, key: &str) -> Result<String, TaxonomyError> {
        if value.get_ref().trim().is_empty() {
            return Err(self.fault(value, key, "is empty".to_owned()));
        }
        Ok(value.get_ref().clone())
    }

    fn fault(&self, at: &Spanned<String>, key: &str, message: String) -> TaxonomyError {
        let line = line_of(self.text, at.span().start);
        TaxonomyError::Invalid { file: self.file.to_owned(), line, key: key.to_owned(), message }
    }
}

fn digest_of(version: &str, groups: &[Group], labels: &[Label]) -> Digest {
    let mut parts: Vec<String> = vec![SCHEMA.to_owned(), version.to_owned(), groups.len().to_string()];
    for Group { id, name_en, name_zh } in groups {
        parts.extend([id, name_en, name_zh].map(Clone::clone));
    }
    for label in labels {
        parts.push(label.id.clone());
        parts.extend(label.meaning().map(str::to_owned));
        parts.extend([label.name_en.clone(), label.name_zh.clone(), label.phrases_en.len().to_string()]);
        parts.extend(label.phrases().map(str::to_owned));
    }
    Digest::of_parts(parts)
}

fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const SMALL: &str = r#"schema = "suptech-taxonomy/1"
version = "1"
[[group]]
id = "conduct"
name_en = "Conduct"
name_zh = "行為"
[[label]]
id = "mis-selling"
group = "conduct"
name_en = "Mis-selling"
name_zh = "不當銷售"
definition_en = "Sold what does not suit."
definition_zh = "銷售不適合之商品。"
phrases_en = ["unsuitable product"]
"#;

    fn shipped() -> Taxonomy {
        Taxonomy::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/taxonomy.toml")).unwrap()
    }

    fn fault(text: &str) -> (usize, String, String) {
        match Taxonomy::parse(Path::new("t.toml"), text).unwrap_err() {
            TaxonomyError::Invalid { line, key, message, .. } => (line, key, message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_shipped_taxonomy_has_its_groups_labels_and_stances() {
        let taxonomy = shipped();
        assert_eq!((taxonomy.groups().len(), taxonomy.labels().len()), (7, 30));
        let stances: Vec<&str> = taxonomy
            .labels()
            .filter(|label| label.exclusive_set.as_deref() == Some(STANCE_SET))
            .map(|label| label.id.as_str())
            .collect();
        assert_eq!(stances, ["mp-stance-hawkish", "mp-stance-dovish", "mp-stance-neutral"]);
        let label = taxonomy.label("credit-risk").unwrap();
        assert_eq!((label.name(UiLanguage::English), label.name(UiLanguage::TraditionalChinese)), ("Credit risk", "信用風險"));
        assert_eq!(taxonomy.group(&label.group).unwrap().name_en, "Prudential balance-sheet risks");
    }

    #[test]
    fn faults_name_line_and_key() {
        let (line, key, message) = fault(&SMALL.replace(r#"group = "conduct""#, r#"group = "conducts""#));
        assert_eq!((line, key.as_str()), (9, "label.mis-selling.group"));
        assert!(message.contains("conduct"), "{message}");
        assert_eq!(fault(&SMALL.replace("Mis-selling", " ")).1, "label.mis-selling.name_en");
        assert_eq!(fault(&SMALL.replace(r#"id = "mis-selling""#, r#"id = "Mis Selling""#)).0, 8);
        assert_eq!(fault(&SMALL.replace("phrases_en = [\"unsuitable product\"]\n", "")).1, "label.mis-selling.phrases_en");
        assert_eq!(fault(&SMALL.replace("taxonomy/1", "taxonomy/9")).0, 1);
        let twice = format!("{SMALL}{}", &SMALL[SMALL.find("[[label]]").unwrap()..]);
        assert_eq!(fault(&twice).0, 16);
    }

    #[test]
    fn a_stance_outside_its_set_is_refused() {
        let (_, key, message) = fault(&SMALL.replace("mis-selling", "mp-stance-hawkish"));
        assert_eq!(key, "label.mp-stance-hawkish.exclusive_set");
        assert!(message.contains("mp-stance"), "{message}");
        let alone = SMALL.replace("name_en = \"Mis-selling\"", "exclusive_set = \"mine\"\nname_en = \"Mis-selling\"");
        assert_eq!(fault(&alone).0, 10);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Taxonomy::parse(Path::new("t.toml"), &SMALL.replace("phrases_en", "phrase_en")).unwrap_err();
        assert!(matches!(error, TaxonomyError::Syntax { line: 14, .. }), "{error}");
        assert!(error.to_string().contains("phrase_en"), "{error}");
    }

    #[test]
    fn comments_leave_the_digest_and_phrases_leave_the_meaning() {
        let parse = |text: &str| Taxonomy::parse(Path::new("t.toml"), text).unwrap();
        let plain = parse(SMALL);
        assert_eq!(parse(&format!("# a comment\n{SMALL}")).digest(), plain.digest());
        let phrased = parse(&SMALL.replace("unsuitable product", "unsuitable advice"));
        assert_ne!(phrased.digest(), plain.digest());
        let ids = ["mis-selling"];
        assert_eq!(phrased.meaning_digest(ids), plain.meaning_digest(ids));
        let changed = parse(&SMALL.replace("does not suit", "suits"));
        assert_ne!(changed.meaning_digest(ids), plain.meaning_digest(ids));
        assert_ne!(plain.meaning_digest(["other"]), plain.meaning_digest(ids));
    }
}
