//! Words whose meaning decides a check: opposites (up and down, all and some, may and will), negations, and words that mean the same.
//!
//! A word of a group has a side; words on the same side count as the same word when texts are aligned, words on different sides of one
//! group exclude each other. The groups are kept small and financial: a wrong synonym hides an error, a wrong opposite invents one.

use super::negations::{CHINESE_NEGATIONS, ENGLISH_NEGATIONS, NOT_NEGATIONS};
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::language::script::simplified;

/// What a group of words is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Up or down, more or less, better or worse.
    Direction,
    /// All or some, may or will, gross or net, before or after.
    Scope,
    /// One side only: different words for the same.
    Synonym,
}

/// The place of a word in the lexicon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) kind: Kind,
    pub(super) group: u16,
    pub(super) side: u8,
}

impl Class {
    /// Whether the two words exclude each other.
    pub(super) fn opposes(self, other: Self) -> bool {
        self.group == other.group && self.side != other.side
    }
}

type Group = (Kind, &'static [&'static str]);

/// Sides are separate entries; words of a side are separated by spaces, phrases of Chinese stand as they are.
const ENGLISH: &[Group] = &[
    (
        Kind::Direction,
        &[
            "increase increased increases increasing rise rises rose risen rising grow grows grew grown growing growth climb climbed climbing gain gained gains higher upward uptick surge surged surging advance advanced jump jumped up raise raised raises raising hike hiked upside expand expanded expanding expansion boost boosted accelerate accelerated accelerating acceleration",
            "decrease decreased decreases decreasing fall falls fell fallen falling decline declined declines declining drop dropped drops dropping lower lowered lowers lowering downward reduce reduced reduces reducing reduction contract contracted contracting contraction shrink shrank shrunk slump slumped plunge plunged down downside cut cuts cutting slow slowed slowing slower slowdown decelerate decelerated diminish diminished dip dipped",
        ],
    ),
    (
        Kind::Direction,
        &["above exceed exceeds exceeded exceeding beat beats surpass surpassed over", "below miss misses missed under"],
    ),
    (Kind::Direction, &["more greater", "less fewer"]),
    (
        Kind::Direction,
        &[
            "strong stronger strongest strength strengthen strengthened strengthening robust solid resilient",
            "weak weaker weakest weakness weaken weakened weakening soft subdued",
        ],
    ),
    (
        Kind::Direction,
        &[
            "improve improved improves improving improvement better",
            "deteriorate deteriorated deteriorating deterioration worsen worsened worsening worse",
        ],
    ),
    (
        Kind::Direction,
        &["tighten tightened tightening tighter restrictive", "ease eased easing loosen loosened loosening accommodative looser"],
    ),
    (Kind::Direction, &["surplus surpluses", "deficit deficits shortfall"]),
    (Kind::Direction, &["profit profits profitable", "loss losses unprofitable"]),
    (
        Kind::Direction,
        &["appreciate appreciated appreciates appreciating appreciation", "depreciate depreciated depreciates depreciating"],
    ),
    (
        Kind::Direction,
        &["positive positively favorable favourable", "negative negatively unfavorable unfavourable adverse adversely"],
    ),
    (Kind::Direction, &["hawkish", "dovish"]),
    (Kind::Direction, &["optimistic optimism", "pessimistic pessimism"]),
    (Kind::Direction, &["high highest maximum peak", "low lowest minimum trough"]),
    (
        Kind::Direction,
        &["buy bought buys purchase purchased acquire acquired acquisition", "sell sold sells sale divest divested divestiture"],
    ),
    (Kind::Direction, &["win won wins winning", "lose lost loses losing"]),
    (
        Kind::Direction,
        &["approve approved approval accept accepted", "reject rejected rejection deny denied decline refuse refused"],
    ),
    (Kind::Direction, &["support supported supports", "oppose opposed opposes"]),
    (
        Kind::Direction,
        &[
            "start started begin began begun launch launched open opened",
            "end ended cease ceased terminate terminated close closed stop stopped",
        ],
    ),
    (
        Kind::Direction,
        &["compliant compliance comply complied", "noncompliant noncompliance violate violated violation breach breached"],
    ),
    (Kind::Direction, &["effective adequate sufficient", "ineffective inadequate insufficient"]),
    (Kind::Direction, &["large larger largest big bigger biggest", "small smaller smallest little"]),
    (Kind::Direction, &["early earlier earliest", "late later latest"]),
    (Kind::Direction, &["short shorter near nearer", "long longer"]),
    (Kind::Direction, &["north northern", "south southern", "east eastern", "west western"]),
    (
        Kind::Scope,
        &[
            "all every entire whole everyone everything always",
            "some several partly partially sometimes someone",
            "few hardly rarely seldom",
            "most mostly majority",
            "none nobody nothing never",
        ],
    ),
    (Kind::Scope, &["may might could possibly perhaps", "will would shall", "must required mandatory obligatory"]),
    (Kind::Scope, &["expected expects expect anticipated forecast projected planned", "confirmed completed finalized"]),
    (Kind::Scope, &["unanimously unanimous", "narrow divided"]),
    (Kind::Scope, &["unchanged stable steady", "changed"]),
    (Kind::Scope, &["temporary temporarily transitory interim", "permanent permanently"]),
    (Kind::Scope, &["headline", "core"]),
    (Kind::Scope, &["export exports exported", "import imports imported"]),
    (Kind::Scope, &["domestic internal", "external foreign international"]),
    (Kind::Scope, &["assets asset", "liabilities liability"]),
    (Kind::Scope, &["gross", "net"]),
    (Kind::Scope, &["revenue revenues", "income earnings"]),
    (Kind::Scope, &["before", "after"]),
    (Kind::Scope, &["first initial initially", "last final finally", "second", "third"]),
    (Kind::Scope, &["monthly", "annual annually yearly", "quarterly", "daily", "weekly"]),
    (Kind::Scope, &["month", "year", "quarter", "week", "day"]),
    (Kind::Scope, &["public publicly", "private privately"]),
    (Kind::Scope, &["secured", "unsecured"]),
    (Kind::Scope, &["direct directly", "indirect indirectly"]),
    (Kind::Scope, &["audited", "unaudited"]),
    (
        Kind::Scope,
        &["male man men boy boys husband father son brother", "female woman women girl girls wife mother daughter sister"],
    ),
    (Kind::Scope, &["inside indoors", "outside outdoors"]),
    (Kind::Synonym, &["approximately about roughly around approx nearly"]),
    (Kind::Synonym, &["remain remained remains stay stayed stays continue continued continues"]),
    (Kind::Synonym, &["versus vs compared against"]),
    (Kind::Synonym, &["because due owing"]),
    (Kind::Synonym, &["mainly largely primarily mostly chiefly"]),
    (Kind::Synonym, &["believe believes believed think thinks thought"]),
    (Kind::Synonym, &["company firm corporation business"]),
    (Kind::Synonym, &["prior previous former"]),
    (Kind::Synonym, &["film movie"]),
    (Kind::Synonym, &["born birth"]),
    (Kind::Synonym, &["die died dead death"]),
    (Kind::Synonym, &["us usa america american"]),
    (Kind::Synonym, &["uk britain british"]),
    (Kind::Synonym, &["say says said state stated states report reported tell told announce announced"]),
    (Kind::Synonym, &["eps"]),
    (Kind::Synonym, &["write wrote written author"]),
    (Kind::Synonym, &["job employment work"]),
    (Kind::Synonym, &["car vehicle automobile"]),
    (Kind::Synonym, &["money cash funds"]),
    (Kind::Synonym, &["kid kids child children"]),
    (Kind::Synonym, &["people person persons"]),
];

const CHINESE: &[Group] = &[
    (
        Kind::Direction,
        &[
            "增加 增長 成長 上升 上漲 上揚 提高 提升 升高 攀升 走高 走升 上行 上調 調升 調高 擴大 擴張 大漲 收漲 漲超 漲幅 高開 領漲 預增 同比增 加快 加速 新增 增 漲 升",
            "減少 下滑 下降 下跌 降低 跌落 走低 走跌 下行 下調 調降 調低 縮小 收縮 大跌 收跌 跌超 跌幅 低開 領跌 預減 同比減 放緩 減緩 衰退 減 跌 降",
        ],
    ),
    (Kind::Direction, &["高於 超過 逾 超出 超", "低於 不到 未達 不足 少於"]),
    (Kind::Direction, &["升息 加息", "降息 減息"]),
    (Kind::Direction, &["盈利 獲利 盈餘", "虧損"]),
    (Kind::Direction, &["增持 買入 買進 購買 收購 買超", "減持 賣出 出售 賣超 處分"]),
    (Kind::Direction, &["流入 淨流入", "流出 淨流出"]),
    (Kind::Direction, &["寬鬆", "緊縮"]),
    (Kind::Direction, &["順差 出超", "逆差 入超"]),
    (Kind::Direction, &["改善 好轉", "惡化 轉差"]),
    (Kind::Direction, &["看好 樂觀", "看淡 悲觀"]),
    (Kind::Direction, &["通過 核准 批准 同意", "否決 駁回 退回 反對"]),
    (Kind::Direction, &["啟動 開始 展開", "終止 停止 結束 中止"]),
    (Kind::Direction, &["升值", "貶值"]),
    (Kind::Direction, &["支持 贊成 贊同", "反對"]),
    (Kind::Direction, &["強勁 強", "疲弱 疲軟 弱"]),
    (Kind::Direction, &["多於 更多", "更少"]),
    (Kind::Direction, &["最高", "最低"]),
    (Kind::Direction, &["最大", "最小"]),
    (Kind::Direction, &["簽署 簽訂", "解除 撤銷"]),
    (Kind::Direction, &["喜歡 喜愛", "討厭 厭惡"]),
    (Kind::Direction, &["成功", "失敗"]),
    (Kind::Direction, &["容易 簡單", "困難"]),
    (Kind::Scope, &["全部 所有 全體 一律 皆 均 每", "部分 部份 若干 有些 一些 某些", "少數", "多數 大多 大部分"]),
    (Kind::Scope, &["可能 也許 或許 恐", "必須 應 須 一定 必將 肯定"]),
    (Kind::Scope, &["預計 預期 估計 擬 計劃 預估", "已經 業已 完成"]),
    (Kind::Scope, &["進口", "出口"]),
    (Kind::Scope, &["國內 境內", "國外 境外 海外"]),
    (Kind::Scope, &["資產", "負債"]),
    (Kind::Scope, &["營收 營業收入", "淨利 淨利潤 純益"]),
    (Kind::Scope, &["之前 以前", "之後 以後"]),
    (Kind::Scope, &["至少 最少", "至多 最多"]),
    (Kind::Scope, &["短期", "長期", "中期"]),
    (Kind::Scope, &["公開", "私下 非公開"]),
    (Kind::Scope, &["直接", "間接"]),
    (Kind::Scope, &["全體一致 一致", "多數決"]),
    (Kind::Scope, &["男 男人 男性 男孩", "女 女人 女性 女孩"]),
    (Kind::Scope, &["今天 今日", "昨天 昨日", "明天 明日"]),
    (Kind::Scope, &["今年", "去年", "明年"]),
    (Kind::Synonym, &["同比 較上年同期 年增 比去年同期 較去年同期"]),
    (Kind::Synonym, &["環比 較上期 季增 月增"]),
    (Kind::Synonym, &["約 大約 近 將近"]),
    (Kind::Synonym, &["宣佈 宣布 公告 公布 公佈 表示 指出 稱"]),
    (Kind::Synonym, &["日前 近日"]),
    (Kind::Synonym, &["目前 現時 現在"]),
    (Kind::Synonym, &["合計 共計 總計 累計 共"]),
    (Kind::Synonym, &["達到 達 升至 降至"]),
    (Kind::Synonym, &["並 且 而且 和 與 及"]),
    (Kind::Synonym, &["是 為 係"]),
    (Kind::Synonym, &["公司 該公司 本公司"]),
    (Kind::Synonym, &["備抵呆帳 備抵損失"]),
    (Kind::Synonym, &["暴險 曝險"]),
    (Kind::Synonym, &["美國 美"]),
];

/// English function words: they say little about what a claim is about.
const STOPWORDS: &[&str] = &[
    "a",
    "an",
    "the",
    "of",
    "to",
    "in",
    "on",
    "at",
    "by",
    "for",
    "from",
    "with",
    "as",
    "and",
    "or",
    "but",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "which",
    "who",
    "whom",
    "whose",
    "what",
    "when",
    "where",
    "how",
    "he",
    "she",
    "they",
    "them",
    "his",
    "her",
    "their",
    "we",
    "our",
    "us",
    "you",
    "your",
    "i",
    "my",
    "me",
    "him",
    "has",
    "have",
    "had",
    "do",
    "does",
    "did",
    "there",
    "here",
    "than",
    "then",
    "so",
    "such",
    "also",
    "into",
    "about",
    "would",
    "s",
    "t",
    "if",
    "while",
    "during",
    "through",
    "between",
    "just",
    "very",
    "too",
    "can",
    "per",
    "however",
    "meanwhile",
    "moreover",
    "overall",
    "addition",
];

const CHINESE_STOPWORDS: &str =
    "的了在是有和與及或也就都而之其這那個为為於于以所被把將将向對对从從到等並并且又還还很更最著着過过吧嗎吗呢啊他她它們们我你您";

/// What the lexicon knows about English words and Chinese phrases.
pub(super) struct Lexicon {
    english: HashMap<&'static str, Class>,
    /// By first character, in simplified characters, longest first; `None` is a word to be taken whole that is in no group.
    chinese: HashMap<char, Vec<(Vec<char>, Entry)>>,
}

/// What a Chinese phrase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Class(Class),
    Negation,
    /// A word that only looks like a negation.
    Plain,
}

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::new);

impl Lexicon {
    fn new() -> Self {
        let mut english = HashMap::new();
        for (group, (kind, sides)) in ENGLISH.iter().enumerate() {
            for (side, words) in sides.iter().enumerate() {
                for word in words.split(' ') {
                    english.entry(word).or_insert(Class { kind: *kind, group: group as u16, side: side as u8 });
                }
            }
        }
        let mut chinese: HashMap<char, Vec<(Vec<char>, Entry)>> = HashMap::new();
        let mut add = |phrase: &str, entry: Entry| {
            let characters: Vec<char> = phrase.chars().map(simplified).collect();
            let Some(first) = characters.first().copied() else { return };
            let known = chinese.entry(first).or_default();
            if !known.iter().any(|(other, _)| *other == characters) {
                known.push((characters, entry));
            }
        };
        for phrase in NOT_NEGATIONS {
            add(phrase, Entry::Plain);
        }
        for (group, (kind, sides)) in CHINESE.iter().enumerate() {
            for (side, words) in sides.iter().enumerate() {
                for word in words.split(' ') {
                    add(word, Entry::Class(Class { kind: *kind, group: (ENGLISH.len() + group) as u16, side: side as u8 }));
                }
            }
        }
        for phrase in CHINESE_NEGATIONS {
            add(phrase, Entry::Negation);
        }
        for known in chinese.values_mut() {
            known.sort_by_key(|(characters, _)| std::cmp::Reverse(characters.len()));
        }
        Self { english, chinese }
    }

    /// The class of an English word in lower case.
    pub(super) fn english(&self, word: &str) -> Option<Class> {
        self.english.get(word).copied()
    }

    /// The longest Chinese entry at the start of `text` (simplified characters): its length in characters and what it is.
    pub(super) fn chinese(&self, text: &[char]) -> Option<(usize, Entry)> {
        let known = self.chinese.get(text.first()?)?;
        known.iter().find(|(characters, _)| text.starts_with(characters)).map(|(characters, entry)| (characters.len(), *entry))
    }
}

/// Whether an English word in lower case negates.
pub(super) fn is_negation(word: &str) -> bool {
    ENGLISH_NEGATIONS.contains(&word)
}

/// Whether an English word in lower case is a function word.
pub(super) fn is_stopword(word: &str) -> bool {
    STOPWORDS.contains(&word)
}

/// Whether a Han character is a function word.
pub(super) fn is_chinese_stopword(character: char) -> bool {
    CHINESE_STOPWORDS.contains(character)
}

/// The word without its inflection: `banks`, `banking` and `banked` become `bank`. A light stemmer, for matching only.
pub(super) fn stem(word: &str) -> &str {
    let trimmed = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    let length = trimmed.len();
    if !trimmed.is_ascii() || length < 4 {
        return trimmed;
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| trimmed.ends_with(ending));
    let ending = match length {
        7.. if ends(&["ings"]) => 4,
        6.. if ends(&["ing"]) => 3,
        5.. if ends(&["ied", "ies"]) => 3,
        5.. if ends(&["ed", "sses", "xes", "ches", "shes"]) => 2,
        _ if ends(&["s"]) && !ends(&["ss", "us", "is"]) => 1,
        6.. if ends(&["ly"]) && !ends(&["ply"]) => 2,
        _ => 0,
    };
    let base = &trimmed[..length - ending];
    let bytes = base.as_bytes();
    match bytes {
        [.., before, last]
            if before == last && base.len() > 3 && !matches!(last, b's' | b'l' | b'e' | b'o') && base.len() < length =>
        {
            &base[..base.len() - 1]
        }
        [.., b'e' | b'y'] if base.len() > 3 => &base[..base.len() - 1],
        [.., b'i'] if base.len() > 3 && base.len() < length => &base[..base.len() - 1],
        _ => base,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn inflections_meet() {
        for words in [
            &["bank", "banks", "banked"][..],
            &["increase", "increased", "increases", "increasing"],
            &["supply", "supplies", "supplied"],
            &["plan", "planned", "planning"],
        ] {
            assert!(words.windows(2).all(|pair| stem(pair[0]) == stem(pair[1])), "{words:?}");
        }
    }

    #[test]
    fn opposites() {
        let class = |word| LEXICON.english(word).unwrap();
        assert!(class("rose").opposes(class("declined")));
        assert!(!class("rose").opposes(class("increased")));
        assert!(class("all").opposes(class("some")));
        let characters: Vec<char> = "下降了".chars().map(simplified).collect();
        assert!(matches!(LEXICON.chinese(&characters), Some((2, Entry::Class(class))) if class.kind == Kind::Direction));
        let characters: Vec<char> = "不僅".chars().map(simplified).collect();
        assert_eq!(LEXICON.chinese(&characters), Some((2, Entry::Plain)));
    }
}
