//! The exact checks of figures and dates: are they in the source, with the same unit, in the place that the claim gives them?

use crate::language::dates;
use crate::language::numbers::{Agreement, Measure, Quantity};

use super::comparison::Comparison;
use super::features::{Feature, Features};
use super::table;
use super::tokens::TokenKind;
use super::{Check, CheckKind, CheckResult};

/// A figure found in a sentence with less than this share of the best sentence's coverage stands beside other words.
const SAME_CONTEXT: f32 = 0.55;
/// A cell that fits the claim's words worse than another cell by this much is the wrong cell.
const WRONG_CELL: f32 = 0.34;

/// Checks the figures of the claim.
pub(super) fn check_figures(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let mut matched = 0;
    for (index, token) in comparison.claim.tokens.iter().enumerate() {
        let TokenKind::Figure(figure) = token.kind else { continue };
        let Some(figure) = comparison.claim.figures.get(usize::from(figure)) else { continue };
        // A place in an order (the 3rd, 第三條) is a name more than a figure.
        if figure.measure == Measure::Ordinal {
            continue;
        }
        features.set(Feature::FigureAny, 1.0);
        let place = locate(comparison, index, figure);
        let kind = if matches!(figure.measure, Measure::Percent | Measure::Points) { CheckKind::Percentage } else { CheckKind::Number };
        let written = figure.span.of(comparison.text);
        let (result, detail) = match place {
            Place::Found => {
                matched += 1;
                (CheckResult::Matched, format!("{written} is in the source"))
            }
            Place::WrongCell(gap) => {
                features.set(Feature::TableGap, features.get(Feature::TableGap).max(gap));
                (CheckResult::Conflicting, format!("{written} stands in another row or column of the table"))
            }
            Place::Elsewhere => {
                features.count(Feature::FigureElsewhere);
                (CheckResult::Missing, format!("{written} is in the source, but beside other words"))
            }
            Place::OtherUnit(other) => {
                features.count(Feature::UnitConflict);
                (CheckResult::Conflicting, format!("{other} in the source, {written} in the claim"))
            }
            Place::Replaced(other) => {
                features.count(Feature::FigureConflict);
                (CheckResult::Conflicting, format!("{other} in the source, {written} in the claim"))
            }
            Place::Nowhere => {
                features.count(Feature::FigureMissing);
                (CheckResult::Missing, format!("{written} is not in the source"))
            }
        };
        checks.push(Check { kind, result, claim: figure.span, detail });
    }
    let count = comparison.claim.figures.len().max(1);
    features.set(Feature::FigureMatched, matched as f32 / count as f32);
}

enum Place {
    Found,
    WrongCell(f32),
    Elsewhere,
    OtherUnit(String),
    Replaced(String),
    Nowhere,
}

fn locate(comparison: &Comparison<'_>, index: usize, figure: &Quantity) -> Place {
    let source = comparison.source;
    let in_sentence = |sentence: u32| {
        let scales = &source.scales[sentence as usize];
        let figures = source.sentences[sentence as usize].figures.iter();
        figures.map(|other| (figure.agreement(other, scales), other)).max_by_key(|(agreement, _)| *agreement)
    };
    let quoted = |sentence: u32, other: &Quantity| other.span.of(&source.source.sentences[sentence as usize].text).to_owned();
    let threshold = comparison.best_coverage() * SAME_CONTEXT;
    let mut elsewhere = false;
    let mut other_unit = None;
    let mut wrong_cell: Option<f32> = None;
    for candidate in &comparison.candidates {
        match in_sentence(candidate.sentence) {
            Some((Agreement::Same | Agreement::Rounded, _)) => {
                if let Some(gap) = table::fit_gap(comparison, candidate.sentence, index, figure).filter(|gap| *gap > WRONG_CELL) {
                    wrong_cell = Some(wrong_cell.map_or(gap, |known| known.min(gap)));
                } else if candidate.coverage >= threshold {
                    return Place::Found;
                } else {
                    elsewhere = true;
                }
            }
            Some((Agreement::SameDigits, other)) if other_unit.is_none() && candidate.coverage >= threshold => other_unit = Some(quoted(candidate.sentence, other)),
            _ => {}
        }
    }
    if let Some(gap) = wrong_cell {
        return Place::WrongCell(gap);
    }
    // The source's figure in the same place of the aligned sentence.
    let best = comparison.candidates.first();
    let replaced = best.and_then(|best| {
        let gap = comparison.gap(index)?;
        let rival = comparison.opposite(gap).iter().find_map(|token| match token.kind {
            TokenKind::Figure(rival) => source.sentences[best.sentence as usize].figures.get(usize::from(rival)),
            _ => None,
        })?;
        (rival.measure.is_compatible(figure.measure) || gap.is_inner).then(|| quoted(best.sentence, rival))
    });
    if let Some(other) = other_unit {
        return Place::OtherUnit(other);
    }
    if let Some(other) = replaced {
        return Place::Replaced(other);
    }
    if elsewhere || (0..source.sentences.len() as u32).any(|sentence| matches!(in_sentence(sentence), Some((Agreement::Same | Agreement::Rounded, _)))) {
        return Place::Elsewhere;
    }
    Place::Nowhere
}

/// Checks the dates and periods of the claim.
pub(super) fn check_dates(comparison: &Comparison<'_>, features: &mut Features, checks: &mut Vec<Check>) {
    let source = comparison.source;
    for (index, token) in comparison.claim.tokens.iter().enumerate() {
        let TokenKind::Date(date) = token.kind else { continue };
        let Some(mention) = comparison.claim.dates.get(usize::from(date)) else { continue };
        let written = mention.span.of(comparison.text);
        let agreement = |sentence: u32| source.sentences[sentence as usize].dates.iter().map(|other| mention.period.agreement(&other.period)).max();
        let mut push = |result, detail| checks.push(Check { kind: CheckKind::Date, result, claim: mention.span, detail });
        let in_candidates = comparison.candidates.iter().any(|candidate| agreement(candidate.sentence) >= Some(dates::Agreement::Within));
        // Another date in the same place of the aligned sentence weighs more than the same date in another sentence.
        let rival = comparison.gap(index).filter(|gap| gap.is_inner).and_then(|gap| {
            let best = comparison.candidates.first()?.sentence as usize;
            comparison.opposite(gap).iter().find_map(|token| match token.kind {
                TokenKind::Date(rival) => source.sentences[best].dates.get(usize::from(rival)).map(|rival| (rival, best)),
                _ => None,
            })
        });
        match rival {
            Some((rival, best)) if mention.period.agreement(&rival.period) == dates::Agreement::Different => {
                features.count(Feature::DateConflict);
                let stated = rival.span.of(&source.source.sentences[best].text);
                push(CheckResult::Conflicting, format!("{stated} in the source, {written} in the claim"));
            }
            _ if comparison.alignment.matches(index) || in_candidates => push(CheckResult::Matched, format!("{written} is in the source")),
            _ if (0..source.sentences.len() as u32).any(|sentence| agreement(sentence) >= Some(dates::Agreement::Within)) => {
                push(CheckResult::Matched, format!("{written} is in the source"));
            }
            _ => {
                let best = comparison.candidates.first().map(|best| best.sentence as usize);
                let different = best.and_then(|best| {
                    let other = source.sentences[best].dates.iter().find(|other| mention.period.agreement(&other.period) == dates::Agreement::Different)?;
                    Some(other.span.of(&source.source.sentences[best].text))
                });
                match different {
                    Some(stated) => {
                        features.count(Feature::DateConflict);
                        push(CheckResult::Conflicting, format!("{stated} in the source, {written} in the claim"));
                    }
                    None => {
                        features.count(Feature::DateMissing);
                        push(CheckResult::Missing, format!("{written} is not in the source"));
                    }
                }
            }
        }
    }
}
