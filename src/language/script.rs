//! Traditional and Simplified Chinese, one character to one character, so that offsets hold after adjusting for UTF-8 lengths
//! (which are equal for all but rare characters; use code points where it matters).
//!
//! The tables are those of OpenCC (through `ferrous-opencc`), read once when first needed.

use std::collections::HashMap;
use std::sync::LazyLock;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

/// Characters that are a simplified form and a traditional character in its own right (里, 后, 台…): no evidence for either script.
const IN_BOTH_SCRIPTS: &str = "㐹万丑丰于云亘仆价伙余佡党准几凶划占厂厘台叶吁吃后咨咸唇夸尸岩岳帘干广征愿托挂据斗朴杠杰极柜涂涌\
                               淀游熏皂确种筑胜腊腌膻苹范荐虫蚝蜡蝎跖辟适郁采里";

/// Of those, the ones that texts in Traditional Chinese hardly ever use in their own right: weak evidence for Simplified.
const RARE_IN_TRADITIONAL: &str = "万丰云价党厂广据极柜确种筑胜适";

/// The text in simplified characters, character by character.
pub fn to_simplified(text: &str) -> String {
    convert(text, &TABLES.to_simplified)
}

/// The text in traditional characters, character by character; a simplified character that stands for several traditional ones
/// becomes the commonest.
pub fn to_traditional(text: &str) -> String {
    convert(text, &TABLES.to_traditional)
}

/// The simplified form of a character; itself where it has none.
pub fn simplified(character: char) -> char {
    if character < FIRST_IDEOGRAPH { character } else { TABLES.to_simplified.get(&character).copied().unwrap_or(character) }
}

/// What a character says about the script of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Only written in Traditional Chinese.
    Traditional,
    /// Only written in Simplified Chinese.
    Simplified,
    /// The same in both, or not a Han character.
    None,
}

/// What `character` says about the script of its text.
pub fn evidence(character: char) -> Evidence {
    if character < FIRST_IDEOGRAPH {
        return Evidence::None;
    }
    if IN_BOTH_SCRIPTS.contains(character) {
        return if RARE_IN_TRADITIONAL.contains(character) { Evidence::Simplified } else { Evidence::None };
    }
    // Simplified first: a variant of a simplified character has an entry in both tables.
    if TABLES.to_traditional.contains_key(&character) {
        Evidence::Simplified
    } else if TABLES.to_simplified.contains_key(&character) {
        Evidence::Traditional
    } else {
        Evidence::None
    }
}

/// Whether the character is a Han ideograph (or the iteration mark or zero that stand among them).
pub fn is_han(character: char) -> bool {
    matches!(character, '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

/// No character below it has another form in the other script.
const FIRST_IDEOGRAPH: char = '\u{3400}';

/// Two simplified forms of one word, from 帳 and 賬: matched as one.
const VARIANTS: [(char, char); 2] = [('账', '帐'), ('賬', '帐')];

struct Tables {
    to_simplified: HashMap<char, char>,
    to_traditional: HashMap<char, char>,
}

static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables { to_simplified: table(BuiltinConfig::T2s), to_traditional: table(BuiltinConfig::S2t) });

/// The characters that `direction` changes into one other character. Empty should the embedded tables not load, which leaves texts
/// as they are.
fn table(direction: BuiltinConfig) -> HashMap<char, char> {
    let Ok(converter) = OpenCC::from_config(direction) else {
        tracing::error!(
            "the embedded table of Chinese characters did not load; traditional and simplified texts are not matched"
        );
        return HashMap::new();
    };
    let ideographs = ['\u{3400}'..='\u{4DBF}', '\u{4E00}'..='\u{9FFF}', '\u{20000}'..='\u{2A6DF}'].into_iter().flatten();
    let mut table: HashMap<char, char> = HashMap::new();
    let mut buffer = [0; 4];
    for character in ideographs {
        let converted = converter.convert(character.encode_utf8(&mut buffer));
        let mut converted = converted.chars();
        if let (Some(other), None) = (converted.next(), converted.next())
            && other != character
        {
            table.insert(character, other);
        }
    }
    if matches!(direction, BuiltinConfig::T2s) {
        table.extend(VARIANTS);
    }
    table
}

fn convert(text: &str, table: &HashMap<char, char>) -> String {
    text.chars()
        .map(
            |character| if character < FIRST_IDEOGRAPH { character } else { table.get(&character).copied().unwrap_or(character) },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn traditional_and_simplified_meet() {
        assert_eq!(to_simplified("備抵呆帳與暴險，臺灣證券交易所"), "备抵呆帐与暴险，台湾证券交易所");
        assert_eq!(to_traditional("风险管理与银行业务"), "風險管理與銀行業務");
        assert_eq!(to_simplified("Basel III 12%"), "Basel III 12%");
    }

    #[test]
    fn evidence_of_script() {
        assert_eq!(evidence('險'), Evidence::Traditional);
        assert_eq!(evidence('险'), Evidence::Simplified);
        assert_eq!(evidence('中'), Evidence::None);
        assert_eq!(evidence('台'), Evidence::None);
        assert_eq!(evidence('x'), Evidence::None);
    }

    proptest! {
        #[test]
        fn one_character_to_one_character(text in "[\\u{3400}-\\u{9FFF}a-z。]{0,40}") {
            prop_assert_eq!(to_simplified(&text).chars().count(), text.chars().count());
            prop_assert_eq!(to_traditional(&text).chars().count(), text.chars().count());
        }
    }
}
