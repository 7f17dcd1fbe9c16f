//! One passage, for people: its labels, the words that drive them, the evidence, and how far each label can be trusted.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::jsonl::rounded;
use super::{Judge, passage_of};
use crate::cli::Exit;
use crate::cli::terminal::{Styles, harmless, wrapped};
use crate::config::{Config, UiLanguage};
use crate::error::{OrFail, Result};
use crate::finding::{Classified, Finding, Method, Standing};
use crate::language::offsets::CodePoints;
use crate::passage::Passage;

/// Words shown per label.
const WORDS: usize = 6;

/// Classifies one text and prints the result.
pub(super) fn run(text: &str, judge: &Judge<'_>, config: &Config) -> Result<Exit> {
    let passage = passage_of(text, None);
    let encoded = judge.encoder.encode(&[&passage.text]).or_fail(|| "the encoder failed".to_owned())?;
    let Some(encoded) = encoded.first() else { return Ok(Exit::Done) };
    let mut classified = judge.classify(&passage, encoded).or_fail(|| "the encoder failed".to_owned())?;
    classified.findings.sort_by(|a, b| b.score.total_cmp(&a.score));
    if config.json {
        let value = as_json(&passage, &classified, encoded.truncated, judge, config.ui_language);
        println!("{}", serde_json::to_string_pretty(&value).or_fail(|| "cannot write JSON".to_owned())?);
    } else {
        let mut out = String::new();
        for_people(&mut out, &passage, &classified, encoded.truncated, judge, config.ui_language)
            .or_fail(|| "cannot write the result".to_owned())?;
        print!("{out}");
    }
    Ok(Exit::Done)
}

fn as_json(passage: &Passage, classified: &Classified, truncated: bool, judge: &Judge<'_>, language: UiLanguage) -> Value {
    let code_points = CodePoints::new(&passage.text);
    let place = |span: crate::language::Span| {
        let (start, end) = code_points.span_to_code_points(span);
        json!({ "start": start, "end": end, "text": span.of(&passage.text) })
    };
    let label = |finding: &Finding| {
        let standing = judge.classifier.standing(&finding.label);
        let words: Vec<Value> = finding
            .attribution
            .iter()
            .map(|word| {
                let mut value = place(word.span);
                value["weight"] = rounded(word.weight);
                value
            })
            .collect();
        json!({
            "label": finding.label,
            "name": name(judge, &finding.label, language),
            "score": rounded(finding.score),
            "threshold": rounded(finding.threshold),
            "method": finding.method,
            "evidence": finding.evidence.iter().map(|span| place(*span)).collect::<Vec<_>>(),
            "words": words,
            "examples": standing.map(|standing| standing.examples),
            "f1": standing.and_then(|standing| standing.f1).map(rounded),
            "weak": standing.is_none_or(|standing| standing.weak),
        })
    };
    let scores: serde_json::Map<String, Value> =
        classified.scores.iter().map(|(label, score)| (label.clone(), rounded(*score))).collect();
    json!({
        "language": passage.language.tag(),
        "truncated": truncated,
        "labels": classified.findings.iter().map(label).collect::<Vec<_>>(),
        "scores": scores,
    })
}

fn for_people(
    out: &mut String,
    passage: &Passage,
    classified: &Classified,
    truncated: bool,
    judge: &Judge<'_>,
    language: UiLanguage,
) -> std::fmt::Result {
    let say = |english: &'static str, chinese: &'static str| language.pick(english, chinese);
    let styles = Styles::new();
    for finding in &classified.findings {
        let title = name(judge, &finding.label, language);
        let limit = say("threshold", "門檻");
        let score = format!("{:.2} ({limit} {:.2})", finding.score, finding.threshold);
        writeln!(out, "{}  {score}", styles.heading.apply_to(title))?;
        let words: Vec<String> = finding
            .attribution
            .iter()
            .take(WORDS)
            .map(|word| format!("{} {:+.2}", harmless(word.span.of(&passage.text)), word.weight))
            .collect();
        if !words.is_empty() {
            writeln!(out, "{}", wrapped(&format!("{}: {}", say("driven by", "主要詞語"), words.join(", ")), 2))?;
        }
        for span in &finding.evidence {
            let quote = harmless(span.of(&passage.text)).replace('\n', " ");
            writeln!(out, "{}", wrapped(&format!("{}{quote}{}", say("“", "「"), say("”", "」")), 2))?;
        }
        if let Some(caution) = judge.classifier.standing(&finding.label).and_then(|standing| caution(&standing, language)) {
            writeln!(out, "{}", styles.doubtful.apply_to(wrapped(&caution, 2)))?;
        }
    }
    if classified.findings.is_empty() {
        writeln!(out, "{}", say("No label reaches its threshold.", "沒有標籤達到門檻。"))?;
        let nearest = classified.scores.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((label, score)) = nearest {
            let threshold = judge.classifier.standing(label).map_or(0.0, |standing| standing.threshold);
            let (nearest, limit) = (say("nearest", "最接近者"), say("threshold", "門檻"));
            writeln!(out, "  {nearest}: {} {score:.2} ({limit} {threshold:.2})", name(judge, label, language))?;
        }
    }
    if truncated {
        let note = say(
            "The passage is longer than the encoder reads (512 tokens); its end was not judged.",
            "段落超過編碼器上限（512 個詞元），後段未判讀。",
        );
        writeln!(out, "{}", styles.doubtful.apply_to(wrapped(note, 0)))?;
    }
    Ok(())
}

/// What to know before acting on a label that is weak; none for one that is not.
fn caution(standing: &Standing<'_>, language: UiLanguage) -> Option<String> {
    if !standing.weak {
        return None;
    }
    if standing.method == Method::ZeroShot {
        let english = "found through the label's phrases alone, never measured: read the passage before acting";
        return Some(language.pick(english, "僅依標籤例句判斷，未經量測：採取行動前請先閱讀原文").to_owned());
    }
    let f1 = standing.f1.map_or_else(|| "-".to_owned(), |f1| format!("{f1:.2}"));
    let examples = standing.examples;
    Some(match language {
        UiLanguage::English => {
            format!("weak label: {examples} examples, F1 {f1} on unseen documents: read the passage before acting")
        }
        UiLanguage::TraditionalChinese => format!("此標籤較弱：樣本 {examples} 則，未見文件 F1 {f1}：採取行動前請先閱讀原文"),
    })
}

fn name<'a>(judge: &Judge<'a>, label: &'a str, language: UiLanguage) -> &'a str {
    judge.taxonomy.label(label).map_or(label, |label| label.name(language))
}
