//! `scrutineer search`: passages by the words in them, with filters; or a batch of questions.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Exit;
use super::terminal::{Styles, harmless, wrapped};
use crate::config::Config;
use crate::error::{Error, OrFail, Result};
use crate::index::{Facets, Filters, Hit, Hits, Index, IndexError, PageHit, Query, QueryError, Searcher};
use crate::language::Span;
use crate::language::offsets::CodePoints;
use crate::model::encoder::{self, Encoder};
use crate::model::input::Role;
use crate::model::registry::Registry;
use crate::passage::Location;
use crate::pipeline::archive::Archive;

/// Searches the passages of all documents, in English and Chinese; Traditional and Simplified characters match each other
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The query: words (all of them), "phrases", AND, OR, NOT, brackets, begin*, near~1, label:, type:, institution:, period:,
    /// lang:, page:, doc:, verdict:, score:, heading:, title:, kind:
    #[arg(value_name = "QUERY", required_unless_present = "batch")]
    query: Option<String>,
    /// Read the query as a plain question: any of its words may match
    #[arg(long)]
    question: bool,
    /// Only passages with this label
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Only passages with a label (one of --label, where given) of at least this score
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f32>,
    /// Only passages under a summary sentence with this check result (supported, contradicted, not-found, not-checkable)
    #[arg(long, value_name = "VERDICT")]
    verdict: Vec<String>,
    /// Only documents of this type (annual-report, 10-k, minutes…)
    #[arg(long = "type", value_name = "TYPE")]
    document_type: Vec<String>,
    /// Only this institution: words of its name
    #[arg(long, value_name = "NAME")]
    institution: Vec<String>,
    /// Only this period (2023, 2023-Q3, 2022-05-20); a year holds its quarters and days
    #[arg(long, value_name = "PERIOD")]
    period: Vec<String>,
    /// Only passages in this language (en, zh, zh-Hant, zh-Hans)
    #[arg(long, visible_alias = "language", value_name = "LANG")]
    lang: Vec<String>,
    /// Only this document: a file name without its ending, or 8 or more digits of its SHA-256
    #[arg(long, value_name = "DOC")]
    doc: Vec<String>,
    /// Show passages that say nearly the same under the best one of them
    #[arg(long, conflicts_with = "batch")]
    group: bool,
    /// Count the hits by label, type, institution, period and language
    #[arg(long, conflicts_with = "batch")]
    facets: bool,
    /// Rank by meaning too (loads the encoder)
    #[arg(long)]
    hybrid: bool,
    /// Hits shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Hits passed over
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// A file of JSON lines {"qid", "question" or "query", "doc"?}; `-` is standard input
    #[arg(long, value_name = "IN", requires = "out", conflicts_with = "query")]
    batch: Option<PathBuf>,
    /// Where the batch's hits go, {"qid", "hits": [{"doc", "page_index", "passage", "score"}]}; `-` is standard output
    #[arg(long, value_name = "OUT", requires = "batch")]
    out: Option<PathBuf>,
    /// Search each batch question within its own document ("doc") alone
    #[arg(long, requires = "batch")]
    per_document: bool,
}

const EXAMPLES: &str = "Examples:\n  scrutineer search 'third-party AND cloud'\n  scrutineer search '\"going concern\" NOT mitigated' --type \
                        10-k --period 2023\n  scrutineer search 'outsourc* AND score.third-party-dependency:>0.8'\n  scrutineer search \
                        '雲端 AND 委外' --lang zh\n  scrutineer search '「備抵呆帳」 AND period:[2021 TO 2023]' --ui-lang zh-TW\n  scrutineer \
                        search --question 'Which provider runs the core banking system?'\n\nNo hit is no error: the exit code is 0. The \
                        whole language: docs/query-language.md.";

/// A hit as JSON.
#[derive(Serialize)]
struct HitRow<'a> {
    #[serde(flatten)]
    hit: &'a Hit,
    page: Option<u32>,
    page_label: Option<&'a str>,
    passage: u32,
    kind: &'a str,
    heading_path: &'a [String],
    language: &'a str,
    labels: Vec<LabelScore<'a>>,
    verdicts: &'a [String],
    snippet: &'a str,
    /// The matches within the snippet, as code points.
    highlights: Vec<(u32, u32)>,
    /// Where the matches stand: boxes by page, in points with a top-left origin.
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct LabelScore<'a> {
    label: &'a str,
    score: f32,
}

#[derive(Deserialize)]
struct Question {
    qid: String,
    question: Option<String>,
    query: Option<String>,
    doc: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    qid: String,
    hits: Vec<PageRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct PageRow {
    doc: String,
    page_index: u32,
    passage: u32,
    score: f32,
}

impl Arguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit> {
        // The ledger's messages on a missing or newer data folder are the better ones.
        let archive = Archive::open(config)?;
        let index = Index::open(&config.data.join("index")).and_then(|index| index.searcher());
        let desk =
            Desk { searcher: index.map_err(search_error)?, encoder: self.hybrid.then(|| load_encoder(config)).transpose()? };
        match (&self.batch, &self.out) {
            (Some(input), Some(output)) => self.run_batch(&desk, input, output)?,
            _ => self.run_one(&desk, &archive, config)?,
        }
        Ok(Exit::Done)
    }

    fn run_one(&self, desk: &Desk, archive: &Archive, config: &Config) -> Result<()> {
        let text = self.query.clone().unwrap_or_default();
        let query = Query {
            vector: desk.vector(&text)?,
            text,
            plain: self.question,
            filters: self.filters(),
            group_similar: self.group,
            limit: self.limit,
            offset: self.offset,
        };
        let hits = desk.searcher.search(&query).map_err(search_error)?;
        if config.json {
            let rows: Vec<HitRow<'_>> = hits.hits.iter().map(row).collect();
            super::print_json(&serde_json::json!({ "total": hits.total, "facets": hits.facets, "hits": rows }))
        } else {
            super::print(&render(&hits, self.facets, archive, config));
            Ok(())
        }
    }

    fn filters(&self) -> Filters {
        Filters {
            labels: self.label.clone(),
            least_score: self.min_score,
            verdicts: self.verdict.clone(),
            document_types: self.document_type.clone(),
            institutions: self.institution.clone(),
            periods: self.period.clone(),
            languages: self.lang.clone(),
            documents: self.doc.clone(),
            pages: Vec::new(),
        }
    }

    fn run_batch(&self, desk: &Desk, input: &Path, output: &Path) -> Result<()> {
        let reader: Box<dyn BufRead> = match input.to_str() {
            Some("-") => Box::new(BufReader::new(std::io::stdin())),
            _ => Box::new(BufReader::new(std::fs::File::open(input).or_usage(|| format!("cannot read {}", input.display()))?)),
        };
        let mut writer: Box<dyn Write> = match output.to_str() {
            Some("-") => Box::new(std::io::stdout()),
            _ => {
                Box::new(BufWriter::new(std::fs::File::create(output).or_usage(|| format!("cannot write {}", output.display()))?))
            }
        };
        for (number, line) in reader.lines().enumerate() {
            let line = line.or_fail(|| format!("cannot read {}", input.display()))?;
            if line.trim().is_empty() {
                continue;
            }
            let answer = match serde_json::from_str::<Question>(&line) {
                Ok(question) => self.answer(desk, question)?,
                Err(error) => {
                    let qid = serde_json::from_str::<serde_json::Value>(&line).ok();
                    let qid = qid.and_then(|row| row.get("qid").and_then(|qid| qid.as_str().map(str::to_owned)));
                    Answer {
                        qid: qid.unwrap_or_default(),
                        hits: Vec::new(),
                        error: Some(format!("line {}: {error}", number + 1)),
                    }
                }
            };
            let text = serde_json::to_string(&answer).or_fail(|| "cannot write JSON".to_owned())?;
            writeln!(writer, "{text}").or_fail(|| format!("cannot write {}", output.display()))?;
        }
        writer.flush().or_fail(|| format!("cannot write {}", output.display()))
    }

    fn answer(&self, desk: &Desk, question: Question) -> Result<Answer> {
        let Question { qid, question, query, doc } = question;
        let plain = question.is_some();
        let Some(text) = question.or(query) else {
            return Ok(Answer { qid, hits: Vec::new(), error: Some("neither `question` nor `query` is given".to_owned()) });
        };
        let mut filters = self.filters();
        if self.per_document {
            let Some(doc) = doc else {
                return Ok(Answer {
                    qid,
                    hits: Vec::new(),
                    error: Some("`doc` is not given, which --per-document needs".to_owned()),
                });
            };
            filters.documents = vec![doc];
        }
        let query = Query { vector: desk.vector(&text)?, text, plain, filters, limit: self.limit, ..Query::default() };
        match desk.searcher.pages(&query) {
            Err(IndexError::Query(error)) => Ok(Answer { qid, hits: Vec::new(), error: Some(error.to_string()) }),
            pages => {
                let row = |page: PageHit| PageRow {
                    doc: page.stem,
                    page_index: page.page.saturating_sub(1),
                    passage: page.passage,
                    score: page.score,
                };
                Ok(Answer { qid, hits: pages.map_err(search_error)?.into_iter().map(row).collect(), error: None })
            }
        }
    }
}

/// What answers questions.
struct Desk {
    searcher: Searcher,
    encoder: Option<Encoder>,
}

impl Desk {
    /// The embedding of a question, where ranking by meaning is asked for.
    fn vector(&self, text: &str) -> Result<Option<Vec<f32>>> {
        let Some(encoder) = &self.encoder else { return Ok(None) };
        let vectors = encoder.embed(Role::Query, &[text]).or_fail(|| "cannot encode the question".to_owned())?;
        Ok(vectors.into_iter().next())
    }
}

fn load_encoder(config: &Config) -> Result<Encoder> {
    let registry = Registry::installed(config).or_usage(|| "cannot read the models".to_owned())?;
    Encoder::load(&registry, encoder::DEFAULT).or_usage(|| "cannot load the encoder".to_owned())
}

fn search_error(error: IndexError) -> Error {
    match error {
        IndexError::Query(error) => usage(&error),
        IndexError::Absent(_) | IndexError::OtherVersion { .. } => {
            Error::usage(error.to_string()).remedy("`scrutineer run PIPELINE INPUT…` with the same --data builds the index")
        }
        error => Error::failure("the search failed").because(error),
    }
}

fn usage(error: &QueryError) -> Error {
    Error::usage(error.to_string())
        .remedy("`scrutineer search --help` shows examples; docs/query-language.md has the whole language")
}

fn row(hit: &Hit) -> HitRow<'_> {
    let snippet = hit.snippet.of(&hit.passage.text);
    let points = CodePoints::new(snippet);
    HitRow {
        hit,
        page: hit.page(),
        page_label: hit.page_label(),
        passage: hit.passage.ordinal,
        kind: &hit.passage.kind,
        heading_path: &hit.passage.heading_path,
        language: &hit.passage.language,
        labels: hit.passage.labels.iter().map(|(label, score)| LabelScore { label, score: *score }).collect(),
        verdicts: &hit.passage.verdicts,
        snippet,
        highlights: within(hit).map(|span| points.span_to_code_points(span)).collect(),
        locations: hit.locations(),
    }
}

/// The matches in the snippet, as bytes of it.
fn within(hit: &Hit) -> impl Iterator<Item = Span> + '_ {
    let inside = move |span: &&Span| span.start >= hit.snippet.start && span.end <= hit.snippet.end;
    hit.matches
        .iter()
        .filter(inside)
        .map(|span| Span { start: span.start - hit.snippet.start, end: span.end - hit.snippet.start })
}

fn render(hits: &Hits, with_facets: bool, archive: &Archive, config: &Config) -> String {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let styles = Styles::new();
    let mut out = String::new();
    for hit in &hits.hits {
        let page = hit.page().map(|page| format!("p.{page}")).unwrap_or_default();
        let printed =
            hit.page_label().map(|label| format!(" / {} {}", say("printed", "印"), harmless(label))).unwrap_or_default();
        let heading = hit.passage.heading_path.last().map(|heading| format!("  {}", harmless(heading))).unwrap_or_default();
        out += &format!("{}  {page}{printed}{}\n", styles.heading.apply_to(harmless(&hit.stem)), styles.faint.apply_to(heading));
        if hit.passage.is_hidden() {
            out += &format!(
                "  {}\n",
                styles.bad.apply_to(say("hidden text: a reader of the page does not see it", "隱藏文字：頁面上看不到"))
            );
        }
        out += &wrapped(&marked(hit, &styles), 2);
        out.push('\n');
        if !hit.passage.labels.is_empty() {
            let names: Vec<String> =
                hit.passage.labels.iter().map(|(label, score)| format!("{} {score:.2}", archive.label_name(label))).collect();
            out += &format!("  {} {}\n", styles.faint.apply_to("▸"), names.join(" · "));
        }
        if !hit.similar.is_empty() {
            let place = |place: &crate::index::Place| format!("{} p.{}", harmless(&place.stem), place.page.unwrap_or_default());
            let places: Vec<String> = hit.similar.iter().take(3).map(place).collect();
            let more = if hit.similar.len() > places.len() { " …" } else { "" };
            let line = format!("{} {} {}{more}", say("nearly the same:", "內容相近："), hit.similar.len(), places.join(" · "));
            out += &format!("  {} {line}\n", styles.faint.apply_to("≈"));
        }
    }
    if with_facets {
        out += &facet_lines(&hits.facets, archive, config);
    }
    out += &match hits.total {
        0 => format!("{}\n", say("no passage matches", "沒有符合的段落")),
        total => format!("{} / {total} {}\n", hits.hits.len(), say("passages", "段")),
    };
    out
}

/// Values of each field shown.
const FACET_VALUES: usize = 8;

fn facet_lines(facets: &Facets, archive: &Archive, config: &Config) -> String {
    let say = |english, chinese| config.ui_language.pick(english, chinese);
    let fields = [
        (say("labels", "風險訊號"), &facets.labels),
        (say("types", "文件類型"), &facets.document_types),
        (say("institutions", "機構"), &facets.institutions),
        (say("periods", "期間"), &facets.periods),
        (say("languages", "語言"), &facets.languages),
    ];
    let line = |(name, counts): (&str, &Vec<crate::index::Count>)| {
        let is_label = std::ptr::eq(counts, &facets.labels);
        let shown = |value: &str| if is_label { archive.label_name(value) } else { harmless(value).into_owned() };
        let values: Vec<String> =
            counts.iter().take(FACET_VALUES).map(|count| format!("{} {}", shown(&count.value), count.passages)).collect();
        if values.is_empty() { String::new() } else { format!("{name}: {}\n", values.join(" · ")) }
    };
    fields.into_iter().map(line).collect()
}

/// The snippet with its matches marked: bold on a terminal, between asterisks elsewhere.
fn marked(hit: &Hit, styles: &Styles) -> String {
    let snippet = hit.snippet.of(&hit.passage.text);
    let plain = !console::colors_enabled();
    let mut out = String::new();
    let mut done = 0;
    let tidy = |text: &str| harmless(&text.replace('\n', " ")).into_owned();
    for span in within(hit) {
        let range = span.range();
        out += &tidy(&snippet[done..range.start]);
        let inside = tidy(&snippet[range.clone()]);
        out += &if plain { format!("*{inside}*") } else { styles.doubtful.apply_to(inside).bold().to_string() };
        done = range.end;
    }
    out += &tidy(&snippet[done..]);
    let (before, after) = (hit.snippet.start > 0, (hit.snippet.end as usize) < hit.passage.text.len());
    format!("{}{out}{}", if before { "… " } else { "" }, if after { " …" } else { "" })
}
