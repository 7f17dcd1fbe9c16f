//! The versions of a filing: which document came before which.
//!
//! Documents are versions of one filing where they share the authority's id of it, or where one says that it supersedes the
//! other. What is said outright decides their order, then the day of filing, then the order in which they came in.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::documents::DocumentRecord;
use super::{Ledger, Result};
use crate::digest::Digest;

/// A version of a filing.
#[derive(Clone, Debug)]
struct Version {
    digest: Digest,
    filing: Option<String>,
    filed_at: Option<String>,
    supersedes: Option<Digest>,
    entered: i64,
}

impl Ledger {
    /// The earlier versions of a document's filing, the newest first. The document need not be recorded yet.
    pub fn lineage(&self, record: &DocumentRecord) -> Result<Vec<Digest>> {
        Ok(Family::of(&self.database, record)?.earlier())
    }

    /// The newest version of the filing, where that is not the document itself. A superseded document holds no live flags: they
    /// went on to the version that came after it.
    pub fn superseded_by(&self, record: &DocumentRecord) -> Result<Option<Digest>> {
        Ok(Family::of(&self.database, record)?.newest_after())
    }
}

/// All versions of one filing, the document in question first.
pub(super) struct Family(Vec<Version>);

impl Family {
    pub(super) fn of(database: &Connection, record: &DocumentRecord) -> Result<Self> {
        let entered = database
            .prepare_cached(
                "SELECT coalesce((SELECT entered FROM document WHERE digest = ?1), max(entered) + 1, 1) FROM document",
            )?
            .query_row([record.digest.as_bytes()], |row| row.get(0))?;
        let mut family = vec![Version {
            digest: record.digest,
            filing: record.filing.clone(),
            filed_at: record.filed_at.clone(),
            supersedes: record.supersedes,
            entered,
        }];
        let mut seen = BTreeSet::from([record.digest]);
        let mut next = 0;
        while let Some(version) = family.get(next).cloned() {
            next += 1;
            let related: Vec<Version> =
                related(database, &version)?.into_iter().filter(|version| seen.insert(version.digest)).collect();
            family.extend(related);
        }
        Ok(Self(family))
    }

    pub(super) fn earlier(&self) -> Vec<Digest> {
        let Some((this, others)) = self.0.split_first() else { return Vec::new() };
        let mut earlier: Vec<&Version> = others.iter().filter(|other| self.is_later(this, other)).collect();
        earlier.sort_by_key(|version| std::cmp::Reverse((version.filed_at.clone(), version.entered)));
        earlier.into_iter().map(|version| version.digest).collect()
    }

    pub(super) fn newest_after(&self) -> Option<Digest> {
        let (this, others) = self.0.split_first()?;
        let later = others.iter().filter(|other| self.is_later(other, this));
        later.reduce(|newest, other| if self.is_later(other, newest) { other } else { newest }).map(|version| version.digest)
    }

    fn is_later(&self, a: &Version, b: &Version) -> bool {
        match (self.says_it_replaces(a, b), self.says_it_replaces(b, a)) {
            (true, false) => return true,
            (false, true) => return false,
            // Two that claim to replace each other: a mistake in a manifest, as good as nothing said.
            _ => {}
        }
        match (&a.filed_at, &b.filed_at) {
            (Some(a_filed), Some(b_filed)) if a_filed != b_filed => a_filed > b_filed,
            _ => a.entered > b.entered,
        }
    }

    /// Whether `a` supersedes `b`, by itself or through others.
    fn says_it_replaces(&self, a: &Version, b: &Version) -> bool {
        let mut seen = BTreeSet::new();
        let mut at = a.supersedes;
        while let Some(digest) = at.filter(|digest| seen.insert(*digest)) {
            if digest == b.digest {
                return true;
            }
            at = self.0.iter().find(|version| version.digest == digest).and_then(|version| version.supersedes);
        }
        false
    }
}

fn related(database: &Connection, version: &Version) -> Result<Vec<Version>> {
    let supersedes = version.supersedes.map(|digest| digest.as_bytes().to_vec());
    let mut query = database.prepare_cached(
        "SELECT digest, filing, filed_at, supersedes, entered FROM document
         WHERE (?2 IS NOT NULL AND filing = ?2) OR digest = ?3 OR supersedes = ?1 ORDER BY entered",
    )?;
    let rows = query.query_map(params![version.digest.as_bytes(), version.filing, supersedes], |row| {
        Ok(Version {
            digest: Digest::from_bytes(row.get(0)?),
            filing: row.get(1)?,
            filed_at: row.get(2)?,
            supersedes: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest::from_bytes),
            entered: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
