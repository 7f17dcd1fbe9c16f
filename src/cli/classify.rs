//! `scrutineer classify`: labels of passages that come from anywhere, one text or a file of JSON lines.

mod jsonl;
mod text;

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, OrFail, Result};
use crate::finding::taxonomy::Taxonomy;
use crate::finding::{Classified, Classifier};
use crate::language::Language;
use crate::language::identify::identify;
use crate::language::normalise::nfc;
use crate::language::sentences::sentences;
use crate::model::ModelError;
use crate::model::arithmetic::Arithmetic;
use crate::model::encoder::{self, Encoded, Encoder};
use crate::model::registry::Registry;
use crate::passage::{Passage, PassageKind, Sentence};

/// Say which risks of the taxonomy passages express, and which words say so
///
/// One passage with --text, for people or with --json; many with --jsonl. A line of IN is {"id", "text", "lang"?}; a line of OUT
/// is {"id", "labels", "scores" (all labels), "evidence" {label: [[start, end]]}} with offsets in Unicode code points of the NFC
/// text. A line that cannot be judged keeps its place, with "error". Passages of more than 512 tokens are cut, and say so
/// with "truncated".
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scrutineer classify --text 'The bank lost its largest depositor and drew on emergency funding.'\n  \
                        scrutineer classify --jsonl passages.jsonl --out labels.jsonl\n  \
                        zcat passages.jsonl.gz | scrutineer classify --jsonl - --out -"
)]
pub(super) struct Arguments {
    /// One passage
    #[arg(long, value_name = "TEXT", conflicts_with = "jsonl", required_unless_present = "jsonl")]
    text: Option<String>,
    /// Passages, one JSON object per line; `-` for standard input
    #[arg(long, value_name = "IN")]
    jsonl: Option<PathBuf>,
    /// Where the results go; `-` for standard output
    #[arg(long, value_name = "OUT", default_value = "-", requires = "jsonl")]
    out: PathBuf,
    /// The taxonomy (default: the shipped one)
    #[arg(long, value_name = "FILE")]
    taxonomy: Option<PathBuf>,
    /// Write the mean-pooled states of the passages to FILE (safetensors) and nothing else: what heads are trained on
    #[arg(long, value_name = "FILE", requires = "jsonl", hide = true)]
    embeddings: Option<PathBuf>,
    /// Evaluate the encoder in plain f32, by none of the program's own kernels: slow, for evidence that they decide alike
    #[arg(long)]
    reference: bool,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        let registry = Registry::installed(config).or_usage(|| "cannot use the models".to_owned())?;
        let encoder = Arithmetic::chosen(self.reference)
            .and_then(|arithmetic| Encoder::load_with(&registry, encoder::DEFAULT, arithmetic))
            .or_fail(|| "cannot load the encoder".to_owned())?;
        if let (Some(file), Some(input)) = (&self.embeddings, &self.jsonl) {
            return jsonl::write_embeddings(input, file, &encoder, config);
        }
        let taxonomy_file = self
            .taxonomy
            .or_else(|| config.taxonomy_file())
            .ok_or_else(|| Error::usage("no taxonomy was found").remedy("name it with --taxonomy"))?;
        let taxonomy = Taxonomy::load(&taxonomy_file).or_usage(|| "the taxonomy cannot be used".to_owned())?;
        let classifier = Classifier::load(&taxonomy, &registry, &encoder).or_fail(|| "no classifier can be made".to_owned())?;
        let judge = Judge { taxonomy: &taxonomy, encoder: &encoder, classifier: &classifier };
        match (self.text, self.jsonl) {
            (Some(text), _) => text::run(&text, &judge, config),
            (None, Some(input)) => jsonl::run(&input, &self.out, &judge, config),
            (None, None) => Err(Error::usage("nothing to classify").remedy("give --text or --jsonl")),
        }
    }
}

/// What judges a passage.
struct Judge<'a> {
    taxonomy: &'a Taxonomy,
    encoder: &'a Encoder,
    classifier: &'a Classifier,
}

impl Judge<'_> {
    /// Judges a passage by its states; anew in f32 where the rounding of bytes could turn a decision.
    fn classify(&self, passage: &Passage, encoded: &Encoded) -> std::result::Result<Classified, ModelError> {
        let classified = self.classifier.classify(passage, encoded, &[]);
        let scores: Vec<f32> = classified.scores.iter().map(|(_, score)| *score).collect();
        if !self.encoder.arithmetic().is_rounded() || !self.classifier.is_close(&scores, |standing| standing.threshold) {
            return Ok(classified);
        }
        let again = self.encoder.encode_in_single(&[&passage.text])?;
        Ok(again.first().map_or(classified, |encoded| self.classifier.classify(passage, encoded, &[])))
    }
}

/// A text from anywhere as a passage without pages; `tag` is the language that its source names.
fn passage_of(text: &str, tag: Option<&str>) -> Passage {
    let text = nfc(text).into_owned();
    let language = tag.and_then(language_of_tag).unwrap_or_else(|| identify(&text));
    let sentences = sentences(&text, language).into_iter().map(|span| Sentence { span }).collect();
    let document = Digest::of(text.as_bytes());
    let (heading_path, anchors) = (Vec::new(), Vec::new());
    Passage { document, ordinal: 0, kind: PassageKind::Text, heading_path, text, language, sentences, anchors }
}

/// The language of a BCP 47 tag; none where the tag says too little (`zh` without a script or a region) or names another one.
fn language_of_tag(tag: &str) -> Option<Language> {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    match tag.as_str() {
        "zh-hant" | "zh-tw" | "zh-hk" | "zh-mo" | "zh-hant-tw" | "zh-hant-hk" => Some(Language::TraditionalChinese),
        "zh-hans" | "zh-cn" | "zh-sg" | "zh-hans-cn" => Some(Language::SimplifiedChinese),
        "en" => Some(Language::English),
        other if other.starts_with("en-") => Some(Language::English),
        _ => None,
    }
}
