//! Chinese words with more than one writing, and words that Taiwan and the mainland say differently.
//!
//! Writings that differ in a character are made one when text is indexed and when it is searched, one character for one. Other
//! words are told apart in the index and looked for together.

use crate::language::script::simplified;

/// Characters that are written in two ways, in simplified form: the first is indexed as the second.
const CHARACTERS: [(char, char); 3] = [('账', '帐'), ('滙', '汇'), ('祕', '秘')];

/// Pairs of characters whose writing differs in one of them, in simplified form.
const PAIRS: [(&str, &str); 8] = [
    ("曝险", "暴险"),
    ("计画", "计划"),
    ("规画", "规划"),
    ("企画", "企划"),
    ("身分", "身份"),
    ("部份", "部分"),
    ("其它", "其他"),
    ("连系", "联系"),
];

/// Words that mean the same, in simplified form: who looks for one finds the others too. The first of each is what the product
/// says.
const SYNONYMS: [&[&str]; 14] = [
    &["备抵呆帐", "备抵损失", "坏帐准备", "贷款损失准备"],
    &["逾期放款", "不良贷款"],
    &["经营权异动", "实际控制人变更"],
    &["提领困难", "提现困难"],
    &["财报不实", "财务造假"],
    &["违反资讯申报规定", "资讯揭露违规", "信息披露违规"],
    &["资讯揭露", "信息披露"],
    &["资讯", "信息"],
    &["网路", "网络"],
    &["软体", "软件"],
    &["洗钱防制", "反洗钱"],
    &["衍生性金融商品", "金融衍生品", "衍生金融工具"],
    &["人工智慧", "人工智能"],
    &["演算法", "算法"],
];

/// Simplified characters in one writing, as many as the text has.
pub(super) fn unified(han: &str) -> String {
    // Twice, because a simplified form may be the traditional form of another character: 薴 is 苧, and 苧 is 苎.
    let mut text: Vec<char> = han.chars().map(|c| simplified(simplified(c))).collect();
    for c in &mut text {
        if let Some((_, one)) = CHARACTERS.iter().find(|(other, _)| other == c) {
            *c = *one;
        }
    }
    for at in 1..text.len() {
        let pair = PAIRS.iter().find(|(other, _)| other.chars().eq(text[at - 1..=at].iter().copied()));
        if let Some((_, one)) = pair {
            one.chars().enumerate().for_each(|(nth, c)| text[at - 1 + nth] = c);
        }
    }
    text.into_iter().collect()
}

/// The other ways to say `han`, in simplified form: with each known word in it in place of another. Empty where there is none.
pub(super) fn synonyms(han: &str) -> Vec<String> {
    let unified = unified(han);
    let mut others = Vec::new();
    for group in SYNONYMS {
        // The longest word of the group that is there: 资讯安全 rather than a word within it.
        let Some(said) = group.iter().filter(|word| unified.contains(**word)).max_by_key(|word| word.len()) else { continue };
        for other in group.iter().filter(|other| *other != said) {
            others.push(unified.replacen(said, other, 1));
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writings_are_made_one() {
        for (one, other) in
            [("曝險", "暴險"), ("營運持續計畫", "营运持续计划"), ("呆賬", "呆帳"), ("身分", "身份"), ("臺灣", "台湾")]
        {
            assert_eq!(unified(one), unified(other), "{one} {other}");
        }
        assert_ne!(unified("動畫"), unified("動劃"));
    }

    #[test]
    fn mainland_words_are_synonyms() {
        assert_eq!(synonyms("提領困難"), ["提现困难"]);
        assert_eq!(synonyms("金融資訊安全"), ["金融信息安全"]);
        assert!(synonyms("備抵呆帳").contains(&"坏帐准备".to_owned()));
        assert!(synonyms("流動性").is_empty());
    }

    #[test]
    fn the_tables_are_in_unified_form() {
        for (other, one) in PAIRS {
            assert_eq!(unified(one), one);
            assert_eq!(other.chars().count(), one.chars().count());
        }
        for word in SYNONYMS.iter().flat_map(|group| group.iter()) {
            assert_eq!(unified(word), *word);
        }
    }

    #[test]
    fn a_chain_of_simplified_forms_is_followed_to_its_end() {
        assert_eq!(unified("薴"), unified("苧"));
    }

    proptest! {
        #[test]
        fn as_many_characters_and_the_same_when_done_twice(text in "[\\u{4E00}-\\u{9FFF}曝險計畫部份]{0,20}") {
            let once = unified(&text);
            prop_assert_eq!(once.chars().count(), text.chars().count());
            prop_assert_eq!(unified(&once), once);
        }
    }
}
