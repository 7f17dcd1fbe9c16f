//! The measurements that the score is made of, each readable by a person.

/// What is measured of a claim against its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Feature {
    /// Share of the claim's weight in the best sentence.
    CoverageBest,
    /// The same in the two best sentences together.
    CoveragePair,
    /// The same anywhere in the source.
    CoverageAll,
    /// Share of the claim's weight that the best sentence holds in the same order.
    Ordered,
    /// The longest stretch taken over word for word.
    LongestRun,
    /// Share of the claim's adjacent pairs of words that occur in the source.
    Pairs,
    /// Content words of the claim that occur nowhere, up to four.
    NovelWords,
    /// Whether the claim starts with a word that occurs nowhere.
    NovelStart,
    /// Logarithm of the claim's length in tokens.
    ClaimLength,
    /// Logarithm of the number of source sentences.
    SourceLength,
    /// Length of the claim over that of the best sentence.
    LengthRatio,
    /// What is covered out of order.
    Scramble,
    /// The claim states figures.
    FigureAny,
    /// Share of its figures found where they belong.
    FigureMatched,
    /// Figures found only beside other words.
    FigureElsewhere,
    /// Figures in whose place the source has another.
    FigureConflict,
    /// Figures found nowhere.
    FigureMissing,
    /// Figures found with another unit, scale or currency.
    UnitConflict,
    /// How much better another cell of the table fits the claim's words than the cell with its figure.
    TableGap,
    /// Dates in whose place the source has another.
    DateConflict,
    /// Dates found nowhere.
    DateMissing,
    /// Names in whose place the source has another.
    NameConflict,
    /// Names found nowhere.
    NameMissing,
    /// An odd number of negations stand against each other.
    NegationOdd,
    /// Negations of the claim that the source lacks.
    NegationClaim,
    /// Negations of the source that the claim lacks.
    NegationSource,
    /// Words of direction in whose place the source has the opposite.
    DirectionConflict,
    /// The best sentence has the opposite somewhere.
    DirectionLoose,
    /// Words of direction that the source has nowhere.
    DirectionMissing,
    /// Words of scope in whose place the source has another.
    ScopeConflict,
    /// The best sentence has another somewhere.
    ScopeLoose,
    /// Words of scope that the source has nowhere.
    ScopeMissing,
    /// Content words put in the place of others.
    Substitution,
    /// Content words put in.
    Insertion,
    /// Content words left out between words taken over.
    Deletion,
}

/// How many features there are.
pub(super) const COUNT: usize = Feature::Deletion as usize + 1;

/// The names in the order of [`Feature`], for the file that weights are fitted on.
pub(super) const NAMES: [&str; COUNT] = [
    "coverage_best",
    "coverage_pair",
    "coverage_all",
    "ordered",
    "longest_run",
    "pairs",
    "novel_words",
    "novel_start",
    "claim_length",
    "source_length",
    "length_ratio",
    "scramble",
    "figure_any",
    "figure_matched",
    "figure_elsewhere",
    "figure_conflict",
    "figure_missing",
    "unit_conflict",
    "table_gap",
    "date_conflict",
    "date_missing",
    "name_conflict",
    "name_missing",
    "negation_odd",
    "negation_claim",
    "negation_source",
    "direction_conflict",
    "direction_loose",
    "direction_missing",
    "scope_conflict",
    "scope_loose",
    "scope_missing",
    "substitution",
    "insertion",
    "deletion",
];

/// The measurements of one claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Features(pub(super) [f32; COUNT]);

impl Features {
    pub(super) const NONE: Self = Self([0.0; COUNT]);

    pub(super) fn set(&mut self, feature: Feature, value: f32) {
        self.0[feature as usize] = if value.is_finite() { value } else { 0.0 };
    }

    /// Counts are bounded so that one odd claim cannot run away with the score.
    pub(super) fn count(&mut self, feature: Feature) {
        let value = &mut self.0[feature as usize];
        *value = (*value + 1.0).min(3.0);
    }

    pub(super) fn get(&self, feature: Feature) -> f32 {
        self.0[feature as usize]
    }

    /// How closely the claim follows one sentence, 0 to 1: a small edit matters in a near copy, wording does in a paraphrase.
    pub(super) fn tightness(&self) -> f32 {
        ((self.get(Feature::Ordered) - 0.4) / 0.4).clamp(0.0, 1.0)
    }
}
