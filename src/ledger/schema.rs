//! The database's schema, one migration per version of it; a copy is kept before an older database is changed.

use std::cmp::Ordering;
use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::artefacts::write_durably;
use super::{Access, LedgerError, Result, file};

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
    digest BLOB PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, entered INTEGER NOT NULL, stem TEXT NOT NULL, state BLOB NOT NULL,
    run INTEGER NOT NULL REFERENCES run(number), filing TEXT, filed_at TEXT, supersedes BLOB, record TEXT NOT NULL
) STRICT;
CREATE INDEX document_stem ON document(stem);
CREATE INDEX document_filing ON document(filing);
CREATE INDEX document_supersedes ON document(supersedes);

CREATE TABLE source (
    uri TEXT PRIMARY KEY, document BLOB NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_document ON source(document);

CREATE TABLE quarantine (
    path TEXT PRIMARY KEY, document BLOB, reason TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL,
    lasting INTEGER NOT NULL, attempts INTEGER NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, version TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE flag (
    id TEXT PRIMARY KEY, document BLOB NOT NULL REFERENCES document(digest), label TEXT NOT NULL, revision INTEGER NOT NULL,
    state TEXT NOT NULL, content BLOB NOT NULL, record TEXT NOT NULL, first_run INTEGER NOT NULL REFERENCES run(number),
    last_run INTEGER NOT NULL REFERENCES run(number), case_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX flag_document ON flag(document);
CREATE INDEX flag_label ON flag(label);

CREATE TABLE flag_revision (
    flag TEXT NOT NULL REFERENCES flag(id), revision INTEGER NOT NULL, time TEXT NOT NULL, run INTEGER NOT NULL REFERENCES run(number),
    change TEXT NOT NULL, document BLOB NOT NULL, record TEXT NOT NULL, PRIMARY KEY (flag, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE review (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, flag TEXT NOT NULL REFERENCES flag(id), revision INTEGER NOT NULL,
    state TEXT NOT NULL, reviewer TEXT NOT NULL, note TEXT, time TEXT NOT NULL
) STRICT;
CREATE INDEX review_flag ON review(flag);

CREATE TABLE case_group (
    id TEXT PRIMARY KEY, document BLOB NOT NULL REFERENCES document(digest), label TEXT NOT NULL, revision INTEGER NOT NULL,
    state TEXT NOT NULL, content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX case_group_document ON case_group(document);

CREATE TABLE case_event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, case_id TEXT NOT NULL REFERENCES case_group(id), revision INTEGER NOT NULL,
    status TEXT NOT NULL, event TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (case_id, revision)
) STRICT;

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL REFERENCES case_event(sequence), target TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt INTEGER NOT NULL, remote_id TEXT, last_status TEXT,
    UNIQUE (event, target)
) STRICT;
CREATE INDEX outbox_state ON outbox(target, state, next_attempt);

CREATE TABLE delivery_attempt (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, outbox INTEGER NOT NULL REFERENCES outbox(sequence), attempt INTEGER NOT NULL,
    time TEXT NOT NULL, state TEXT NOT NULL, status TEXT
) STRICT;
CREATE INDEX delivery_attempt_outbox ON delivery_attempt(outbox);

CREATE TABLE target (
    name TEXT PRIMARY KEY, disabled TEXT, failures INTEGER NOT NULL, paused_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
";

/// One step per version of the data folder, oldest first; never changed once released, only added to.
const STEPS: &[&str] = &[FIRST];

/// The version of the data folder, in its file `format` and in the database.
const FORMAT: u32 = STEPS.len() as u32;

/// Refuses what this program cannot read, before the database is opened.
pub(super) fn check_format(folder: &Path, access: Access) -> Result<()> {
    let path = folder.join("format");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        // A folder that is being made.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(file("read", &path, source)),
    };
    let found: u32 = text.trim().parse().map_err(|_| LedgerError::Corrupt {
        what: format!("the format file {}", path.display()),
        detail: format!("{:?} is no number", text.trim()),
    })?;
    match found.cmp(&FORMAT) {
        Ordering::Greater => Err(LedgerError::NewerFormat { found, known: FORMAT }),
        Ordering::Less if access == Access::Reader => Err(LedgerError::OlderFormat { found, known: FORMAT }),
        _ => Ok(()),
    }
}

/// Brings the database to this program's format, after a backup where it holds something, then the format file.
pub(super) fn bring_up_to_date(database: &mut Connection, folder: &Path) -> Result<()> {
    migrate(database, folder, STEPS)?;
    let (path, text) = (folder.join("format"), format!("{FORMAT}\n"));
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    write_durably(&path, text.as_bytes())
}

fn migrate(database: &mut Connection, folder: &Path, steps: &[&str]) -> Result<()> {
    let found: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = steps.len() as u32;
    if found > known {
        return Err(LedgerError::NewerFormat { found, known });
    }
    if found > 0 && found < known {
        back_up(database, &folder.join(format!("ledger-format-{found}.backup.sqlite")))?;
    }
    Ok(Migrations::new(steps.iter().map(|step| M::up(step)).collect()).to_latest(database)?)
}

/// A whole copy of the database; under its name only once it is whole and on disk.
fn back_up(database: &Connection, path: &Path) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(|source| file("remove", &unfinished, source))?;
    }
    database.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    std::fs::File::open(&unfinished)
        .and_then(|copy| copy.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|source| file("write", path, source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_migrations_are_valid() {
        assert!(Migrations::new(STEPS.iter().map(|step| M::up(step)).collect()).validate().is_ok());
    }

    #[test]
    fn an_older_database_is_backed_up_before_it_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        let first = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);";
        migrate(&mut database, folder.path(), &[first]).unwrap();
        assert!(!folder.path().join("ledger-format-1.backup.sqlite").exists());
        std::fs::write(folder.path().join("ledger-format-1.backup.unfinished"), "left by a killed migration").unwrap();
        migrate(&mut database, folder.path(), &[first, "DROP TABLE a;"]).unwrap();
        assert!(database.prepare("SELECT x FROM a").is_err());
        let backup = Connection::open(folder.path().join("ledger-format-1.backup.sqlite")).unwrap();
        assert_eq!(backup.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
        let error = migrate(&mut database, folder.path(), &[first]).unwrap_err();
        assert!(matches!(error, LedgerError::NewerFormat { found: 2, known: 1 }), "{error}");
    }

    #[test]
    fn a_newer_folder_is_refused_and_an_older_one_by_readers() {
        let folder = tempfile::tempdir().unwrap();
        let check = |text: &str, access| {
            std::fs::write(folder.path().join("format"), text).unwrap();
            check_format(folder.path(), access)
        };
        assert!(check("1\n", Access::Reader).is_ok());
        assert!(matches!(check("99", Access::Writer), Err(LedgerError::NewerFormat { found: 99, .. })));
        assert!(matches!(check("0", Access::Reader), Err(LedgerError::OlderFormat { found: 0, .. })));
        assert!(check("0", Access::Writer).is_ok());
        assert!(matches!(check("one", Access::Writer), Err(LedgerError::Corrupt { .. })));
    }
}
