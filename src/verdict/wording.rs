//! The exact checks of words: names, negation, direction, scope.

use crate::language::Span;
use crate::language::script::is_han;

use super::comparison::Comparison;
use super::features::{Feature, Features};
use super::lexicon::Kind;
use super::tokens::{Token, TokenKind};
use super::{Check, CheckKind, CheckResult};

/// A claim follows a sentence closely enough for its negations to be compared.
const COMPARABLE: f32 = 0.4;

/// How Chinese names of organisations end.
const ORGANISATION_ENDINGS: &[&str] = &[
    "股份有限公司",
    "有限公司",
    "委員會",
    "金控",
    "銀行",
    "證券",
    "保險",
    "人壽",
    "產險",
    "投信",
    "公司",
    "集團",
    "大學",
    "基金會",
    "協會",
    "部",
    "局",
    "署",
    "院",
];

/// Checks the names of the claim.
pub(super) fn check_names(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let tokens = &comparison.claim.tokens;
    let is_name = |token: &Token| token.kind == TokenKind::Word { capital: true };
    let mut index = 0;
    while index < tokens.len() {
        if !is_name(&tokens[index]) {
            index += 1;
            continue;
        }
        let end = index + tokens[index..].iter().take_while(|token| is_name(token)).count();
        let name = &tokens[index..end];
        let missing = name.iter().filter(|token| comparison.source.occurrences(token.key) == 0).count();
        let span = Span { start: name[0].span.start, end: name[name.len() - 1].span.end };
        let written = span.of(comparison.text);
        let rival = (index..end).find_map(|token| {
            let gap = comparison.gap(token).filter(|gap| gap.is_same_place())?;
            comparison.opposite(gap).iter().find(|token| is_name(token))
        });
        let (result, detail) = match (missing, rival) {
            (0, _) => (CheckResult::Matched, format!("{written} is in the source")),
            (_, Some(rival)) => {
                features.count(Feature::NameConflict);
                let best = comparison
                    .candidates
                    .first()
                    .map_or("", |best| rival.span.of(&comparison.source.source.sentences[best.sentence as usize].text));
                (CheckResult::Conflicting, format!("{best} in the source, {written} in the claim"))
            }
            _ => {
                features.count(Feature::NameMissing);
                (CheckResult::Missing, format!("{written} is not in the source"))
            }
        };
        checks.push(Check { kind: CheckKind::Name, result, claim: span, detail });
        index = end;
    }
    check_chinese_names(comparison, features, checks);
}

/// Organisations by the ending of their names. Where the name begins cannot be told for sure, so two characters before the ending decide.
fn check_chinese_names(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let text = comparison.text;
    let mut at = 0;
    while let Some(offset) = text[at..].find(is_han) {
        let start = at + offset;
        let run = text[start..].find(|character| !is_han(character)).map_or(text.len(), |length| start + length);
        let mut from = start;
        while let Some((found, ending)) = ORGANISATION_ENDINGS
            .iter()
            .filter_map(|ending| text[from..run].find(ending).map(|found| (from + found, *ending)))
            .min_by_key(|(found, ending)| (*found, std::cmp::Reverse(ending.len())))
        {
            let before: Vec<usize> = text[from..found].char_indices().rev().take(2).map(|(offset, _)| from + offset).collect();
            let end = found + ending.len();
            if let (2, Some(name_start)) = (before.len(), before.last()) {
                let span = Span::new(*name_start..end);
                let keys: Vec<u64> = comparison
                    .claim
                    .tokens
                    .iter()
                    .filter(|token| token.kind == TokenKind::Han && token.span.start >= span.start && token.span.end <= span.end)
                    .map(|token| token.key)
                    .collect();
                if keys.len() >= 2 && ending.chars().count() >= 2 {
                    let written = span.of(text);
                    let found = comparison.source.holds_characters(&keys);
                    let (result, detail) = if found {
                        (CheckResult::Matched, format!("{written} is in the source"))
                    } else {
                        features.count(Feature::NameMissing);
                        (CheckResult::Missing, format!("{written} is not in the source"))
                    };
                    checks.push(Check { kind: CheckKind::Name, result, claim: span, detail });
                }
            }
            from = end;
        }
        at = run;
    }
}

/// Checks the negations of the claim against the best sentence.
pub(super) fn check_negation(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let Some(best) = comparison.best() else { return };
    let is_negation = |token: &Token| token.kind == TokenKind::Negation;
    let matched = &comparison.alignment.matched;
    let (Some(first), Some(last)) = (matched.first(), matched.last()) else { return };
    // Negations of the source count where the claim runs alongside; one just before the first matched word still belongs to it.
    let reach = first.1.saturating_sub(2)..last.1 + 1;
    let claimed: Vec<usize> =
        (0..comparison.claim.tokens.len()).filter(|index| is_negation(&comparison.claim.tokens[*index])).collect();
    let stated: Vec<usize> = reach.filter(|index| best.tokens.get(*index).is_some_and(is_negation)).collect();
    let aligned = matched.iter().filter(|(row, _)| is_negation(&comparison.claim.tokens[*row])).count();
    let only_claimed = claimed.len().saturating_sub(aligned);
    let only_stated = stated.iter().filter(|column| !matched.iter().any(|(_, matched)| matched == *column)).count();
    features.set(Feature::NegationClaim, only_claimed.min(2) as f32);
    features.set(Feature::NegationSource, only_stated.min(2) as f32);
    let is_odd = only_claimed % 2 != only_stated % 2;
    features.set(Feature::NegationOdd, f32::from(is_odd));
    if comparison.alignment.share < COMPARABLE {
        return;
    }
    let span_of = |index: Option<&usize>| index.map(|index| comparison.claim.tokens[*index].span);
    let whole = Span { start: comparison.claim.tokens[first.0].span.start, end: comparison.claim.tokens[last.0].span.end };
    if is_odd {
        let (span, detail) = if only_claimed > only_stated {
            let unmatched = claimed.iter().find(|index| !comparison.alignment.matches(**index));
            (span_of(unmatched).unwrap_or(whole), "the claim denies what the source says".to_owned())
        } else {
            (whole, "the source denies what the claim says".to_owned())
        };
        checks.push(Check { kind: CheckKind::Negation, result: CheckResult::Conflicting, claim: span, detail });
    } else if let Some(span) = span_of(claimed.first()) {
        checks.push(Check {
            kind: CheckKind::Negation,
            result: CheckResult::Matched,
            claim: span,
            detail: "denied in the source too".to_owned(),
        });
    }
}

/// Checks words of direction and scope against the best sentence, then the document.
pub(super) fn check_opposites(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let Some(best) = comparison.best() else { return };
    for (index, token) in comparison.claim.tokens.iter().enumerate() {
        let Some(class) = token.class.filter(|class| class.kind != Kind::Synonym) else { continue };
        let is_direction = class.kind == Kind::Direction;
        let kind = if is_direction { CheckKind::Direction } else { CheckKind::Scope };
        let feature = |direction, scope| if is_direction { direction } else { scope };
        let opposes = |other: &&Token| other.class.is_some_and(|other| class.opposes(other));
        let written = token.span.of(comparison.text);
        let quoted = |other: &Token| {
            comparison
                .candidates
                .first()
                .map_or("", |best| other.span.of(&comparison.source.source.sentences[best.sentence as usize].text))
        };
        if comparison.alignment.matches(index) {
            checks.push(Check {
                kind,
                result: CheckResult::Matched,
                claim: token.span,
                detail: format!("{written} is in the source"),
            });
            continue;
        }
        let gap = comparison.gap(index);
        if let Some(rival) = gap.and_then(|gap| comparison.opposite(gap).iter().find(opposes)) {
            features.count(feature(Feature::DirectionConflict, Feature::ScopeConflict));
            let detail = format!("{} in the source, {written} in the claim", quoted(rival));
            checks.push(Check { kind, result: CheckResult::Conflicting, claim: token.span, detail });
        } else if comparison.in_best(token.key) {
            checks.push(Check {
                kind,
                result: CheckResult::Matched,
                claim: token.span,
                detail: format!("{written} is in the source"),
            });
        } else if let Some(rival) = best.tokens.iter().find(opposes) {
            features.count(feature(Feature::DirectionLoose, Feature::ScopeLoose));
            if comparison.alignment.share >= COMPARABLE {
                let detail = format!("{} in the source, {written} in the claim", quoted(rival));
                checks.push(Check { kind, result: CheckResult::Conflicting, claim: token.span, detail });
            }
        } else if comparison.source.occurrences(token.key) == 0 {
            features.count(feature(Feature::DirectionMissing, Feature::ScopeMissing));
            if is_direction {
                checks.push(Check {
                    kind,
                    result: CheckResult::Missing,
                    claim: token.span,
                    detail: format!("{written} is not in the source"),
                });
            }
        }
    }
}
