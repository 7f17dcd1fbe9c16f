#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

fn forms(text: &str) -> Vec<(String, &str)> {
    dates(text).into_iter().map(|mention| (mention.period.to_string(), mention.span.of(text))).collect()
}

#[test]
fn normal_forms() {
    for (text, form, span) in [
        ("on 2023-03-31.", "2023-03-31", "2023-03-31"),
        ("on 3/31/2023", "2023-03-31", "3/31/2023"),
        ("ended March 31, 2023,", "2023-03-31", "March 31, 2023"),
        ("31 March 2023", "2023-03-31", "31 March 2023"),
        ("the 31st of March", "--03-31", "31st of March"),
        ("in March 2023", "2023-03", "March 2023"),
        ("in May", "--05", "May"),
        ("Dec. 31, 2022", "2022-12-31", "Dec. 31, 2022"),
        ("FY2022", "2022", "FY2022"),
        ("fiscal 2022", "2022", "fiscal 2022"),
        ("fiscal year 2022", "2022", "fiscal year 2022"),
        ("Q1 2023", "2023-Q1", "Q1 2023"),
        ("Q2 results", "--Q2", "Q2"),
        ("the first quarter of 2023", "2023-Q1", "first quarter of 2023"),
        ("first quarter of fiscal 2023", "2023-Q1", "first quarter of fiscal 2023"),
        ("lower q3 '19 ethanol", "2019-Q3", "q3 '19"),
        ("1Q23", "2023-Q1", "1Q23"),
        ("2H 2023", "2023-H2", "2H 2023"),
        ("the second half", "--H2", "second half"),
        ("in 2023", "2023", "2023"),
        ("2024年3月31日", "2024-03-31", "2024年3月31日"),
        ("２０２４年３月", "2024-03", "２０２４年３月"),
        ("民國113年", "2024", "民國113年"),
        ("113年度", "2024", "113年度"),
        ("一一三年第一季", "2024-Q1", "一一三年第一季"),
        ("中華民國一百一十三年三月", "2024-03", "中華民國一百一十三年三月"),
        ("113年第1季", "2024-Q1", "113年第1季"),
        ("113/3/31", "2024-03-31", "113/3/31"),
        ("上半年", "--H1", "上半年"),
        ("2023年前三季度", "2023-Q1/Q3", "2023年前三季度"),
        ("二季度", "--Q2", "二季度"),
        ("二月二十九日", "--02-29", "二月二十九日"),
        ("10月4日", "--10-04", "10月4日"),
    ] {
        assert_eq!(forms(text), [(form.to_owned(), span)], "{text}");
    }
}

#[test]
fn what_is_no_date() {
    for text in [
        "the bank may fail",
        "March on",
        "2,023 branches",
        "30年期公債",
        "2000 employees",
        "3.5%",
        "section 2023.4",
        "第三條",
        "V2023x",
        "$2023",
        "一般",
    ] {
        assert_eq!(forms(text), vec![], "{text}");
    }
}

#[test]
fn days_that_the_calendar_lacks() {
    assert_eq!(forms("2023-02-30"), vec![]);
    assert_eq!(forms("2023年2月30日"), [("2023-02".to_owned(), "2023年2月")]);
}

#[test]
fn hard_pairs() {
    use Agreement::*;
    for (claim, source, expected) in [
        ("Q2 2023", "the second quarter of 2023", Same),
        ("Q2 2023", "the third quarter of 2023", Different),
        ("Q2", "second quarter of 2023", Same),
        ("Q2 2023", "second quarter", Within),
        ("2023", "March 31, 2023", Same),
        ("March 2023", "March 31, 2023", Same),
        ("March 31, 2023", "March 2023", Within),
        ("April 2023", "March 31, 2023", Different),
        ("in 2022", "in 2023", Different),
        ("113年", "in 2024", Same),
        ("民國113年3月", "March 2024", Same),
        ("112年", "in 2024", Different),
        ("上半年", "下半年", Different),
        ("第一季", "上半年", Within),
        ("第三季", "上半年", Unrelated),
        ("2023", "Q2", Unrelated),
    ] {
        let period = |text: &str| dates(text)[0].period;
        assert_eq!(period(claim).agreement(&period(source)), expected, "{claim} / {source}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,40}|([0-9０-９/\\-., '年月日季度民國第上下半前一二三十〇 QqFYfiscalMarchMayof]{0,3}){0,20}") {
        let mut at = 0;
        for mention in dates(&text) {
            prop_assert!(!mention.span.is_empty() && text.get(mention.span.range()).is_some());
            prop_assert!(mention.span.start as usize >= at);
            at = mention.span.end as usize;
            prop_assert!(!mention.period.to_string().is_empty());
        }
    }
}
