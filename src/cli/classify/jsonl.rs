//! Many passages: JSON lines in, JSON lines out, in the order of the input.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Judge, passage_of};
use crate::cli::Exit;
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::finding::Classified;
use crate::language::offsets::CodePoints;
use crate::model::encoder::{Encoded, Encoder};
use crate::passage::Passage;

/// Lines read before any is judged.
const LINES: usize = 64;
/// Passages that go through the encoder together.
const BATCH: usize = 8;

/// A line of the input.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    lang: Option<String>,
}

/// A line of the output. A row that failed has neutral values and an error.
#[derive(Debug, Default, Serialize)]
struct Output {
    id: Value,
    labels: Vec<String>,
    scores: serde_json::Map<String, Value>,
    evidence: BTreeMap<String, Vec<[u32; 2]>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Classifies every line of `input`. Exit code 3 where a row failed.
pub(super) fn run(input: &Path, out: &Path, judge: &Judge<'_>, config: &Config) -> Result<Exit> {
    if input != Path::new("-") && same_file(input, out) {
        return Err(Error::usage(format!("{} is both input and output", input.display())).remedy("give --out another file"));
    }
    let mut lines = Lines::open(input, config)?;
    let mut writer: Box<dyn Write> = if out == Path::new("-") {
        Box::new(BufWriter::new(io::stdout().lock()))
    } else {
        Box::new(BufWriter::new(File::create(out).or_usage(|| format!("cannot write {}", out.display()))?))
    };
    let mut failed = 0;
    loop {
        let rows = lines.next_rows()?;
        if rows.is_empty() {
            break;
        }
        let outputs: Vec<Output> = rows.par_chunks(BATCH).flat_map_iter(|batch| classify(batch, judge)).collect();
        for output in &outputs {
            failed += u32::from(output.error.is_some());
            write_line(&mut writer, output, out)?;
        }
    }
    writer.flush().or_fail(|| format!("cannot write {}", out.display()))?;
    lines.finish();
    if failed > 0 && !config.quiet {
        eprintln!("{failed} of {} rows failed; each has its reason under \"error\"", lines.number);
    }
    Ok(if failed > 0 { Exit::Incomplete } else { Exit::Done })
}

/// Writes the pooled states of every line of `input` as safetensors: `pooled` [rows, width], with the ids of the rows and the
/// encoder's digest as metadata.
pub(super) fn write_embeddings(input: &Path, file: &Path, encoder: &Encoder, config: &Config) -> Result<Exit> {
    let mut lines = Lines::open(input, config)?;
    let (mut ids, mut bytes) = (Vec::new(), Vec::new());
    loop {
        let rows = lines.next_rows()?;
        if rows.is_empty() {
            break;
        }
        let rows = rows.into_iter().map(|row| row.map_err(|output| Error::usage(output.error.unwrap_or_default())));
        let rows = rows.collect::<Result<Vec<Row>>>()?;
        let pooled = rows.par_chunks(BATCH).map(|batch| {
            let passages: Vec<Passage> = batch.iter().map(|row| passage_of(&row.text, row.lang.as_deref())).collect();
            encode(&passages, encoder).or_fail(|| "the encoder failed".to_owned())
        });
        for encoded in pooled.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            bytes.extend(encoded.pooled.iter().flat_map(|value| value.to_le_bytes()));
        }
        ids.extend(rows.into_iter().map(|row| row.id));
    }
    lines.finish();
    let unwritable = || format!("cannot write {}", file.display());
    let shape = vec![ids.len(), encoder.width()];
    let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes).or_fail(unwritable)?;
    let ids = serde_json::to_string(&ids).or_fail(unwritable)?;
    let metadata = [("encoder".to_owned(), encoder.digest().to_string()), ("ids".to_owned(), ids)].into();
    let content = safetensors::serialize([("pooled", tensor)], Some(metadata)).or_fail(unwritable)?;
    std::fs::write(file, content).or_fail(unwritable)?;
    Ok(Exit::Done)
}

/// The lines of the input, with progress on standard error.
struct Lines {
    reader: Box<dyn BufRead>,
    number: usize,
    name: String,
    progress: ProgressBar,
}

impl Lines {
    fn open(input: &Path, config: &Config) -> Result<Self> {
        let name = input.display().to_string();
        let (reader, size): (Box<dyn BufRead>, Option<u64>) = if input == Path::new("-") {
            (Box::new(BufReader::new(io::stdin())), None)
        } else {
            let file = File::open(input).or_usage(|| format!("cannot read {name}"))?;
            let size = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(BufReader::new(file)), size)
        };
        let shown = !config.quiet && io::stderr().is_terminal();
        let progress = match size {
            _ if !shown => ProgressBar::hidden(),
            Some(size) => ProgressBar::new(size).with_style(style("{msg} {wide_bar} {bytes}/{total_bytes}, {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{msg} {spinner} {bytes} read")),
        };
        Ok(Self { reader, number: 0, name, progress: progress.with_message("classify") })
    }

    /// The next rows; those that cannot be read as their failed outputs. Empty at the end of the input; blank lines are no rows.
    fn next_rows(&mut self) -> Result<Vec<std::result::Result<Row, Box<Output>>>> {
        let mut rows = Vec::new();
        let mut line = Vec::new();
        while rows.len() < LINES {
            line.clear();
            let read = self.reader.read_until(b'\n', &mut line).or_fail(|| format!("cannot read {}", self.name))?;
            if read == 0 {
                break;
            }
            self.number += 1;
            self.progress.inc(read as u64);
            if !line.trim_ascii().is_empty() {
                rows.push(row_of(&line, self.number));
            }
        }
        Ok(rows)
    }

    fn finish(&self) {
        self.progress.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A row, or the failed output that takes its place; the id is kept where there is one.
fn row_of(line: &[u8], number: usize) -> std::result::Result<Row, Box<Output>> {
    let failed = |id: Value, message: String| {
        Box::new(Output { id, error: Some(format!("line {number}: {message}")), ..Output::default() })
    };
    let value: Value = serde_json::from_slice(line).map_err(|error| failed(Value::Null, format!("not JSON: {error}")))?;
    let id = value.get("id").cloned().unwrap_or_default();
    let row: Row = serde_json::from_value(value)
        .map_err(|error| failed(id.clone(), format!("expected {{\"id\", \"text\", \"lang\"?}}: {error}")))?;
    if row.text.trim().is_empty() {
        return Err(failed(id, "the text is empty".to_owned()));
    }
    Ok(row)
}

/// The outputs of a batch, in its order. Where the encoder fails on the batch, each passage is tried alone.
fn classify(batch: &[std::result::Result<Row, Box<Output>>], judge: &Judge<'_>) -> Vec<Output> {
    let passages: Vec<Passage> = batch.iter().flatten().map(|row| passage_of(&row.text, row.lang.as_deref())).collect();
    let mut encoded: Vec<std::result::Result<Encoded, String>> = match encode(&passages, judge.encoder) {
        Ok(encoded) => encoded.into_iter().map(Ok).collect(),
        Err(_) => passages.iter().map(|passage| encode_alone(passage, judge.encoder)).collect(),
    };
    let mut judged = passages.iter().zip(encoded.drain(..));
    let output = |row: &std::result::Result<Row, Box<Output>>| match row {
        Err(failed) => Output { id: failed.id.clone(), error: failed.error.clone(), ..Output::default() },
        Ok(row) => match judged.next() {
            Some((passage, Ok(encoded))) => match judge.classify(passage, &encoded) {
                Ok(classified) => Output { truncated: encoded.truncated, ..output_of(row.id.clone(), passage, classified) },
                Err(error) => Output { id: row.id.clone(), error: Some(error.to_string()), ..Output::default() },
            },
            Some((_, Err(message))) => Output { id: row.id.clone(), error: Some(message), ..Output::default() },
            None => Output { id: row.id.clone(), error: Some("the encoder gave no result".to_owned()), ..Output::default() },
        },
    };
    batch.iter().map(output).collect()
}

fn output_of(id: Value, passage: &Passage, classified: Classified) -> Output {
    let code_points = CodePoints::new(&passage.text);
    let mut output = Output { id, ..Output::default() };
    for (label, score) in classified.scores {
        output.scores.insert(label, rounded(score));
    }
    for finding in classified.findings {
        let mut spans: Vec<[u32; 2]> =
            finding.evidence.iter().map(|span| code_points.span_to_code_points(*span)).map(|(start, end)| [start, end]).collect();
        spans.sort_unstable();
        output.labels.push(finding.label.clone());
        output.evidence.insert(finding.label, spans);
    }
    output
}

/// A score with four decimals, as it is shown everywhere.
pub(super) fn rounded(score: f32) -> Value {
    Value::from((f64::from(score) * 1e4).round() / 1e4)
}

fn encode(passages: &[Passage], encoder: &Encoder) -> std::result::Result<Vec<Encoded>, crate::model::ModelError> {
    encoder.encode(&passages.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>())
}

fn encode_alone(passage: &Passage, encoder: &Encoder) -> std::result::Result<Encoded, String> {
    let mut encoded = encode(std::slice::from_ref(passage), encoder).map_err(|error| error.to_string())?;
    encoded.pop().ok_or_else(|| "the encoder gave no result".to_owned())
}

fn write_line(writer: &mut impl Write, output: &Output, out: &Path) -> Result<()> {
    let unwritable = || format!("cannot write {}", out.display());
    serde_json::to_writer(&mut *writer, output).or_fail(unwritable)?;
    writer.write_all(b"\n").or_fail(unwritable)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::finding::{Finding, Method};
    use crate::language::Span;

    #[test]
    fn a_bad_row_keeps_its_place_and_its_id() {
        let failed = row_of(br#"{"id": "a7", "txt": "x"}"#, 3).err().unwrap();
        let line = serde_json::to_value(&failed).unwrap();
        assert_eq!(line["id"], "a7");
        assert_eq!((line["labels"].as_array().unwrap().len(), line["scores"].as_object().unwrap().len()), (0, 0));
        assert!(line["error"].as_str().unwrap().starts_with("line 3: "), "{line}");
        assert!(row_of(b"{\"id\": 1, \"text\": \" \\n\"}", 1).err().unwrap().error.unwrap().contains("empty"));
        assert!(row_of(b"\xff\xfe", 1).err().unwrap().error.unwrap().contains("not JSON"));
        let row = row_of("{\"id\": 4, \"text\": \"資金\", \"lang\": null}".as_bytes(), 1).ok().unwrap();
        assert_eq!((row.id, row.text.as_str()), (Value::from(4), "資金"));
    }

    #[test]
    fn evidence_is_in_code_points_of_the_normal_form() {
        let passage = passage_of("cafe\u{301} 關閉。資金不足。", Some("zh-TW"));
        assert_eq!(passage.sentences.len(), 2);
        let finding = Finding {
            label: "liquidity-funding-risk".to_owned(),
            passage: 0,
            score: 0.81236,
            threshold: 0.3,
            method: Method::Head,
            evidence: vec![passage.sentences[1].span, Span::new(0..5)],
            attribution: Vec::new(),
        };
        let classified = Classified { scores: vec![("liquidity-funding-risk".to_owned(), 0.81236)], findings: vec![finding] };
        let line = serde_json::to_string(&output_of(Value::from("p"), &passage, classified)).unwrap();
        assert_eq!(
            line,
            r#"{"id":"p","labels":["liquidity-funding-risk"],"scores":{"liquidity-funding-risk":0.8124},"evidence":{"liquidity-funding-risk":[[0,4],[8,13]]}}"#
        );
    }
}
