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
/// A claim that follows a sentence this closely is about what it is about.
const COMPARABLE: f32 = 0.4;
/// A claim that follows a sentence this closely is an edit of it.
const NEAR_COPY: f32 = 0.5;
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
        let kind =
            if matches!(figure.measure, Measure::Percent | Measure::Points) { CheckKind::Percentage } else { CheckKind::Number };
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
    // The source's figure in the same place of the aligned sentence.
    let best = comparison.candidates.first();
    let replaced = best.and_then(|best| {
        let gap = comparison.gap(index)?;
        let rival = comparison.opposite(gap).iter().find_map(|token| match token.kind {
            TokenKind::Figure(rival) => source.sentences[best.sentence as usize].figures.get(usize::from(rival)),
            _ => None,
        })?;
        // A sentence that shares little with the claim is about something else: its figures replace nothing.
        let is_about_it = comparison.alignment.share >= COMPARABLE;
        (is_about_it && (rival.measure.is_compatible(figure.measure) || gap.is_same_place()))
            .then(|| (quoted(best.sentence, rival), gap.is_same_place()))
    });
    // A near copy with another figure in the same place contradicts, even where the figure occurs in a sentence nearby.
    if let (Some((other, true)), Some(best)) = (&replaced, best)
        && comparison.alignment.share >= NEAR_COPY
        && !matches!(in_sentence(best.sentence), Some((Agreement::Same | Agreement::Rounded | Agreement::SameDigits, _)))
    {
        return Place::Replaced(other.clone());
    }
    let threshold = comparison.best_coverage() * SAME_CONTEXT;
    let mut elsewhere = false;
    let mut other_unit = None;
    let mut wrong_cell: Option<f32> = None;
    for candidate in &comparison.candidates {
        match in_sentence(candidate.sentence) {
            Some((Agreement::Same | Agreement::Rounded, _)) => {
                if let Some(gap) = table::fit_gap(comparison, candidate.sentence, figure).filter(|gap| *gap > WRONG_CELL) {
                    wrong_cell = Some(wrong_cell.map_or(gap, |known| known.min(gap)));
                } else if candidate.coverage >= threshold {
                    return Place::Found;
                } else {
                    elsewhere = true;
                }
            }
            Some((Agreement::SameDigits, other)) if other_unit.is_none() && candidate.coverage >= threshold => {
                other_unit = Some(quoted(candidate.sentence, other))
            }
            _ => {}
        }
    }
    if let Some(gap) = wrong_cell {
        return Place::WrongCell(gap);
    }
    if let Some(other) = other_unit {
        return Place::OtherUnit(other);
    }
    if let Some((other, _)) = replaced {
        return Place::Replaced(other);
    }
    if elsewhere
        || (0..source.sentences.len() as u32)
            .any(|sentence| matches!(in_sentence(sentence), Some((Agreement::Same | Agreement::Rounded, _))))
    {
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
        let agreement = |sentence: u32| {
            source.sentences[sentence as usize].dates.iter().map(|other| mention.period.agreement(&other.period)).max()
        };
        let mut push = |result, detail| checks.push(Check { kind: CheckKind::Date, result, claim: mention.span, detail });
        let best = comparison.candidates.first().map(|best| best.sentence);
        let in_best = best.and_then(agreement) >= Some(dates::Agreement::Within);
        let stated = |sentence: u32| {
            let other = source.sentences[sentence as usize]
                .dates
                .iter()
                .find(|other| mention.period.agreement(&other.period) == dates::Agreement::Different)?;
            Some(other.span.of(&source.source.sentences[sentence as usize].text))
        };
        // Another date in the same place of the aligned sentence.
        let rival = comparison.gap(index).filter(|gap| gap.is_same_place()).zip(best).and_then(|(gap, best)| {
            comparison.opposite(gap).iter().find_map(|token| match token.kind {
                TokenKind::Date(rival) => {
                    let rival = source.sentences[best as usize].dates.get(usize::from(rival))?;
                    let differs = mention.period.agreement(&rival.period) == dates::Agreement::Different;
                    differs.then(|| rival.span.of(&source.source.sentences[best as usize].text))
                }
                _ => None,
            })
        });
        // The sentence that the claim follows, or that has its figures, is about another period.
        let follows = comparison.alignment.share >= COMPARABLE || best.is_some_and(|best| shares_figure(comparison, best));
        let other_period = best.filter(|_| follows).and_then(stated);
        let anywhere =
            || (0..source.sentences.len() as u32).any(|sentence| agreement(sentence) >= Some(dates::Agreement::Within));
        let is_matched = comparison.alignment.matches(index);
        let conflict = match (is_matched, rival) {
            (true, _) => None,
            (false, Some(rival)) => Some(rival),
            (false, None) if in_best => None,
            (false, None) => other_period.or_else(|| best.filter(|_| !anywhere()).and_then(stated)),
        };
        if let Some(stated) = conflict {
            features.count(Feature::DateConflict);
            push(CheckResult::Conflicting, format!("{stated} in the source, {written} in the claim"));
        } else if is_matched || in_best || anywhere() {
            push(CheckResult::Matched, format!("{written} is in the source"));
        } else {
            features.count(Feature::DateMissing);
            push(CheckResult::Missing, format!("{written} is not in the source"));
        }
    }
}

/// Whether a figure of the claim stands in the sentence.
fn shares_figure(comparison: &Comparison<'_>, sentence: u32) -> bool {
    let scales = &comparison.source.scales[sentence as usize];
    let stated = &comparison.source.sentences[sentence as usize].figures;
    comparison.claim.figures.iter().any(|figure| stated.iter().any(|other| figure.agreement(other, scales) >= Agreement::Rounded))
}
