//! The data folder: artefacts, runs, documents, flags over time, outbox rows, quarantine and the audit chain.
//!
//! SQLite in WAL mode keeps the rows; artefacts lie beside it by digest. One process writes, any number read. Every change is
//! one transaction; a file is on disk before the row that names it.

mod artefacts;
mod audit;
mod documents;
mod flags;
mod lock;
mod outbox;
mod quarantine;
mod runs;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use artefacts::ArtefactKey;
pub use audit::{AuditEntry, AuditFault, AuditKind, AuditReport, Checkpoint};
pub use documents::{DocumentRecord, PageTally, StageKeys};
pub use flags::{CaseCandidate, FlagCandidate, FlagCounts, FlagFilter, FlagRecord, FlagState};
pub use quarantine::QuarantineRecord;
pub use runs::{InputRecord, RunRecord, RunStart};

/// Why the ledger cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no data folder.
    #[error("there is no data folder at {0}; `scrutineer run` makes one, or name another with --data DIR")]
    NoDataFolder(PathBuf),
    /// Another process writes to it.
    #[error("the data folder {folder} is in use by {holder}; wait for it to end, or use another folder with --data DIR")]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// Who holds it: command, process id, host, since when.
        holder: String,
    },
    /// It was written by a newer program.
    #[error("the data folder has format {found}, this program knows {known}: use the newer program that wrote it")]
    NewerFormat {
        /// What the folder says.
        found: u32,
        /// What this program writes.
        known: u32,
    },
    /// It lies on a network file system, where SQLite's locks cannot be relied on.
    #[error("the data folder {0} is on a network file system, where locks and WAL files are not safe; use a local disk")]
    NetworkFileSystem(PathBuf),
    /// The database refused.
    #[error("the ledger's database failed")]
    Database(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("the ledger's schema could not be brought up to date")]
    Migration(#[from] rusqlite_migration::Error),
    /// A file of the data folder could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What is stored cannot be read back.
    #[error("{what} in the ledger cannot be read: {detail}")]
    Corrupt {
        /// Which row or artefact.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// The result of a ledger operation.
pub type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// What a process may do with a data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read, while another process may write.
    Reader,
    /// Write: one process at a time. The folder is made where there is none.
    Writer,
}

/// The ledger of one data folder.
pub struct Ledger {
    folder: PathBuf,
    database: Connection,
    /// Held for as long as the ledger writes.
    _lock: Option<lock::WriterLock>,
}

/// The version of the data folder's layout, in its file `format`.
const FORMAT: u32 = 1;

/// How long a reader waits for a checkpoint of the writer.
const BUSY: Duration = Duration::from_secs(20);

impl Ledger {
    /// Opens the ledger of a data folder.
    ///
    /// # Errors
    /// No folder (readers), another writer (with its name), a newer format, a network file system, a damaged database.
    pub fn open(folder: &Path, access: Access) -> Result<Self> {
        let database_file = folder.join("ledger.sqlite");
        if access == Access::Reader && !database_file.is_file() {
            return Err(LedgerError::NoDataFolder(folder.to_owned()));
        }
        std::fs::create_dir_all(folder).map_err(|source| file("create", folder, source))?;
        if is_network_file_system(folder) {
            return Err(LedgerError::NetworkFileSystem(folder.to_owned()));
        }
        let lock = match access {
            Access::Writer => Some(lock::WriterLock::take(folder)?),
            Access::Reader => None,
        };
        check_format(folder, access)?;
        let flags = match access {
            Access::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Access::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let mut database = Connection::open_with_flags(&database_file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        database.busy_timeout(BUSY)?;
        database.pragma_update(None, "foreign_keys", true)?;
        if access == Access::Writer {
            database.pragma_update(None, "journal_mode", "WAL")?;
            database.pragma_update(None, "synchronous", "FULL")?;
            schema::bring_up_to_date(&mut database, &database_file)?;
        }
        Ok(Self { folder: folder.to_owned(), database, _lock: lock })
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn check_format(folder: &Path, access: Access) -> Result<()> {
    let path = folder.join("format");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let found = text.trim().parse().map_err(|_| LedgerError::Corrupt {
                what: format!("the format file {}", path.display()),
                detail: format!("{:?} is no number", text.trim()),
            })?;
            if found > FORMAT { Err(LedgerError::NewerFormat { found, known: FORMAT }) } else { Ok(()) }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && access == Access::Writer => {
            artefacts::write_durably(&path, format!("{FORMAT}\n").as_bytes())
        }
        Err(source) => Err(file("read", &path, source)),
    }
}

/// Whether a folder lies on NFS, SMB, AFS or a FUSE mount of one (statfs(2) magic numbers).
fn is_network_file_system(folder: &Path) -> bool {
    const NETWORK: [u64; 6] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x0102_1997];
    rustix::fs::statfs(folder).is_ok_and(|stat| NETWORK.contains(&((stat.f_type as u64) & 0xffff_ffff)))
}

fn file(action: &'static str, path: &Path, source: std::io::Error) -> LedgerError {
    LedgerError::File { action, path: path.to_owned(), source }
}

/// The time now, RFC 3339 in UTC, to the second.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
