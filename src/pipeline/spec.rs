//! The pipeline file: what a batch is read with, judged by, and where its flags go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::rules::CaseSpec;
use crate::digest::Digest;
use crate::document::Limits;
use crate::document::ocr::Recogniser;
use crate::error::{Error, OrFail, Result};
use crate::finding::rules;
use crate::finding::taxonomy::Taxonomy;
use crate::{passage, summary};

/// The schema that a pipeline file names in its first line.
pub const SCHEMA: &str = "scrutineer-pipeline/1";

/// A pipeline file as read, with its digest and the folder that relative paths start from.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What the file says.
    pub spec: PipelineSpec,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// The file.
    pub path: PathBuf,
}

/// A pipeline file (TOML).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// `scrutineer-pipeline/1`.
    pub schema: String,
    /// The pipeline's name, in reports and events: lower-case letters, digits and hyphens.
    pub name: String,
    /// One line on what it is for.
    #[serde(default)]
    pub description: String,
    /// How files are read.
    #[serde(default)]
    pub document: DocumentSpec,
    /// How long passages are.
    #[serde(default)]
    pub passage: PassageSpec,
    /// What is looked for.
    #[serde(default)]
    pub finding: FindingSpec,
    /// How long summaries are.
    #[serde(default)]
    pub summary: SummarySpec,
    /// Which flags become cases, and where they go.
    #[serde(default)]
    pub case: CaseSpec,
}

/// How files are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentSpec {
    /// Seconds of wall time that reading one file may take.
    pub timeout_seconds: u64,
    /// Megabytes of memory that reading one file may take.
    pub memory_mb: u64,
    /// Whether pages without text are read by OCR: `auto` where Tesseract is installed, `off` never.
    pub ocr: Ocr,
    /// Seconds of wall time that OCR of one page may take.
    pub ocr_timeout_seconds: u64,
    /// Unread pages (scans without OCR, damaged pages) that a whole run may have before it ends with exit code 3.
    pub max_unread_pages: u32,
}

impl Default for DocumentSpec {
    fn default() -> Self {
        Self { timeout_seconds: 300, memory_mb: 1024, ocr: Ocr::Auto, ocr_timeout_seconds: 120, max_unread_pages: 0 }
    }
}

/// Whether pages without text are read by OCR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ocr {
    /// Where the program is installed.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// How long passages are, in tokens of the encoder.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PassageSpec {
    /// A passage is closed when the next sentence would take it past this.
    #[schemars(range(min = 16, max = 480))]
    pub target_tokens: usize,
    /// No passage is longer.
    #[schemars(range(min = 16, max = 480))]
    pub max_tokens: usize,
}

impl Default for PassageSpec {
    fn default() -> Self {
        let passage::Options { target_tokens, max_tokens } = passage::Options::default();
        Self { target_tokens, max_tokens }
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FindingSpec {
    /// The taxonomy file, from the pipeline file's folder; the shipped one where absent.
    pub taxonomy: Option<PathBuf>,
    /// The labels looked for; all of the taxonomy where empty.
    pub labels: Vec<String>,
    /// Labels left out.
    pub exclude: Vec<String>,
    /// Thresholds, by label, in place of the head's own: from above 0 to 1.
    pub thresholds: BTreeMap<String, f32>,
}

/// How long summaries are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SummarySpec {
    /// Labels with a section of their own; further ones are named in one line.
    pub max_sections: usize,
    /// Sentences in all sections together.
    pub max_sentences: usize,
    /// Sentences per section.
    pub max_sentences_per_section: usize,
    /// Characters of a quotation.
    pub max_quote: usize,
    /// The model of the registry that writes sentences over the quotations, each checked before it is shown; none, and summaries
    /// quote.
    pub generator: Option<String>,
}

impl Default for SummarySpec {
    fn default() -> Self {
        let summary::Options { max_sections, max_sentences, max_sentences_per_section, max_quote } = summary::Options::default();
        Self { max_sections, max_sentences, max_sentences_per_section, max_quote, generator: None }
    }
}

impl FindingSpec {
    /// Whether a label is looked for.
    pub fn seeks(&self, label: &str) -> bool {
        let named = |labels: &[String]| labels.iter().any(|named| named == label);
        (self.labels.is_empty() || named(&self.labels)) && !named(&self.exclude)
    }
}

impl Pipeline {
    /// Reads and validates a pipeline file against the taxonomy it names.
    ///
    /// # Errors
    /// What is wrong, with file, line and key.
    pub fn load(path: &Path, shipped_taxonomy: Option<PathBuf>) -> Result<(Self, Taxonomy)> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).or_usage(|| format!("cannot read the pipeline file {shown}"))?;
        let spec: PipelineSpec = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let message = error.message().replace('\n', ", ");
            // Of a wrong type, the parser tells the place and the value but not the key.
            let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map_or("", |(key, _)| key.trim());
            let key = if key.is_empty() || message.contains(key) { String::new() } else { format!("`{key}`: ") };
            Error::usage(format!("{shown}, line {line}: {key}{message}"))
                .remedy("`scrutineer pipeline schema` prints what a pipeline file may hold")
        })?;
        let taxonomy_path = match (&spec.finding.taxonomy, shipped_taxonomy) {
            (Some(named), _) => path.parent().unwrap_or(Path::new("")).join(named),
            (None, Some(shipped)) => shipped,
            (None, None) => {
                return Err(Error::usage(format!("{shown} names no taxonomy, and none was shipped with the program"))
                    .remedy("set finding.taxonomy to the path of a taxonomy file"));
            }
        };
        let taxonomy =
            Taxonomy::load(&taxonomy_path).or_usage(|| format!("cannot use the taxonomy {}", taxonomy_path.display()))?;
        let pipeline = Self { spec, digest: Digest::of(text.as_bytes()), path: path.to_owned() };
        pipeline.validate(&text, &taxonomy)?;
        Ok((pipeline, taxonomy))
    }

    /// The pipeline's name and the first digits of its digest: `disclosures@41ab`.
    pub fn name_at_digest(&self) -> String {
        format!("{}@{}", self.spec.name, &self.digest.short()[..4])
    }

    /// What reading a file may cost.
    pub fn limits(&self) -> Limits {
        let spec = &self.spec.document;
        Limits {
            wall: Duration::from_secs(spec.timeout_seconds),
            memory_megabytes: spec.memory_mb,
            ocr_wall: Duration::from_secs(spec.ocr_timeout_seconds),
            ..Limits::default()
        }
    }

    /// OCR as the pipeline wants it.
    pub fn recogniser(&self) -> Recogniser {
        match self.spec.document.ocr {
            Ocr::Auto => Recogniser::auto(),
            Ocr::Off => Recogniser::off(),
        }
    }

    /// The options of the passage stage.
    pub fn passage_options(&self) -> passage::Options {
        let PassageSpec { target_tokens, max_tokens } = self.spec.passage;
        passage::Options { target_tokens, max_tokens }
    }

    /// The options of the summary stage.
    pub fn summary_options(&self) -> summary::Options {
        let SummarySpec { max_sections, max_sentences, max_sentences_per_section, max_quote, .. } = self.spec.summary;
        summary::Options { max_sections, max_sentences, max_sentences_per_section, max_quote }
    }

    fn validate(&self, text: &str, taxonomy: &Taxonomy) -> Result<()> {
        let fault = |key: &str, message: String| {
            let place = line_with(text, key).map_or_else(String::new, |line| format!(", line {line}"));
            Error::usage(format!("{}{place}: {message}", self.path.display()))
        };
        let spec = &self.spec;
        if spec.schema != SCHEMA {
            return Err(fault("schema", format!("schema is {:?}, this program reads {SCHEMA:?}", spec.schema)));
        }
        if spec.name.is_empty() || !spec.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(fault("name", format!("name is {:?}: lower-case letters, digits and hyphens", spec.name)));
        }
        let PassageSpec { target_tokens, max_tokens } = spec.passage;
        if !(16..=480).contains(&target_tokens) || !(target_tokens..=480).contains(&max_tokens) {
            let message =
                format!("passage.target_tokens is {target_tokens} and max_tokens {max_tokens}: 16 <= target <= max <= 480");
            return Err(fault("target_tokens", message));
        }
        let DocumentSpec { timeout_seconds, ocr_timeout_seconds, memory_mb, .. } = spec.document;
        if timeout_seconds == 0 || ocr_timeout_seconds == 0 || memory_mb < 64 {
            let message = "document.timeout_seconds and ocr_timeout_seconds must be at least 1 and memory_mb at least 64";
            return Err(fault("[document]", message.to_owned()));
        }
        if spec.summary.max_sections == 0 || spec.summary.max_sentences_per_section == 0 || spec.summary.max_quote < 40 {
            return Err(fault(
                "[summary]",
                "summary: at least one section, one sentence per section and 40 characters per quote".to_owned(),
            ));
        }
        let named = spec.finding.labels.iter().chain(&spec.finding.exclude).chain(spec.finding.thresholds.keys());
        let in_cases = spec.case.rule.iter().flat_map(|rule| &rule.labels);
        for label in named.chain(in_cases) {
            let by_rule = rules::LABELS.iter().any(|(rule, _, _)| rule == label);
            if taxonomy.label(label).is_none() && !by_rule {
                let near = nearest(label, taxonomy.labels().map(|known| known.id.as_str()));
                let error = fault(label, format!("unknown label `{label}`"));
                return Err(match near {
                    Some(near) => error.remedy(format!("the taxonomy has `{near}`")),
                    None => error,
                });
            }
        }
        for (label, threshold) in &spec.finding.thresholds {
            if !(*threshold > 0.0 && *threshold <= 1.0) {
                return Err(fault(label, format!("the threshold of `{label}` is {threshold}: above 0, at most 1")));
            }
        }
        let known_group = |group: &str| taxonomy.groups().any(|known| known.id == group);
        let validated = spec.case.validate().and_then(|()| spec.case.validate_groups(&known_group));
        validated.map_err(|error| fault(error.key(), error.to_string()))
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The first line outside comments that holds `key`.
fn line_with(text: &str, key: &str) -> Option<usize> {
    text.lines().position(|line| !line.trim_start().starts_with('#') && line.contains(key)).map(|index| index + 1)
}

/// The known id nearest to a mistyped one, where one is near.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|id| (strsim::levenshtein(wrong, id), id))
        .filter(|(distance, id)| *distance <= id.len() / 3)
        .min()
        .map(|(_, id)| id)
}
