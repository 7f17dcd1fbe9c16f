#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn passage(ordinal: u32, language: &str, text: &str) -> IndexedPassage {
    IndexedPassage {
        ordinal,
        kind: "text".to_owned(),
        language: language.to_owned(),
        heading_path: vec!["Risk management".to_owned()],
        text: text.to_owned(),
        pages: vec![PageStart { byte: 0, page: ordinal + 1, label: None }],
        labels: vec![(if ordinal == 0 { "third-party-dependency" } else { "credit-risk" }.to_owned(), 0.9)],
        verdicts: vec!["supported".to_owned()],
        vector: None,
    }
}

const ENGLISH: &str = "The bank depends on one cloud provider; outsourcing arrangements with third parties were not tested in 2023. \
                       Allowances of 1,200 million were raised.";
const TRADITIONAL: &str = "本行核心系統委由單一雲端業者代管，對該業者之曝險尚無可行之退場計畫。";
const SIMPLIFIED: &str = "本行核心系统委托单一云端业者代管，风险管理委员会已讨论。";

fn document(stem: &str, passages: Vec<IndexedPassage>) -> IndexedDocument {
    IndexedDocument {
        digest: Digest::of(stem.as_bytes()),
        stem: stem.to_owned(),
        title: Some(format!("Annual report of {stem}")),
        document_type: Some("annual-report".to_owned()),
        institution: Some("Harbour Bank".to_owned()),
        period: Some("2023".to_owned()),
        passages,
    }
}

fn index() -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open_or_create(&folder.path().join("index")).unwrap();
    let mut writer = index.writer().unwrap();
    writer
        .replace(&document("english", vec![passage(0, "en", ENGLISH), passage(1, "en", "Loans to developers went past due.")]))
        .unwrap();
    writer.replace(&document("chinese", vec![passage(0, "zh-Hant", TRADITIONAL), passage(1, "zh-Hans", SIMPLIFIED)])).unwrap();
    writer.commit(2).unwrap();
    (folder, index)
}

fn query(text: &str) -> Query {
    Query { text: text.to_owned(), limit: 10, ..Query::default() }
}

/// Stem, ordinal and matched text of each hit.
fn found(index: &Index, query: &Query) -> Vec<(String, u32, Vec<String>)> {
    let hits = index.searcher().unwrap().search(query).unwrap().unwrap();
    let matched = |hit: &Hit| hit.matches.iter().map(|span| span.of(&hit.passage.text).to_owned()).collect();
    hits.hits.iter().map(|hit| (hit.stem.clone(), hit.passage.ordinal, matched(hit))).collect()
}

fn places(index: &Index, text: &str) -> Vec<(String, u32)> {
    found(index, &query(text)).into_iter().map(|(stem, ordinal, _)| (stem, ordinal)).collect()
}

#[test]
fn english_words_are_found_by_their_stem_and_phrases_whole() {
    let (_folder, index) = index();
    let english = [("english".to_owned(), 0)];
    for text in
        ["providers", "outsource AND cloud", "\"third party\"", "\"cloud provider\"", "outsourc*", "1200", "cloud NOT developers"]
    {
        assert_eq!(places(&index, text), english, "{text}");
    }
    assert!(places(&index, "\"provider cloud\"").is_empty());
    assert_eq!(found(&index, &query("\"third party\""))[0].2, ["third parties"]);
}

#[test]
fn traditional_and_simplified_find_each_other_in_phrases_too() {
    let (_folder, index) = index();
    for text in ["單一雲端業者", "单一云端业者", "\"核心系統\"", "核心系统", "（核心系統 AND 雲端）"]
    {
        let mut places = places(&index, text);
        places.sort();
        assert_eq!(places, [("chinese".to_owned(), 0), ("chinese".to_owned(), 1)], "{text}");
    }
    // A phrase that a segmenter would cut elsewhere: "端業者代".
    assert!(places(&index, "端業者代").contains(&("chinese".to_owned(), 0)));
    // The two writings of exposure.
    assert_eq!(found(&index, &query("暴險"))[0].2, ["曝險"]);
    assert!(places(&index, "雲計算").is_empty());
}

#[test]
fn filters_narrow_by_field_and_by_argument() {
    let (_folder, index) = index();
    assert_eq!(places(&index, "label:credit-risk AND lang:en"), [("english".to_owned(), 1)]);
    assert_eq!(places(&index, "page:2 AND doc:chinese"), [("chinese".to_owned(), 1)]);
    let by = |change: fn(&mut Query)| {
        let mut query = query("");
        change(&mut query);
        found(&index, &query).len()
    };
    assert_eq!(by(|query| query.labels = vec!["third-party-dependency".to_owned()]), 2);
    assert_eq!(by(|query| query.languages = vec!["zh".to_owned()]), 2);
    assert_eq!(by(|query| query.institutions = vec!["HARBOUR BANK".to_owned()]), 4);
    assert_eq!(by(|query| query.periods = vec!["2022".to_owned()]), 0);
    assert_eq!(by(|query| query.documents = vec!["english".to_owned()]), 2);
}

#[test]
fn a_question_finds_its_page() {
    let (_folder, index) = index();
    let ask = |text: &str| {
        let query = Query { plain: true, ..query(text) };
        index.searcher().unwrap().pages(&query).unwrap().unwrap().first().map(|page| (page.stem.clone(), page.page))
    };
    assert_eq!(ask("Which provider does the bank depend on?"), Some(("english".to_owned(), 1)));
    assert_eq!(ask("本行的核心系統委由哪些業者？"), Some(("chinese".to_owned(), 1)));
}

#[test]
fn replacing_leaves_no_second_copy_and_uncommitted_work_leaves_nothing() {
    let (folder, index) = index();
    {
        let mut writer = index.writer().unwrap();
        writer.replace(&document("english", vec![passage(0, "en", ENGLISH)])).unwrap();
        writer.commit(3).unwrap();
        writer.replace(&document("lost", vec![passage(0, "en", ENGLISH)])).unwrap();
        // Dropped without a commit, as by a kill.
    }
    let again = Index::open_or_create(&folder.path().join("index")).unwrap();
    assert_eq!(again.committed_sequence().unwrap(), 3);
    assert_eq!(places(&again, "cloud AND lang:en"), [("english".to_owned(), 0)]);
}

#[test]
fn another_version_is_told_and_built_anew() {
    let (folder, index) = index();
    drop(index);
    let path = folder.path().join("index");
    std::fs::write(path.join(VERSION_FILE), "0\n").unwrap();
    assert!(matches!(Index::open(&path), Err(IndexError::OtherVersion { .. })));
    assert_eq!(Index::open_or_create(&path).unwrap().committed_sequence().unwrap(), 0);
    assert!(matches!(Index::open(&folder.path().join("nowhere")), Err(IndexError::Absent(_))));
}

#[test]
fn a_query_that_cannot_be_read_is_the_users_error() {
    let (_folder, index) = index();
    let searcher = index.searcher().unwrap();
    for text in ["nofield:x", "page:many", "((("] {
        assert!(searcher.search(&query(text)).unwrap().is_err(), "{text}");
    }
    assert_eq!(searcher.search(&query(&"(".repeat(500))).unwrap().unwrap_err(), QueryError::TooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_query_and_no_text_makes_it_panic(text in "\\PC{0,60}", body in "\\PC{0,400}") {
        let (_folder, index) = index();
        let _ = index.searcher().unwrap().search(&query(&text)).unwrap();
        let sequences = [query::Sequence { terms: vec!["a".to_owned()], prefix: true }];
        let matches = snippet::matches(&body, &sequences);
        let shown = snippet::window(&body, &matches);
        prop_assert!(body.get(shown.range()).is_some());
        for span in matches {
            prop_assert!(body.get(span.range()).is_some());
        }
    }
}
