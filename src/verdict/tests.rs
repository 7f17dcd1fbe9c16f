#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::language::sentences::sentences;

fn source(text: &str) -> Source {
    let language = crate::language::identify::identify(text);
    Source {
        sentences: sentences(text, language)
            .into_iter()
            .map(|span| SourceSentence { text: span.of(text).to_owned(), vector: None })
            .collect(),
        complete: true,
    }
}

fn language(text: &str) -> Language {
    if text.chars().any(crate::language::script::is_han) { Language::TraditionalChinese } else { Language::English }
}

fn verdict(text: &str, claim: &str) -> Verdict {
    check(claim, language(claim), &source(text), &[])
}

const REPORT: &str = "Acme Bank held its annual meeting in Taipei. Net income for the second quarter of 2023 was NT$3.2 billion, an increase of 5% \
                      from the prior year. The capital ratio rose by 25 basis points to 14.5% at March 31, 2023. The allowance for credit losses \
                      declined to NT$120 million. The board has not approved the exit plan. All branches may close by December 2024. \
                      Operating cash flow was $(1,234) thousand in 2022.";

const CHINESE_REPORT: &str = "宏遠銀行113年第二季稅後淨利為3.2億元，較上年同期增加5%。資本適足率上升0.25個百分點至14.5%。備抵呆帳減少至1,200萬元。\
                              董事會尚未核准退場計畫。全部分行均已完成系統移轉。央行升息1碼。民國112年底放款餘額為新臺幣5兆元。";

/// Claim, whether it is supported, the check that must say so where it is not.
const ENGLISH_PAIRS: &[(&str, bool, Option<CheckKind>)] = &[
    ("Net income for the second quarter of 2023 was NT$3.2 billion.", true, None),
    ("Net income for Q2 2023 was NT$3,200 million.", true, None),
    ("Net income for the second quarter of 2023 was NT$3.2 million.", false, Some(CheckKind::Number)),
    ("Net income for the second quarter of 2023 was US$3.2 billion.", false, Some(CheckKind::Number)),
    ("Net income for the second quarter of 2023 was NT$3.7 billion.", false, Some(CheckKind::Number)),
    ("Net income for the third quarter of 2023 was NT$3.2 billion.", false, Some(CheckKind::Date)),
    ("Net income for the second quarter of 2022 was NT$3.2 billion.", false, Some(CheckKind::Date)),
    ("Net income increased by 5% from the prior year.", true, None),
    ("Net income increased by 5 percentage points from the prior year.", false, Some(CheckKind::Percentage)),
    ("The capital ratio rose by 0.25 percentage point to 14.5% at March 31, 2023.", true, None),
    ("The capital ratio rose by 25% to 14.5% at March 31, 2023.", false, Some(CheckKind::Percentage)),
    ("The capital ratio fell by 25 basis points to 14.5% at March 31, 2023.", false, Some(CheckKind::Direction)),
    ("The capital ratio rose by 25 basis points to 14.5% at June 30, 2023.", false, Some(CheckKind::Date)),
    ("The allowance for credit losses decreased to NT$120 million.", true, None),
    ("The allowance for credit losses increased to NT$120 million.", false, Some(CheckKind::Direction)),
    ("The board has approved the exit plan.", false, Some(CheckKind::Negation)),
    ("The board has not approved the exit plan.", true, None),
    ("The board hasn't approved the exit plan.", true, None),
    ("All branches will close by December 2024.", false, Some(CheckKind::Scope)),
    ("Some branches may close by December 2024.", false, Some(CheckKind::Scope)),
    ("Operating cash flow was negative $1.234 million in 2022.", true, None),
    ("Zenith Bank held its annual meeting in Taipei.", false, None),
];

const CHINESE_PAIRS: &[(&str, bool, Option<CheckKind>)] = &[
    ("宏遠銀行113年第二季稅後淨利為3.2億元。", true, None),
    ("宏遠銀行2024年第二季稅後淨利為32,000萬元。", true, None),
    ("宏遠銀行113年第二季稅後淨利為3.2萬元。", false, Some(CheckKind::Number)),
    ("宏遠銀行113年第三季稅後淨利為3.2億元。", false, Some(CheckKind::Date)),
    ("宏遠銀行112年第二季稅後淨利為3.2億元。", false, Some(CheckKind::Date)),
    ("宏遠銀行113年第二季稅後淨利較上年同期增長5%。", true, None),
    ("宏遠銀行113年第二季稅後淨利較上年同期減少5%。", false, Some(CheckKind::Direction)),
    ("資本適足率上升25個基點至14.5%。", true, None),
    ("資本適足率上升0.25%至14.5%。", false, Some(CheckKind::Percentage)),
    ("備抵呆帳減少至０.１２億元。", true, None),
    ("备抵呆账减少至1,200万元。", true, None),
    ("董事會已核准退場計畫。", false, Some(CheckKind::Negation)),
    ("董事會尚未核准退場計畫。", true, None),
    ("央行升息25個基點。", true, None),
    ("央行降息1碼。", false, Some(CheckKind::Direction)),
    ("2023年底放款餘額為新臺幣5兆元。", true, None),
    ("2023年底放款餘額為新臺幣5億元。", false, Some(CheckKind::Number)),
];

#[test]
fn hard_pairs() {
    let mut wrong = Vec::new();
    for (report, pairs) in [(REPORT, ENGLISH_PAIRS), (CHINESE_REPORT, CHINESE_PAIRS)] {
        for (claim, supported, kind) in pairs {
            let verdict = verdict(report, claim);
            let fired = kind.is_none_or(|kind| {
                verdict.checks.iter().any(|check| check.kind == kind && check.result == CheckResult::Conflicting)
            });
            if (verdict.outcome == Outcome::Supported) != *supported || !fired {
                wrong.push(format!("{claim}: {:?} {:.2} {:?}", verdict.outcome, verdict.score, verdict.checks));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_obvious_wrong_number_is_contradicted_and_marked() {
    let claim = "The allowance for credit losses declined to NT$999 million.";
    let verdict = verdict(REPORT, claim);
    assert_eq!(verdict.outcome, Outcome::Contradicted);
    assert_eq!(verdict.unsupported.iter().map(|span| span.of(claim)).collect::<Vec<_>>(), ["NT$999 million"]);
    assert_eq!(verdict.evidence.first(), Some(&3));
}

#[test]
fn figures_belong_to_their_row_and_column() {
    let table = " | 2019 | 2018 | 2017\nFixed price contracts | 1,452 | 1,146 | 1,036\nOther contracts | 441 | 567 | 708\nTotal sales | 1,893 | 1,713 | 1,744";
    let gap = |claim: &str| {
        verdict(table, claim)
            .checks
            .iter()
            .any(|check| check.kind == CheckKind::Number && check.result == CheckResult::Conflicting)
    };
    assert!(!gap("Total sales were 1,893 in 2019."));
    assert!(gap("Total sales were 1,713 in 2019."), "the column of another year");
    assert!(gap("Total sales were 441 in 2019."), "another row");
}

#[test]
fn everything_fails_closed() {
    let claim = "Net income was NT$3.2 billion.";
    let empty = Source::default();
    let blank = source(" \n ");
    for verdict in [
        check(claim, Language::English, &empty, &[]),
        check(claim, Language::English, &blank, &[]),
        check(claim, Language::Undetermined, &source(REPORT), &[]),
        check("", Language::English, &source(REPORT), &[]),
        check(&"long ".repeat(20_000), Language::English, &source(REPORT), &[]),
    ] {
        assert_eq!((verdict.outcome, verdict.score), (Outcome::NotCheckable, 0.0));
    }
    let unrelated = verdict(REPORT, "Whales migrate towards warmer seas.");
    assert_eq!(unrelated.outcome, Outcome::NotFound);
    let unread = Source { complete: false, ..source(REPORT) };
    assert_eq!(check("Whales migrate towards warmer seas.", Language::English, &unread, &[]).outcome, Outcome::NotCheckable);
}

#[test]
fn the_worst_part_decides() {
    let good = "The board has not approved the exit plan.";
    let bad = "The allowance for credit losses increased to NT$999 million.";
    let both = format!("{good} {bad}");
    assert_eq!(verdict(REPORT, &both).outcome, Outcome::Contradicted);
    let verdict = verdict(REPORT, &both);
    assert!(verdict.unsupported.iter().all(|span| span.start as usize > good.len()), "{verdict:?}");
}

#[test]
fn cited_sentences_come_first() {
    let text = source("The ratio was 5% in May. Something else. The ratio was 5% in May.");
    assert_eq!(check("The ratio was 5% in May.", Language::English, &text, &[2]).evidence.first(), Some(&2));
    assert_eq!(check("The ratio was 5% in May.", Language::English, &text, &[0]).evidence.first(), Some(&0));
    // Citations that do not exist change nothing.
    assert_eq!(check("The ratio was 5% in May.", Language::English, &text, &[99]).outcome, Outcome::Supported);
}

#[test]
fn vectors_find_what_words_do_not() {
    let mut text = source("Dogs bark. The lender was fined. Cats purr.");
    for (sentence, vector) in text.sentences.iter_mut().zip([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]) {
        sentence.vector = Some(vector.to_vec());
    }
    let verdict = Checker::new(&text).check("A bank received a penalty.", Language::English, Some(&[0.0, 1.0]), &[]);
    assert_eq!(verdict.evidence.first(), Some(&1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_survived(
        text in "\\PC{0,60}|([A-Za-z ]{0,5}[0-9,.%$億元年月。\\n| 不增減]{0,3}){0,20}",
        claim in "\\PC{0,40}|([A-Za-z ]{0,5}[0-9,.%$億元年月。 不增減]{0,3}){0,12}",
        chinese in any::<bool>(),
    ) {
        let language = if chinese { Language::TraditionalChinese } else { Language::English };
        let verdict = check(&claim, language, &source(&text), &[0, 7]);
        prop_assert!((0.0..=1.0).contains(&verdict.score));
        prop_assert_eq!(verdict.outcome == Outcome::Supported, verdict.score >= SUPPORTED_FROM);
        for span in verdict.unsupported.iter().chain(verdict.checks.iter().map(|check| &check.claim)) {
            prop_assert!(claim.get(span.range()).is_some() && !span.is_empty());
        }
    }
}
