//! The database's schema, one migration per version of it; a copy is kept before an older database is changed.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{Result, file};

const FIRST: &str = "
CREATE TABLE artefact (
    key BLOB PRIMARY KEY, stage TEXT NOT NULL, content BLOB NOT NULL, bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, pipeline_digest BLOB NOT NULL,
    cases TEXT NOT NULL, version TEXT NOT NULL, models TEXT NOT NULL, kernel_profile TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT, exit INTEGER
) STRICT;

CREATE TABLE run_input (
    run INTEGER NOT NULL REFERENCES run(number), path TEXT NOT NULL, state TEXT NOT NULL, document BLOB,
    reason TEXT, message TEXT, remedy TEXT, PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
    digest BLOB PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, stem TEXT NOT NULL, state BLOB NOT NULL, run INTEGER NOT NULL REFERENCES run(number),
    filing TEXT, supersedes BLOB, record TEXT NOT NULL
) STRICT;
CREATE INDEX document_stem ON document(stem);
CREATE INDEX document_filing ON document(filing);

CREATE TABLE source (
    uri TEXT PRIMARY KEY, document BLOB NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_document ON source(document);

CREATE TABLE quarantine (
    path TEXT PRIMARY KEY, document BLOB, reason TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL,
    lasting INTEGER NOT NULL, attempts INTEGER NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, version TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE flag (
    id TEXT PRIMARY KEY, document BLOB NOT NULL, label TEXT NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL,
    content BLOB NOT NULL, record TEXT NOT NULL, first_run INTEGER NOT NULL, last_run INTEGER NOT NULL, case_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX flag_document ON flag(document);
CREATE INDEX flag_label ON flag(label);

CREATE TABLE case_group (
    id TEXT PRIMARY KEY, document BLOB NOT NULL, label TEXT NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL, content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX case_group_document ON case_group(document);

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, case_id TEXT NOT NULL, revision INTEGER NOT NULL, target TEXT NOT NULL,
    event TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt INTEGER NOT NULL, remote_id TEXT,
    last_status TEXT, created TEXT NOT NULL, UNIQUE (case_id, revision, target)
) STRICT;
CREATE INDEX outbox_state ON outbox(state, next_attempt);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
";

/// Brings the database to the newest schema.
pub(super) fn bring_up_to_date(database: &mut Connection, path: &Path) -> Result<()> {
    let migrations = Migrations::new(vec![M::up(FIRST)]);
    let current: usize = database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?.unsigned_abs() as usize;
    let pending = migrations.pending_migrations(database)? > 0;
    if current > 0 && pending {
        let copy = path.with_extension(format!("before-migration-{current}.sqlite"));
        database.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map(|_| ())?;
        std::fs::File::open(&copy).and_then(|copy| copy.sync_all()).map_err(|source| file("write", &copy, source))?;
    }
    Ok(migrations.to_latest(database)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_valid() {
        let migrations = Migrations::new(vec![M::up(FIRST)]);
        assert!(migrations.validate().is_ok());
    }
}
