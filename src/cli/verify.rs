//! `scrutineer verify`: claims against their source, without a pipeline.

mod source;

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::source::{PDF_MAGIC, SourceFile, read_source_file};
use super::Exit;
use super::terminal::harmless;
use crate::config::{Config, UiLanguage};
use crate::error::{Error, OrFail, Result};
use crate::language::identify::identify;
use crate::language::normalise::nfc;
use crate::language::offsets::CodePoints;
use crate::language::sentences::sentences;
use crate::language::{Language, Span};
use crate::verdict::{Check, CheckKind, CheckResult, Checker, Outcome, Source, SourceSentence, Verdict};

/// Rows that are checked together before their results are written.
const BATCH: usize = 2_048;
/// No input is larger than this, in bytes.
const LARGEST_INPUT: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  scrutineer verify --source report.pdf --summary summary.txt
  scrutineer verify --source report.pdf --summary - --json < summary.txt
  scrutineer verify --jsonl claims.jsonl --out verdicts.jsonl

Exit codes: 0 every sentence supported or not checkable, 4 one is contradicted or not found, 2 usage, 1 failure.
Supported means that the source says so, not that it is true.";

/// Checks claims against their source: supported, contradicted, not-found or not-checkable
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Claims as JSON lines: {"id", "source", "claim", "lang"?} (`-` is standard input)
    #[arg(long, value_name = "IN", requires = "out", conflicts_with_all = ["source", "summary"], required_unless_present = "source")]
    jsonl: Option<PathBuf>,
    /// Where the verdicts go: {"id", "score", "verdict", "spans", "checks"} (`-` is standard output)
    #[arg(long, value_name = "OUT", requires = "jsonl")]
    out: Option<PathBuf>,
    /// Also write the measurements that each score is made of (for training/fit_verdict.py)
    #[arg(long, requires = "jsonl")]
    measurements: bool,
    /// What the summary is about: a PDF or UTF-8 text (`-` is standard input)
    #[arg(long, value_name = "FILE", requires = "summary")]
    source: Option<PathBuf>,
    /// The text to check, sentence by sentence, UTF-8 (`-` is standard input)
    #[arg(long, value_name = "FILE", requires = "source")]
    summary: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        match (self.jsonl, self.out, self.source, self.summary) {
            (Some(input), Some(out), _, _) => verify_rows(&input, &out, self.measurements, config),
            (_, _, Some(source), Some(summary)) => verify_summary(&source, &summary, config),
            _ => Err(Error::usage("nothing to verify").remedy("give --jsonl IN --out OUT, or --source FILE --summary FILE")),
        }
    }
}

/// A row of `--jsonl`.
#[derive(Deserialize)]
struct Row {
    id: serde_json::Value,
    source: String,
    claim: String,
    lang: Option<String>,
}

/// A row of the output.
#[derive(Serialize)]
struct VerdictRow {
    id: serde_json::Value,
    score: f32,
    verdict: Outcome,
    /// Code points of the claim.
    spans: Vec<(u32, u32)>,
    checks: Vec<CheckRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measurements: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct CheckRow {
    kind: CheckKind,
    result: CheckResult,
    span: (u32, u32),
    detail: String,
}

fn verify_rows(input: &Path, out: &Path, measurements: bool, config: &Config) -> Result<Exit> {
    let reader: Box<dyn BufRead> = if is_standard(input) {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(fs::File::open(input).or_usage(|| format!("cannot read {}", input.display()))?))
    };
    let mut writer: Box<dyn Write> = if is_standard(out) {
        Box::new(BufWriter::new(std::io::stdout().lock()))
    } else {
        Box::new(BufWriter::new(fs::File::create(out).or_usage(|| format!("cannot write {}", out.display()))?))
    };
    let progress = progress(config);
    let mut batch: Vec<(usize, String)> = Vec::with_capacity(BATCH);
    let mut lines = reader.split(b'\n').enumerate();
    loop {
        batch.clear();
        for (number, line) in lines.by_ref() {
            let line = line.or_fail(|| format!("cannot read {}", input.display()))?;
            // Bytes that are no UTF-8 spoil their row, not the run.
            let line = String::from_utf8_lossy(&line).into_owned();
            if !line.trim().is_empty() {
                batch.push((number + 1, line));
            }
            if batch.len() == BATCH {
                break;
            }
        }
        if batch.is_empty() {
            break;
        }
        let rows: Vec<VerdictRow> = batch.par_iter().map(|(number, line)| verify_row(*number, line, measurements)).collect();
        for row in &rows {
            serde_json::to_writer(&mut writer, row).or_fail(|| format!("cannot write {}", out.display()))?;
            writer.write_all(b"\n").or_fail(|| format!("cannot write {}", out.display()))?;
        }
        progress.inc(rows.len() as u64);
    }
    writer.flush().or_fail(|| format!("cannot write {}", out.display()))?;
    progress.finish_and_clear();
    Ok(Exit::Done)
}

/// The verdict on a row. A row that cannot be read has its error, score 0 and, where it can be told, its id.
fn verify_row(number: usize, line: &str, measurements: bool) -> VerdictRow {
    let row: Row = match serde_json::from_str(line) {
        Ok(row) => row,
        Err(error) => {
            let id = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|value| value.get("id").cloned());
            return failed_row(id.unwrap_or_default(), format!("line {number}: {error}"));
        }
    };
    let source = nfc(&row.source);
    let claim = nfc(&row.claim);
    let language = match row.lang.as_deref() {
        Some(tag) => match language_of(tag) {
            Some(language) => language,
            None => {
                return failed_row(
                    row.id,
                    format!("line {number}: language {tag:?} is not supported (en, zh-Hant, zh-Hans are)"),
                );
            }
        },
        None => claim_language(&claim, &source),
    };
    let source = read_source(&source, language);
    let checker = Checker::new(&source);
    let verdict = checker.check(&claim, language, None, &[]);
    let points = CodePoints::new(&claim);
    let measurements = measurements.then(|| {
        let parts = checker.features(&claim, language);
        parts.into_iter().map(|part| part.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()).collect()
    });
    VerdictRow {
        id: row.id,
        score: verdict.score,
        verdict: verdict.outcome,
        spans: verdict.unsupported.iter().map(|span| points.span_to_code_points(*span)).collect(),
        checks: verdict.checks.iter().map(|check| check_row(check, &points)).collect(),
        measurements,
        error: None,
    }
}

fn failed_row(id: serde_json::Value, error: String) -> VerdictRow {
    VerdictRow {
        id,
        score: 0.0,
        verdict: Outcome::NotCheckable,
        spans: Vec::new(),
        checks: Vec::new(),
        measurements: None,
        error: Some(error),
    }
}

fn check_row(check: &Check, points: &CodePoints) -> CheckRow {
    CheckRow {
        kind: check.kind,
        result: check.result,
        span: points.span_to_code_points(check.claim),
        detail: check.detail.clone(),
    }
}

/// The language of a BCP 47 tag, if the checks know it.
fn language_of(tag: &str) -> Option<Language> {
    let tag = tag.to_ascii_lowercase();
    match tag.as_str() {
        _ if tag == "en" || tag.starts_with("en-") => Some(Language::English),
        "zh-hans" | "zh-cn" | "zh-sg" => Some(Language::SimplifiedChinese),
        _ if tag == "zh" || tag.starts_with("zh-") => Some(Language::TraditionalChinese),
        _ => None,
    }
}

/// The language of a claim; a claim too short to tell is taken to be in that of its source.
fn claim_language(claim: &str, source: &str) -> Language {
    match identify(claim) {
        Language::Undetermined => {
            let has_other_letters = claim.chars().any(|character| character.is_alphabetic() && !character.is_ascii());
            if has_other_letters { Language::Undetermined } else { identify(source) }
        }
        language => language,
    }
}

fn read_source(text: &str, language: Language) -> Source {
    // A Chinese claim about an English source, and the other way round: the source is divided by its own language.
    let language = match identify(text) {
        Language::Undetermined => language,
        own => own,
    };
    let sentences = sentences(text, language)
        .into_iter()
        .map(|span| SourceSentence { text: span.of(text).to_owned(), vector: None })
        .collect();
    Source { sentences, complete: true }
}

/// A sentence of the summary as reported.
#[derive(Serialize)]
struct SentenceReport {
    sentence: String,
    /// Code points of the summary.
    span: (u32, u32),
    verdict: Outcome,
    score: f32,
    /// Unsupported parts, in code points of the summary.
    spans: Vec<(u32, u32)>,
    checks: Vec<CheckRow>,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Evidence {
    quote: String,
    /// Code points of the source.
    span: (u32, u32),
    /// From 1; none where the source has no pages.
    page: Option<u32>,
}

fn verify_summary(source: &Path, summary: &Path, config: &Config) -> Result<Exit> {
    if is_standard(source) && is_standard(summary) {
        return Err(Error::usage("source and summary cannot both be standard input"));
    }
    let summary = read_text(summary)?;
    let file = read_source_file(source)?;
    let source_sentences =
        file.sentences.iter().map(|span| SourceSentence { text: span.of(&file.text).to_owned(), vector: None }).collect();
    let source_value = Source { sentences: source_sentences, complete: file.complete };
    let checker = Checker::new(&source_value);
    let points = CodePoints::new(&summary);
    let source_points = CodePoints::new(&file.text);
    let reports: Vec<SentenceReport> = sentences(&summary, identify(&summary))
        .into_iter()
        .map(|span| {
            let sentence = span.of(&summary);
            let verdict = checker.check(sentence, claim_language(sentence, &file.text), None, &[]);
            let shift =
                |inner: Span| points.span_to_code_points(Span { start: inner.start + span.start, end: inner.end + span.start });
            let checks =
                verdict.checks.iter().map(|check| CheckRow { span: shift(check.claim), ..check_row(check, &points) }).collect();
            let evidence = evidence(&verdict, &file, &source_points);
            SentenceReport {
                sentence: sentence.to_owned(),
                span: points.span_to_code_points(span),
                verdict: verdict.outcome,
                score: verdict.score,
                spans: verdict.unsupported.iter().map(|inner| shift(*inner)).collect(),
                checks,
                evidence,
            }
        })
        .collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = if config.json { write_json(&mut out, &reports) } else { write_report(&mut out, &reports, config.ui_language) };
    written.and_then(|()| out.flush()).or_fail(|| "cannot write to standard output".to_owned())?;
    let failed = reports.iter().any(|report| matches!(report.verdict, Outcome::Contradicted | Outcome::NotFound));
    Ok(if failed { Exit::CheckFailed } else { Exit::Done })
}

fn evidence(verdict: &Verdict, file: &SourceFile, points: &CodePoints) -> Vec<Evidence> {
    let quoted = verdict.evidence.iter().filter_map(|index| Some((*index, file.sentences.get(*index as usize)?)));
    quoted
        .map(|(index, span)| Evidence {
            quote: span.of(&file.text).to_owned(),
            span: points.span_to_code_points(*span),
            page: file.pages.get(index as usize).copied().flatten(),
        })
        .collect()
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bytes(path)?;
    if bytes.starts_with(PDF_MAGIC) {
        return Err(Error::usage(format!("{} is a PDF, and the summary must be text", path.display()))
            .remedy("write its text with `scrutineer extract FILE --out DIR` first"));
    }
    text_of(path, bytes)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = |reader: &mut dyn Read, bytes: &mut Vec<u8>| reader.take(LARGEST_INPUT + 1).read_to_end(bytes);
    if is_standard(path) {
        read(&mut std::io::stdin(), &mut bytes).or_fail(|| "cannot read standard input".to_owned())?;
    } else {
        let mut file = fs::File::open(path).or_usage(|| format!("cannot read {}", path.display()))?;
        read(&mut file, &mut bytes).or_fail(|| format!("cannot read {}", path.display()))?;
    }
    if bytes.len() as u64 > LARGEST_INPUT {
        return Err(Error::usage(format!("{} is larger than {} MB", path.display(), LARGEST_INPUT >> 20)));
    }
    Ok(bytes)
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(bytes).or_usage(|| format!("{} is not UTF-8 text", path.display()))?;
    let text = text.trim_start_matches('\u{feff}');
    Ok(nfc(text).replace("\r\n", "\n"))
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn write_json(out: &mut impl Write, reports: &[SentenceReport]) -> std::io::Result<()> {
    let count = |outcome: Outcome| reports.iter().filter(|report| report.verdict == outcome).count();
    let value = serde_json::json!({
        "schema": "scrutineer.verify/1",
        "sentences": reports,
        "counts": {
            "supported": count(Outcome::Supported),
            "contradicted": count(Outcome::Contradicted),
            "not-found": count(Outcome::NotFound),
            "not-checkable": count(Outcome::NotCheckable),
        },
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    out.write_all(b"\n")
}

fn write_report(out: &mut impl Write, reports: &[SentenceReport], language: UiLanguage) -> std::io::Result<()> {
    for report in reports {
        let (mark, name) = wording(report.verdict, language);
        writeln!(out, "{mark} {name} {:.2}  {}", report.score, harmless(&report.sentence))?;
        let failed = report.checks.iter().filter(|check| check.result != CheckResult::Matched);
        for check in failed {
            writeln!(out, "    {} {}", language.pick("check:", "核對："), harmless(&check.detail))?;
        }
        for evidence in &report.evidence {
            let page = evidence
                .page
                .map(|page| language.pick(&format!(" [p. {page}]"), &format!("〔p.{page}〕")).to_owned())
                .unwrap_or_default();
            writeln!(out, "    {} “{}”{page}", language.pick("source:", "原文："), harmless(&evidence.quote))?;
        }
    }
    let count = |outcome: Outcome| reports.iter().filter(|report| report.verdict == outcome).count();
    let outcomes = [Outcome::Supported, Outcome::Contradicted, Outcome::NotFound, Outcome::NotCheckable];
    let counts: Vec<String> =
        outcomes.into_iter().map(|outcome| format!("{} {}", wording(outcome, language).1, count(outcome))).collect();
    writeln!(out, "{}", counts.join(" · "))
}

/// How an outcome is marked and named (REPORTS.md).
fn wording(outcome: Outcome, language: UiLanguage) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Supported => ("✔", language.pick("supported", "有來源支持")),
        Outcome::Contradicted => ("✘", language.pick("contradicted", "與來源牴觸")),
        Outcome::NotFound => ("?", language.pick("not found", "查無依據")),
        Outcome::NotCheckable => ("△", language.pick("not checkable", "無法核對")),
    }
}

fn progress(config: &Config) -> ProgressBar {
    if config.quiet || config.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} claims checked, {per_sec}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_broken_row_keeps_its_place_and_fails_closed() {
        for line in
            ["{\"id\": 7, \"source\": \"x\"}", "not json", "{\"id\": 7, \"source\": \"a\", \"claim\": \"b\", \"lang\": \"fr\"}"]
        {
            let row = verify_row(3, line, false);
            assert_eq!((row.score, row.verdict), (0.0, Outcome::NotCheckable), "{line}");
            assert!(row.error.unwrap().contains("line 3"), "{line}");
        }
        assert_eq!(verify_row(1, "{\"id\": \"a\"}", false).id, serde_json::json!("a"));
    }

    #[test]
    fn spans_are_code_points_of_the_claim() {
        let line = serde_json::json!({"id": 1, "source": "本行淨利為3億元，較去年增加5%。", "claim": "本行淨利為9億元，較去年增加5%。", "lang": "zh-Hant"}).to_string();
        let row = verify_row(1, &line, false);
        assert!(row.spans.contains(&(5, 8)), "{:?}", row.spans);
    }

    #[test]
    fn document_text_is_no_terminal_command() {
        let report = SentenceReport {
            sentence: "a\u{1b}[2Jb\u{202e}c".to_owned(),
            span: (0, 1),
            verdict: Outcome::NotFound,
            score: 0.1,
            spans: Vec::new(),
            checks: Vec::new(),
            evidence: vec![Evidence { quote: "q\u{1b}]0;x\u{7}".to_owned(), span: (0, 1), page: Some(3) }],
        };
        let mut out = Vec::new();
        write_report(&mut out, &[report], UiLanguage::TraditionalChinese).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.chars().any(|character| character.is_control() && character != '\n') && !text.contains('\u{202e}'),
            "{text}"
        );
        assert!(text.contains("〔p.3〕") && text.contains("查無依據"));
    }
}
