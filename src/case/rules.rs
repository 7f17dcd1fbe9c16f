//! The part of a pipeline file that says which flags become cases.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connector::ConnectorSpec;
use crate::verdict::Outcome;

/// Which flags become cases, and where they go. Without a rule there are no cases: every flag waits for review.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaseSpec {
    /// The authority's name for this installation, in the events' source: `urn:suptech:SITE/PIPELINE`.
    pub site: String,
    /// The authority's own classification of the events, such as `restricted`.
    pub classification: Option<String>,
    /// Cases per document; the weakest groups above it wait in the review queue.
    pub max_cases_per_document: usize,
    /// The address under which a person can see a passage; `{document}` and `{page}` are filled in.
    pub view_link: Option<String>,
    /// The rules; the first that fits a group of flags decides.
    pub rule: Vec<Rule>,
    /// Where events go.
    pub connector: Vec<ConnectorSpec>,
}

impl Default for CaseSpec {
    fn default() -> Self {
        Self {
            site: "local".to_owned(),
            classification: None,
            max_cases_per_document: 10,
            view_link: None,
            rule: Vec::new(),
            connector: Vec::new(),
        }
    }
}

/// A rule: every condition that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The rule's name, in the event's reason.
    pub name: String,
    /// Labels that it is about; any where empty.
    pub labels: Vec<String>,
    /// Groups of the taxonomy that it is about; any where empty.
    pub groups: Vec<String>,
    /// The least score of the strongest flag.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_score: f32,
    /// The least number of flagged passages.
    pub min_passages: usize,
    /// Verdicts that the summary's sentences on the flag may have; any where empty.
    pub verdicts: Vec<Outcome>,
    /// Institutions that it is about, by name, own id or LEI; any where empty.
    pub institutions: Vec<String>,
    /// Types of document that it is about; any where empty.
    pub document_types: Vec<String>,
    /// How severe the case is.
    pub severity: Severity,
    /// The authority's own classification of these cases; the one of the whole section where absent.
    pub classification: Option<String>,
    /// `true`: flags that fit are never cases.
    pub ignore: bool,
}

/// How severe a case is, by the authority's rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For information.
    Low,
    /// To be looked at.
    #[default]
    Medium,
    /// To be looked at soon.
    High,
    /// To be looked at now.
    Critical,
}

/// A fault in the case section of a pipeline file.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CaseSpecError {
    key: String,
    message: String,
}

impl CaseSpecError {
    /// A fault at a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }

    /// The text to look for in the file.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What rules look at of a document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentFacts<'a> {
    /// Name, own id and LEI of the institution, as far as they are known.
    pub institution: [Option<&'a str>; 3],
    /// The type of document.
    pub document_type: Option<&'a str>,
}

/// What rules look at of a flag.
#[derive(Clone, Copy, Debug)]
pub struct FlagFacts<'a> {
    /// The label.
    pub label: &'a str,
    /// The label's group in the taxonomy.
    pub group: Option<&'a str>,
    /// The score.
    pub score: f32,
    /// The verdict on the summary's sentence that rests on it, where there is one.
    pub verdict: Option<Outcome>,
}

/// A group of flags that becomes a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The label.
    pub label: String,
    /// How severe.
    pub severity: Severity,
    /// The rule's classification, where it has one.
    pub classification: Option<String>,
    /// Why: the rule's name.
    pub rule: String,
    /// The flags, strongest first: indices into what was given.
    pub flags: Vec<usize>,
}

/// What becomes of the flags of a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The cases, most severe and strongest first.
    pub groups: Vec<Group>,
    /// Flags that wait for review.
    pub in_review: usize,
}

impl CaseSpec {
    /// Checks what the types cannot.
    pub fn validate(&self) -> Result<(), CaseSpecError> {
        if self.site.is_empty() || !self.site.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            return Err(CaseSpecError::new("site", format!("case.site is {:?}: letters, digits, `-`, `.` and `_`", self.site)));
        }
        for rule in &self.rule {
            if rule.name.trim().is_empty() {
                return Err(CaseSpecError::new("[[case.rule]]", "a case.rule has no name: it is the reason that events give"));
            }
            if rule.name.chars().any(char::is_control) {
                return Err(CaseSpecError::new("name", format!("the name of rule {:?} has control characters", rule.name)));
            }
            if !(0.0..=1.0).contains(&rule.min_score) {
                return Err(CaseSpecError::new(
                    "min_score",
                    format!("min_score of rule `{}` is {}: from 0 to 1", rule.name, rule.min_score),
                ));
            }
        }
        let mut names: Vec<&str> = self.connector.iter().map(ConnectorSpec::name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(CaseSpecError::new(pair[0], format!("two connectors are named `{}`", pair[0])));
        }
        self.connector.iter().try_for_each(ConnectorSpec::validate)
    }

    /// Makes the paths of connectors independent of where a later command is started; `base` is the pipeline file's folder. To be
    /// done before the section is kept with a run.
    pub fn resolve(&mut self, base: &Path) {
        self.connector.iter_mut().for_each(|connector| connector.resolve(base));
    }

    /// The names of the connectors: the targets of the events.
    pub fn targets(&self) -> Vec<String> {
        self.connector.iter().map(|connector| connector.name().to_owned()).collect()
    }

    /// Checks that rules name groups that the taxonomy has. Labels are checked with those of the rest of the pipeline file.
    pub fn validate_groups(&self, known: &dyn Fn(&str) -> bool) -> Result<(), CaseSpecError> {
        for rule in &self.rule {
            if let Some(group) = rule.groups.iter().find(|group| !known(group)) {
                let message = format!("rule `{}` names the group `{group}`, which the taxonomy lacks", rule.name);
                return Err(CaseSpecError::new(group, message));
            }
        }
        Ok(())
    }

    /// Groups flags by label and lets the first rule that fits each group decide.
    pub fn select(&self, document: &DocumentFacts<'_>, flags: &[FlagFacts<'_>]) -> Selection {
        let mut by_label: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, flag) in flags.iter().enumerate() {
            by_label.entry(flag.label).or_default().push(index);
        }
        let mut selection = Selection::default();
        for (label, mut members) in by_label {
            members.sort_by(|&a, &b| flags[b].score.total_cmp(&flags[a].score).then(a.cmp(&b)));
            let strongest = members[0];
            match self.rule.iter().find(|rule| rule.fits(document, &flags[strongest], members.len())) {
                Some(rule) if !rule.ignore => selection.groups.push(Group {
                    label: label.to_owned(),
                    severity: rule.severity,
                    classification: rule.classification.clone(),
                    rule: rule.name.clone(),
                    flags: members,
                }),
                _ => selection.in_review += members.len(),
            }
        }
        let strength = |group: &Group| flags[group.flags[0]].score;
        selection.groups.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then(strength(b).total_cmp(&strength(a))).then_with(|| a.label.cmp(&b.label))
        });
        let rest = selection.groups.split_off(selection.groups.len().min(self.max_cases_per_document));
        selection.in_review += rest.iter().map(|group| group.flags.len()).sum::<usize>();
        selection
    }
}

impl Rule {
    fn fits(&self, document: &DocumentFacts<'_>, strongest: &FlagFacts<'_>, passages: usize) -> bool {
        let one_of = |wanted: &[String], found: &[Option<&str>]| {
            wanted.is_empty()
                || found.iter().flatten().any(|found| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(found)))
        };
        one_of(&self.labels, &[Some(strongest.label)])
            && one_of(&self.groups, &[strongest.group])
            && strongest.score >= self.min_score
            && passages >= self.min_passages
            && (self.verdicts.is_empty() || strongest.verdict.is_some_and(|verdict| self.verdicts.contains(&verdict)))
            && one_of(&self.institutions, &document.institution)
            && one_of(&self.document_types, &[document.document_type])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const BANK: DocumentFacts<'_> =
        DocumentFacts { institution: [Some("Harbour Bank"), Some("HB-1"), None], document_type: Some("annual-report") };

    fn flag(label: &str, score: f32) -> FlagFacts<'_> {
        FlagFacts { label, group: Some("prudential"), score, verdict: None }
    }

    fn rule(name: &str) -> Rule {
        Rule { name: name.to_owned(), ..Rule::default() }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_the_rest_waits_for_review() {
        let spec = CaseSpec {
            rule: vec![
                Rule { labels: vec!["market-risk".to_owned()], ignore: true, ..rule("noise") },
                Rule { min_score: 0.9, severity: Severity::High, ..rule("clear") },
                Rule { min_passages: 2, severity: Severity::Low, ..rule("repeated") },
            ],
            ..CaseSpec::default()
        };
        let flags = [
            flag("cyber-risk", 0.6),
            flag("cyber-risk", 0.95),
            flag("market-risk", 0.99),
            flag("aml-cft", 0.7),
            flag("aml-cft", 0.6),
            flag("credit-risk", 0.7),
        ];
        let selection = spec.select(&BANK, &flags);
        let groups: Vec<_> =
            selection.groups.iter().map(|group| (group.label.as_str(), group.rule.as_str(), group.flags.as_slice())).collect();
        assert_eq!(groups, [("cyber-risk", "clear", [1, 0].as_slice()), ("aml-cft", "repeated", [3, 4].as_slice())]);
        assert_eq!(selection.in_review, 2);
    }

    #[test]
    fn weak_groups_above_the_number_of_cases_wait() {
        let spec = CaseSpec { max_cases_per_document: 1, rule: vec![rule("all")], ..CaseSpec::default() };
        let selection = spec.select(&BANK, &[flag("a", 0.6), flag("b", 0.8), flag("a", 0.5)]);
        assert_eq!((selection.groups[0].label.as_str(), selection.groups.len(), selection.in_review), ("b", 1, 2));
    }

    #[test]
    fn connectors_are_read_from_toml_and_checked() {
        let read = |text: &str| toml::from_str::<CaseSpec>(text).map_err(|error| error.to_string());
        let good = "[[connector]]\nkind = \"spool\"\nname = \"gap\"\nfolder = \"spool\"\n\
                    [[connector]]\nkind = \"webhook\"\nname = \"cases\"\nurl = \"https://cases.example/in\"\nsecret_file = \"s\"\n";
        let mut spec = read(good).unwrap();
        spec.validate().unwrap();
        assert_eq!(spec.targets(), ["gap", "cases"]);
        spec.resolve(Path::new("/etc/scrutineer"));
        let kept: CaseSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(kept.connector, spec.connector);
        let ConnectorSpec::Webhook(webhook) = &spec.connector[1] else { panic!("{spec:?}") };
        assert_eq!(webhook.secret_file.as_deref(), Some(Path::new("/etc/scrutineer/s")));
        let error = read(&good.replace("secret_file", "secret")).unwrap_err();
        assert!(error.contains("secret"), "{error}");
        for (from, to, words) in [
            ("https://", "http://", "https"),
            ("https://cases", "https://user:word@cases", "password"),
            ("\"cases\"", "\"gap\"", "two connectors"),
            ("\"gap\"", "\"a b\"", "letters"),
            ("secret_file = \"s\"\n", "", "secret_env"),
        ] {
            let error = read(&good.replace(from, to)).unwrap().validate().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn rules_have_names_and_name_groups_of_the_taxonomy() {
        let spec = CaseSpec { rule: vec![Rule { groups: vec!["g".to_owned()], ..rule("one") }], ..CaseSpec::default() };
        assert!(spec.validate_groups(&|group| group == "g").is_ok());
        let error = spec.validate_groups(&|_| false).unwrap_err();
        assert!(error.key() == "g" && error.to_string().contains("group `g`"), "{error}");
        let unnamed = CaseSpec { rule: vec![Rule::default()], ..CaseSpec::default() };
        assert!(unnamed.validate().unwrap_err().to_string().contains("name"));
    }

    #[test]
    fn institutions_are_told_by_any_of_their_names() {
        let of = |name: &str| CaseSpec {
            rule: vec![Rule { institutions: vec![name.to_owned()], ..rule("one") }],
            ..CaseSpec::default()
        };
        let cases = |name: &str| of(name).select(&BANK, &[flag("a", 0.6)]).groups.len();
        assert_eq!([cases("harbour bank"), cases("HB-1"), cases("Other Bank")], [1, 1, 0]);
    }
}
