#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

fn only(text: &str) -> Quantity {
    let found = quantities(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0].clone()
}

#[test]
fn values_and_measures() {
    let money =
        |code: &'static str| move |measure: Measure| matches!(measure, Measure::Money(currency) if currency.code() == code);
    let is = |wanted: Measure| move |measure: Measure| measure == wanted;
    type Row = (&'static str, f64, Box<dyn Fn(Measure) -> bool>, &'static str);
    let table: Vec<Row> = vec![
        ("revenue of $3.2 billion", 3.2e9, Box::new(money("$")), "$3.2 billion"),
        ("NT$1,234 thousand in", 1_234_000.0, Box::new(money("TWD")), "NT$1,234 thousand"),
        ("新臺幣3.5億元", 3.5e8, Box::new(money("TWD")), "新臺幣3.5億元"),
        ("獲利3億5,000萬元", 3.5e8, Box::new(money("元")), "3億5,000萬元"),
        ("三億五千萬元", 3.5e8, Box::new(money("元")), "三億五千萬元"),
        ("金額為１２．５億美元", 1.25e9, Box::new(money("USD")), "１２．５億美元"),
        ("US$5m loan", 5e6, Box::new(money("USD")), "US$5m"),
        ("USD 20bn", 2e10, Box::new(money("USD")), "USD 20bn"),
        ("5 billion euros", 5e9, Box::new(money("EUR")), "5 billion euros"),
        ("a loss of $(1,234)", -1234.0, Box::new(money("$")), "$(1,234)"),
        ("was $(1,234) thousand in", -1_234_000.0, Box::new(money("$")), "$(1,234) thousand"),
        ("margin (12.3)%", -12.3, Box::new(is(Measure::Percent)), "(12.3)%"),
        ("fell -4.5% on", -4.5, Box::new(is(Measure::Percent)), "-4.5%"),
        ("12.50 per cent", 12.5, Box::new(is(Measure::Percent)), "12.50 per cent"),
        ("百分之十二點五", 12.5, Box::new(is(Measure::Percent)), "百分之十二點五"),
        ("百分之12.5的", 12.5, Box::new(is(Measure::Percent)), "百分之12.5"),
        ("約三成。", 30.0, Box::new(is(Measure::Percent)), "三成"),
        ("by 25 basis points", 0.25, Box::new(is(Measure::Points)), "25 basis points"),
        ("a 25-basis-point cut", 0.25, Box::new(is(Measure::Points)), "25-basis-point"),
        ("25bp", 0.25, Box::new(is(Measure::Points)), "25bp"),
        ("升息1碼", 0.25, Box::new(is(Measure::Points)), "1碼"),
        ("調降兩碼", 0.5, Box::new(is(Measure::Points)), "兩碼"),
        ("上升0.3個百分點", 0.3, Box::new(is(Measure::Points)), "0.3個百分點"),
        ("2 percentage points", 2.0, Box::new(is(Measure::Points)), "2 percentage points"),
        ("5‰", 0.5, Box::new(is(Measure::Percent)), "5‰"),
        ("3.2x leverage", 3.2, Box::new(is(Measure::Multiple)), "3.2x"),
        ("成長2倍", 2.0, Box::new(is(Measure::Multiple)), "2倍"),
        ("twenty-five branches", 25.0, Box::new(is(Measure::Count)), "twenty-five"),
        ("共十二家", 12.0, Box::new(is(Measure::Count)), "十二"),
        ("three million customers", 3e6, Box::new(is(Measure::Count)), "three million"),
        ("the 3rd", 3.0, Box::new(is(Measure::Ordinal)), "3rd"),
        ("第3.2條", 3.2, Box::new(is(Measure::Ordinal)), "第3.2"),
        ("2,500萬餘元", 2.5e7, Box::new(money("元")), "2,500萬餘元"),
        ("人民幣500億元", 5e10, Box::new(money("CNY")), "人民幣500億元"),
        ("500億元人民幣", 5e10, Box::new(money("CNY")), "500億元人民幣"),
        ("1兆2,000億元", 1.2e12, Box::new(money("元")), "1兆2,000億元"),
        ("$0.11 per share", 0.11, Box::new(money("$")), "$0.11"),
    ];
    for (text, value, measure, span) in table {
        let quantity = only(text);
        assert!((quantity.value - value).abs() <= 1e-9 * value.abs(), "{text}: {quantity:?}");
        assert!(measure(quantity.measure), "{text}: {quantity:?}");
        assert_eq!(quantity.span.of(text), span, "{text}");
    }
}

#[test]
fn what_is_no_quantity() {
    for text in [
        "Form 10-K and COVID-19",
        "統一企業",
        "萬一發生",
        "十分重要",
        "千萬不要",
        "唯一",
        "the 1990s",
        "one of them",
        "5G and Q3",
        "section 1.2.3",
    ] {
        assert_eq!(quantities(text), vec![], "{text}");
    }
}

#[test]
fn hard_pairs() {
    use Agreement::*;
    for (claim, source, expected) in [
        ("$3.2 billion", "3,200 million dollars", Same),
        ("$3.2 billion", "$3.2 million", SameDigits),
        ("3億元", "30,000萬元", Same),
        ("3億元", "3萬元", SameDigits),
        ("3.5億元", "新臺幣350,000仟元", Same),
        ("25 basis points", "0.25 percentage point", Same),
        ("25 basis points", "25 percent", SameDigits),
        ("1碼", "25 basis points", Same),
        ("5%", "5 percentage points", SameDigits),
        ("US$5 million", "NT$5 million", SameDigits),
        ("$5 million", "US$5 million", Same),
        ("12.5%", "百分之十二點五", Same),
        ("12%", "12.50%", Different),
        ("12.5%", "12.50%", Same),
        ("about $3 billion", "$2.97 billion", Rounded),
        ("$3.2 billion", "$3.18 billion", Rounded),
        ("$3.18 billion", "$3.2 billion", Different),
        ("67 million", "999 million", Different),
        ("逾870萬例", "8706915例", Rounded),
        ("(1,234)", "1,234", Same),
        ("-4.5%", "4.5%", SameDigits),
        ("10.2%", "12%", Different),
        ("three", "3", Same),
        ("２５％", "25%", Same),
    ] {
        assert_eq!(only(claim).agreement(&only(source), &[]), expected, "{claim} / {source}");
    }
}

#[test]
fn tables_declare_their_scale() {
    assert_eq!(declared_scales("(In thousands, except per share data)"), [1e3]);
    assert_eq!(declared_scales("單位：新臺幣仟元"), [1e3]);
    let (claim, cell) = (only("$4,584.8 million"), only("4,584,833"));
    assert_eq!(claim.agreement(&cell, &[]), Agreement::Different);
    assert_eq!(claim.agreement(&cell, &[1e3]), Agreement::Rounded);
}

#[test]
fn ranges_share_their_unit() {
    for (text, first) in [("between 3 and 4 percent", 3.0), ("3-4%", 3.0), ("3至4億元", 3e8), ("$3 to $4 million", 3e6)] {
        let found = quantities(text);
        assert_eq!(found.len(), 2, "{text}: {found:?}");
        assert_eq!(found[0].value, first, "{text}: {found:?}");
        assert_eq!(found[0].measure, found[1].measure, "{text}: {found:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,40}|([0-9０-９,.，．%$()（）\\-億萬千百十三五碼成點之分 a-zNTUSbpkm元]{0,3}){0,20}") {
        let mut at = 0;
        for quantity in quantities(&text) {
            for span in [quantity.span, quantity.number] {
                prop_assert!(!span.is_empty() && text.get(span.range()).is_some());
            }
            prop_assert!(quantity.span.start <= quantity.number.start && quantity.number.end <= quantity.span.end);
            prop_assert!(quantity.number.start as usize >= at);
            at = quantity.number.end as usize;
            prop_assert!(quantity.value.is_finite());
        }
        declared_scales(&text);
    }
}
