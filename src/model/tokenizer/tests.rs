#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// A tokenizer of four pieces, with what is put into its settings.
fn file(padding: &str, truncation: &str) -> String {
    format!(
        r#"{{"version":"1.0","truncation":{truncation},"padding":{padding},"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}},"post_processor":null,"decoder":null,
        "model":{{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["▁",-2.0],["▁risk",-3.0],["s",-4.0]],"byte_fallback":false}}}}"#
    )
}

#[test]
fn a_file_cannot_ask_for_padding_or_cut_texts() {
    let padding = r#"{"strategy":{"Fixed":2000000000},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"<pad>"}"#;
    let truncation = r#"{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0}"#;
    for text in [file("null", "null"), file(padding, "null"), file("null", truncation)] {
        let tokenizer = Tokenizer::parse(text.as_bytes()).unwrap();
        let tokens = tokenizer.tokens(Role::Passage, "risks risk", 64).unwrap();
        assert!(tokens.ids.len() > 2 && tokens.ids.len() < 40 && !tokens.truncated, "{tokens:?}");
        assert_eq!(tokenizer.count("risks risk"), 3);
    }
}

#[test]
fn a_file_that_breaks_its_reader_is_refused() {
    // Found by the test below: the byte that ends a value is gone.
    let mut bytes = file("null", "null").into_bytes();
    let length = bytes.len();
    bytes[585 % length] = 0;
    assert!(Tokenizer::parse(&bytes).is_err());
}

proptest! {
    #[test]
    fn no_bytes_crash_the_reader(at in 0_usize..600, with in any::<u8>(), cut in 0_usize..600) {
        let mut bytes = file("null", "null").into_bytes();
        let length = bytes.len();
        bytes[at % length] = with;
        if cut % 3 == 0 {
            bytes.truncate(length - cut % length);
        }
        if let Ok(tokenizer) = Tokenizer::parse(&bytes) {
            let _ = tokenizer.tokens(Role::Query, "risks 風險", 8);
        }
    }
}
