//! What the first pages state: institution, document type, period, each with the words it was read from.
//!
//! English and Chinese filings and minutes: the cover of SEC forms, title lines, the Republic of China's calendar
//! (民國113年 is 2024), fiscal quarters. Nothing is guessed: what no line states stays empty.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::{Document, Stated};

/// How many pages are read for it.
const PAGES: usize = 3;

/// Fills institution, type and period from the first pages, and the title where the file's own metadata has none.
pub(super) fn detect(document: &mut Document) {
    let lines = first_lines(document);
    let document_type = document_type(&lines);
    let kind = document_type.as_ref().map_or("other", |stated| stated.value.as_str()).to_owned();
    let title = largest_line(document);
    let metadata = &mut document.metadata;
    metadata.period = period(&lines, &kind);
    metadata.institution = institution(&lines);
    metadata.document_type = document_type;
    if metadata.title.as_ref().is_none_or(|title| is_file_name(&title.value)) {
        metadata.title = title.or(metadata.title.take());
    }
}

/// A line of the first pages.
struct FirstLine {
    page: u32,
    /// As on the page.
    text: String,
    /// NFKC, wide gaps and spaces as one space.
    folded: String,
    size: f32,
}

impl FirstLine {
    fn states(&self, value: impl Into<String>) -> Stated {
        let quote: String = self.text.chars().take(240).collect();
        Stated { value: value.into(), quote, page: Some(self.page) }
    }
}

fn first_lines(document: &Document) -> Vec<FirstLine> {
    let pages = document.pages.iter().take(PAGES);
    let blocks = pages.flat_map(|page| page.blocks.iter().map(move |block| (page.number, block)));
    blocks
        .filter(|(_, block)| block.hidden.is_none())
        .flat_map(|(page, block)| block.lines.iter().map(move |line| (page, line)))
        .map(|(page, line)| {
            let text = line.text().trim().to_owned();
            let folded = text.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
            let size = line.words.iter().map(|word| word.size).fold(0.0, f32::max);
            FirstLine { page, text, folded, size }
        })
        .filter(|line| !line.folded.is_empty())
        .take(400)
        .collect()
}

/// The largest text of page 1, where it stands out.
fn largest_line(document: &Document) -> Option<Stated> {
    let page = document.pages.first()?;
    let size = |block: &super::Block| block.lines.iter().flat_map(|line| &line.words).map(|word| word.size).fold(0.0, f32::max);
    let is_cover_formula = |text: &str| text.to_lowercase().contains("securities and exchange commission");
    let readable = page.blocks.iter().filter(|block| {
        block.hidden.is_none()
            && !is_cover_formula(&block.text())
            && block.text().chars().filter(|c| c.is_alphabetic()).count() >= 4
    });
    let best = readable.clone().max_by(|a, b| size(a).total_cmp(&size(b)).then(b.bbox.y0.total_cmp(&a.bbox.y0)))?;
    let mut sizes: Vec<f32> =
        readable.flat_map(|block| &block.lines).flat_map(|line| &line.words).map(|word| word.size).collect();
    let middle = sizes.len() / 2;
    let (_, &mut body, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
    if best.lines.len() > 3 || (size(best) < 1.1 * body && best.bbox.y0 > 0.25 * page.height) {
        return None;
    }
    let quote: String = best.lines.iter().take(3).map(super::Line::text).collect::<Vec<_>>().join(" ");
    let value = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    (value.chars().count() <= 120).then_some(Stated { value, quote, page: Some(page.number) })
}

/// `Microsoft Word - draft7.doc`, `untitled`, `report.pdf`, `0000064803-23-000009`: names that programs give.
fn is_file_name(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let one_token = !lower.contains(char::is_whitespace) && lower.is_ascii();
    (one_token && lower.contains(|c: char| c.is_ascii_digit() || c == '_' || c == '/'))
        || !lower.contains(char::is_alphabetic)
        || lower.starts_with("http")
        || lower.starts_with("microsoft ")
        || lower.starts_with("untitled")
        || [".doc", ".docx", ".hwp", ".ppt", ".pptx", ".pdf", ".xls", ".xlsx", ".indd", ".qxd", ".tmp", ".htm", ".html"]
            .iter()
            .any(|end| lower.ends_with(end))
}

fn pattern(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

fn document_type(lines: &[FirstLine]) -> Option<Stated> {
    static KINDS: LazyLock<Vec<(&str, Option<Regex>)>> = LazyLock::new(|| {
        [
            ("10-k", r"(?i)^(united states.*)?\s*form\s+10-?k(/a|t)?\b"),
            ("10-q", r"(?i)^form\s+10-?q(/a)?\b"),
            ("8-k", r"(?i)^form\s+8-?k(/a)?\b"),
            ("pillar-3", r"(?i)pillar\s*(3|iii|three)\b|第三支柱"),
            ("prospectus", r"(?i)^(base |preliminary )?prospectus\b|公開說明書|公开说明书"),
            (
                "minutes",
                r"(?i)\bminutes of\b|^(monetary policy )?minutes\b|\bmeeting minutes\b|transcript of .*press conference|\brecord of (the )?(monetary|meeting)|會議[紀記]錄|会议[纪记]录|議事錄|會議議程",
            ),
            ("earnings-release", r"(?i)\b(announces|reports|reported)\b.*\b(quarter|full.year|fiscal|results|earnings)\b|earnings release|quarterly results"),
            ("annual-report", r"(?i)\bannual report\b|年度報告|年度报告|年\s*報|年报"),
            ("financial-statements", r"(?i)\bfinancial statements\b|財務報[告表]|财务报[告表]|資產負債表|资产负债表"),
        ]
        .into_iter()
        .map(|(kind, text)| (kind, pattern(text)))
        .collect()
    });
    let front = || lines.iter().filter(|line| line.page == 1).chain(lines.iter().filter(|line| line.page > 1));
    KINDS.iter().find_map(|(kind, regex)| {
        let regex = regex.as_ref()?;
        // A form is named on a line of its own; running text mentions others.
        let longest = if kind.len() <= 4 { 48 } else { 160 };
        front().find(|line| line.folded.chars().count() <= longest && regex.is_match(&line.folded)).map(|line| line.states(*kind))
    })
}

fn institution(lines: &[FirstLine]) -> Option<Stated> {
    registrant(lines).or_else(|| chinese_institution(lines)).or_else(|| english_institution(lines))
}

/// The name above `(Exact name of registrant as specified in its charter)`.
fn registrant(lines: &[FirstLine]) -> Option<Stated> {
    let at = lines.iter().position(|line| line.folded.to_lowercase().contains("exact name of registrant"))?;
    let name = lines[..at].iter().rev().take(3).find(|line| {
        line.folded.chars().filter(|c| c.is_alphabetic()).count() >= 3 && !line.folded.to_lowercase().contains("commission file")
    })?;
    let value = name.folded.trim_matches(|c: char| c == '_' || c == '-' || c.is_whitespace()).to_owned();
    (!value.is_empty()).then(|| name.states(value))
}

fn chinese_institution(lines: &[FirstLine]) -> Option<Stated> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"[\p{Han}\p{Alphabetic}]{2,24}?(?:股份有限公司|有限責任公司|有限责任公司|金融控股公司|商業銀行|商业银行|中央銀行|中央银行|銀行|银行|人壽|保險公司|保险公司|金融監督管理委員會|委員會|學會|協會|基金會|大學|管理局)",
        )
    });
    let regex = NAME.as_ref()?;
    let mut found: Vec<(&FirstLine, String)> = lines
        .iter()
        .filter(|line| line.page == 1)
        .take(25)
        .filter_map(|line| {
            let squeezed: String = line.folded.split_whitespace().collect();
            if squeezed.starts_with("中央銀行") {
                return Some((line, "中央銀行".to_owned()));
            }
            let found = regex.find(&squeezed)?;
            let name = found.as_str();
            // A name in a running sentence is somebody else's more often than not.
            let is_title = found.start() == 0
                && squeezed.chars().count() <= name.chars().count() + 20
                && !squeezed.contains(['，', '。', ',']);
            let is_phrase =
                ["已", "被", "由", "向", "於", "各", "本", "第", "該", "上述"].iter().any(|word| name.starts_with(word));
            (is_title && !is_phrase).then(|| (line, name.to_owned()))
        })
        .collect();
    found.sort_by(|a, b| b.0.size.total_cmp(&a.0.size));
    found.first().map(|(line, name)| line.states(name.as_str()))
}

fn english_institution(lines: &[FirstLine]) -> Option<Stated> {
    static NAMES: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
        [
            r"(?i)\b(?:Central Bank of the (?:R\.O\.C\.|Republic of China)(?: ?\(Taiwan\))?|Board of Governors of the Federal Reserve System|Federal Open Market Committee|European Central Bank|(?:The )?(?:Central |Reserve |National |Federal Reserve |Central Reserve )?Bank of (?:the )?(?-i:[A-Z])\w+(?: of (?-i:[A-Z])\w+| (?-i:[A-Z])\w+)?|(?-i:[A-Z])\w+ National Bank|Hong Kong Monetary Authority|Bangko Sentral ng Pilipinas|Banco (?:de|Central)[a-zé ]{3,30}|Monetary Authority of Singapore|Norges Bank|Sveriges Riksbank|Chair(?:man)? (?:Powell|Yellen|Bernanke)\b)",
            r"(?i)^(?:(?-i:[A-Z0-9])[\w&.,'’-]*\s+){1,7}(?:Inc|Incorporated|Corporation|Corp|Company|Co\.,? Ltd|Ltd|Limited|plc|N\.V|S\.A|AG|SE|Bancorp|Group|Holdings?|Bank|Trust)\b\.?",
        ]
        .into_iter()
        .map(pattern)
        .collect()
    });
    NAMES.iter().flatten().find_map(|regex| {
        let mut found: Vec<(&FirstLine, &str)> = lines
            .iter()
            .filter(|line| line.page == 1)
            .take(60)
            .filter_map(|line| Some((line, regex.find(&line.folded)?.as_str())))
            .collect();
        // Running text names others; a line of its own names whose paper it is.
        found.retain(|(line, name)| line.folded.len() <= name.len() + 60 && !name.ends_with(" Act"));
        // Larger type speaks first; among equals the earlier line.
        found.sort_by(|a, b| b.0.size.total_cmp(&a.0.size));
        let (line, name) = found.first()?;
        let name = if name.starts_with("Chair") { "Federal Open Market Committee" } else { name.trim_end_matches(',').trim() };
        Some(line.states(name))
    })
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Day {
    year: u32,
    month: u32,
    day: u32,
}

impl Day {
    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        ((1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// The period that ends on this day: a year, a quarter, or else the day.
    fn as_period(self) -> String {
        match (self.month, self.day) {
            (12, 31) => self.year.to_string(),
            (3, 31) => format!("{}-Q1", self.year),
            (6, 30) => format!("{}-Q2", self.year),
            (9, 30) => format!("{}-Q3", self.year),
            _ => self.iso(),
        }
    }
}

fn period(lines: &[FirstLine], kind: &str) -> Option<Stated> {
    let dated = |words: &[&str], form: fn(Day) -> String| {
        lines.iter().enumerate().find_map(|(at, line)| {
            let lower = line.folded.to_lowercase();
            words.iter().any(|word| lower.contains(word)).then_some(())?;
            // The date may stand on the next line, or (on some covers) on the one before.
            let near = [Some(at), Some(at + 1), at.checked_sub(1)].into_iter().flatten();
            near.filter_map(|at| lines.get(at)).find_map(|line| Some(line.states(form(day(&line.folded)?))))
        })
    };
    match kind {
        "10-k" => dated(&["fiscal year ended", "year ended"], Day::as_period),
        "10-q" => dated(&["quarterly period ended", "quarter ended"], Day::as_period),
        "8-k" => dated(&["date of report", "earliest event reported"], Day::iso),
        "minutes" => dated(&["meeting", "held on", "press conference", "會議", "時間", "会议", "时间"], Day::iso)
            .or_else(|| lines.iter().find_map(|line| Some(line.states(day(&line.folded)?.iso())))),
        _ => None,
    }
    .or_else(|| chinese_period(lines, kind))
    .or_else(|| dated(&["year ended", "quarter ended", "months ended", "as at ", "as of "], Day::as_period))
    .or_else(|| english_period(lines))
    .or_else(|| lines.iter().filter(|line| line.page == 1).find_map(|line| Some(line.states(day(&line.folded)?.iso()))))
}

/// The first date of a text: `May 20, 2022`, `20 May 2022`, `18–19 December 2018` (the last day), `2022-05-20`, `112年9月30日`.
fn day(text: &str) -> Option<Day> {
    static ENGLISH: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?\s*(?:\d{1,2}\s*(?:[-–—]|and|&)\s*)?(\d{1,2})(?:st|nd|rd|th)?,?\s*(\d{4})\b",
        )
    });
    static DAY_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?,?\s+(\d{4})\b",
        )
    });
    static ISO: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b"));
    let number = |text: &str| text.parse::<u32>().ok();
    if let Some(found) = ENGLISH.as_ref().and_then(|regex| regex.captures(text)) {
        return Day::new(number(&found[3])?, month(&found[1])?, number(&found[2])?);
    }
    if let Some(found) = DAY_FIRST.as_ref().and_then(|regex| regex.captures(text)) {
        return Day::new(number(&found[3])?, month(&found[2])?, number(&found[1])?);
    }
    if let Some(found) = ISO.as_ref().and_then(|regex| regex.captures(text)) {
        return Day::new(number(&found[1])?, number(&found[2])?, number(&found[3])?);
    }
    chinese_day(text)
}

fn month(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = name.to_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| name.starts_with(month)).map(|(number, _)| number)
}

/// Chinese digits one by one as Arabic ones, so that 一一三年 reads 113年; spaces between them dropped.
fn chinese_folded(text: &str) -> String {
    const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let squeezed: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut out = String::new();
    for (at, &c) in squeezed.iter().enumerate() {
        let value = match c {
            '〇' | '○' => Some(0),
            _ => DIGITS.iter().position(|&digit| digit == c),
        };
        match value {
            // 十二月 and 三十日 are numbers by place; 一一三年 is a row of digits.
            Some(value) => out.push_str(&value.to_string()),
            None if c == '十' => {
                let before = at > 0 && (DIGITS.contains(&squeezed[at - 1]));
                let after = squeezed.get(at + 1).is_some_and(|next| DIGITS.contains(next));
                out.push_str(match (before, after) {
                    (true, true) => "",
                    (true, false) => "0",
                    (false, true) => "1",
                    (false, false) => "10",
                });
            }
            None => out.push(c),
        }
    }
    out
}

/// A year as written: of the Republic of China below 200.
fn gregorian(year: u32) -> Option<u32> {
    match year {
        80..=199 => Some(year + 1911),
        1990..=2099 => Some(year),
        _ => None,
    }
}

fn chinese_day(text: &str) -> Option<Day> {
    static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(\d{2,4})年(\d{1,2})月(\d{1,2})日"));
    let folded = chinese_folded(text);
    let found = DATE.as_ref()?.captures(&folded)?;
    let number = |index: usize| found[index].parse::<u32>().ok();
    Day::new(gregorian(number(1)?)?, number(2)?, number(3)?)
}

fn chinese_period(lines: &[FirstLine], kind: &str) -> Option<Stated> {
    static QUARTER: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(\d{2,4})年度?(?:及\d{2,4}年度?)?第([1-4])季"));
    static RANGE: LazyLock<Option<Regex>> =
        LazyLock::new(|| pattern(r"(\d{2,4})年(?:及\d{2,4}年)?0?1月0?1日(?:至|~|-|–)(?:\d{2,4}年)?(\d{1,2})月(\d{1,2})日"));
    static YEAR: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(\d{2,4})年?(?:及\d{2,4}年?)?(?:年度|年報|年报|年年報)"));
    let has_han = |line: &&FirstLine| line.folded.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let folded: Vec<(&FirstLine, String)> =
        lines.iter().filter(has_han).map(|line| (line, chinese_folded(&line.folded))).collect();
    let number = |text: &str| text.parse::<u32>().ok();
    let quarter = folded.iter().find_map(|(line, text)| {
        let found = QUARTER.as_ref()?.captures(text)?;
        Some(line.states(format!("{}-Q{}", gregorian(number(&found[1])?)?, &found[2])))
    });
    let range = || {
        folded.iter().find_map(|(line, text)| {
            let found = RANGE.as_ref()?.captures(text)?;
            let end = Day::new(gregorian(number(&found[1])?)?, number(&found[2])?, number(&found[3])?)?;
            Some(line.states(end.as_period()))
        })
    };
    let year = || {
        folded.iter().find_map(|(line, text)| {
            let found = YEAR.as_ref()?.captures(text)?;
            Some(line.states(gregorian(number(&found[1])?)?.to_string()))
        })
    };
    let date = || {
        folded.iter().find_map(|(line, text)| {
            let day = chinese_day(text)?;
            Some(line.states(if kind == "minutes" { day.iso() } else { day.as_period() }))
        })
    };
    quarter.or_else(range).or_else(year).or_else(date)
}

fn english_period(lines: &[FirstLine]) -> Option<Stated> {
    static QUARTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(first|second|third|fourth|q[1-4])[\s-]+(?:quarter)?(?:\s+(?:of|fiscal|results))*\s*(?:fy)?\s*(20\d{2})\b",
        )
    });
    static YEAR: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(?:annual report|financial statements|pillar 3[a-z ]*|fiscal(?: year)?|fy)[\s,:–-]*(20\d{2})\b|\b(20\d{2})\s+(?:annual report|form 10-k|pillar 3)",
        )
    });
    // Running text speaks of many quarters; a title speaks of its own.
    let titles =
        || lines.iter().filter(|line| line.page == 1 && line.folded.chars().count() <= 90 && !line.folded.ends_with('.'));
    let quarter = titles().find_map(|line| {
        let found = QUARTER.as_ref()?.captures(&line.folded)?;
        let number = match found[1].to_lowercase().as_str() {
            "first" | "q1" => 1,
            "second" | "q2" => 2,
            "third" | "q3" => 3,
            _ => 4,
        };
        Some(line.states(format!("{}-Q{number}", &found[2])))
    });
    quarter.or_else(|| {
        titles().find_map(|line| {
            let found = YEAR.as_ref()?.captures(&line.folded)?;
            let year = found.get(1).or_else(|| found.get(2))?;
            Some(line.states(year.as_str()))
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<FirstLine> {
        let line = |text: &&str| FirstLine { page: 1, text: (*text).to_owned(), folded: text.nfkc().collect(), size: 10.0 };
        texts.iter().map(line).collect()
    }

    #[test]
    fn dates_in_both_calendars() {
        for (text, iso) in [
            ("Date of Report: May 20, 2022", "2022-05-20"),
            ("meeting of 16 March 2020", "2020-03-16"),
            ("December 18–19, 2018", "2018-12-19"),
            ("中華民國112年9月30日", "2023-09-30"),
            ("民國一一三年十二月三十一日", "2024-12-31"),
            ("2021/6/17", "2021-06-17"),
        ] {
            assert_eq!(day(text).map(Day::iso).as_deref(), Some(iso), "{text}");
        }
        assert_eq!(day("12,406.7 million"), None);
    }

    #[test]
    fn covers_of_forms() {
        let cover = lines(&[
            "FORM 10-K",
            "For the fiscal year ended December 31, 2022",
            "CVS HEALTH CORPORATION",
            "(Exact name of registrant as specified in its charter)",
        ]);
        assert_eq!(document_type(&cover).unwrap().value, "10-k");
        assert_eq!(period(&cover, "10-k").unwrap().value, "2022");
        let name = institution(&cover).unwrap();
        assert_eq!((name.value.as_str(), name.page), ("CVS HEALTH CORPORATION", Some(1)));
    }

    #[test]
    fn chinese_statements() {
        let cover = lines(&["鴻海精密工業股份有限公司及子公司", "合 併 資 產 負 債 表", "民國112年及111年1月1日至9月30日"]);
        assert_eq!(period(&cover, "financial-statements").unwrap().value, "2023-Q3");
        assert_eq!(institution(&cover).unwrap().value, "鴻海精密工業股份有限公司");
        assert_eq!(period(&lines(&["民國一一三年度年報"]), "annual-report").unwrap().value, "2024");
        assert_eq!(period(&lines(&["一一二年第一季"]), "other").unwrap().value, "2023-Q1");
    }
}
