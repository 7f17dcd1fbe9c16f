//! The data folder: artefacts, runs, documents, flags over time, outbox rows, quarantine and the audit chain.
//!
//! SQLite in WAL mode keeps the rows; artefacts lie beside it by digest. One process writes, any number read. Every change is
//! one transaction; a file is on disk before the row that names it.

mod artefacts;
mod audit;
mod cases;
mod checkpoint;
mod documents;
mod flags;
mod identity;
mod lock;
mod outbox;
mod quarantine;
mod reviews;
mod runs;
mod schema;
mod verify;
mod versions;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use artefacts::ArtefactKey;
pub use audit::{AuditEntry, AuditKind};
pub use cases::{CaseCandidate, CaseRecord};
pub use checkpoint::Checkpoint;
pub use documents::{DocumentRecord, PageTally, StageKeys};
pub use flags::{FlagCandidate, FlagCounts, FlagFilter, FlagRecord, FlagRevision, FlagState};
pub use lock::Holder;
pub use outbox::OutboxTarget;
pub use quarantine::QuarantineRecord;
pub use reviews::{ReviewRecord, ReviewState};
pub use runs::{InputRecord, RunRecord, RunStart};
pub use verify::{AuditFault, AuditReport};

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
        /// Who holds it.
        holder: Holder,
    },
    /// It was written by a newer program.
    #[error("the data folder has format {found}, this program knows {known}: use the newer program that wrote it")]
    NewerFormat {
        /// What the folder says.
        found: u32,
        /// What this program writes.
        known: u32,
    },
    /// It was written by an older program, and a reader may not bring it up to date.
    #[error(
        "the data folder has format {found}, this program reads {known}: `scrutineer run` brings it up to date after a backup"
    )]
    OlderFormat {
        /// What the folder says.
        found: u32,
        /// What this program reads.
        known: u32,
    },
    /// It lies on a network file system, where SQLite's locks cannot be relied on.
    #[error(
        "the data folder {folder} is on {kind}, a network file system, where locks and WAL files are not safe; use a local disk"
    )]
    NetworkFileSystem {
        /// The data folder.
        folder: PathBuf,
        /// Which one.
        kind: &'static str,
    },
    /// No space is left; nothing was half written.
    #[error("no space is left to write {path}; free some, then run again: what is done is kept")]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// The database refused.
    #[error("the ledger's database failed")]
    Database(#[source] rusqlite::Error),
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

impl LedgerError {
    /// Whether the user can put it right: another folder, another program, waiting (exit code 2 rather than 1).
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoDataFolder(_)
                | Self::Locked { .. }
                | Self::NewerFormat { .. }
                | Self::OlderFormat { .. }
                | Self::NetworkFileSystem { .. }
        )
    }
}

/// What commands show: the message with its remedy, the cause apart.
impl From<LedgerError> for crate::error::Error {
    fn from(error: LedgerError) -> Self {
        let message = error.to_string();
        let shown = if error.is_usage() { Self::usage(message) } else { Self::failure(message) };
        match error {
            LedgerError::Database(source) => shown.because(source),
            LedgerError::Migration(source) => shown.because(source),
            LedgerError::File { source, .. } => shown.because(source),
            _ => shown,
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Self::DiskFull { path: PathBuf::from("ledger.sqlite") };
        }
        Self::Database(error)
    }
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

/// How long a reader waits for a checkpoint of the writer.
const BUSY: Duration = Duration::from_secs(20);

impl Ledger {
    /// Opens the ledger of a data folder. A writer brings an older folder up to date, after a backup of its database.
    ///
    /// # Errors
    /// No folder (readers), another writer (with its name), a newer format, a network file system, a damaged database.
    pub fn open(folder: &Path, access: Access) -> Result<Self> {
        let database_file = folder.join("ledger.sqlite");
        if access == Access::Reader && !database_file.is_file() {
            return Err(LedgerError::NoDataFolder(folder.to_owned()));
        }
        std::fs::create_dir_all(folder).map_err(|source| file("create", folder, source))?;
        if let Some(kind) = network_file_system(folder) {
            return Err(LedgerError::NetworkFileSystem { folder: folder.to_owned(), kind });
        }
        let (lock, dead_holder) = match access {
            Access::Writer => lock::WriterLock::take(folder).map(|(lock, dead)| (Some(lock), dead))?,
            Access::Reader => (None, None),
        };
        schema::check_format(folder, access)?;
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
            schema::bring_up_to_date(&mut database, folder)?;
        }
        let mut ledger = Self { folder: folder.to_owned(), database, _lock: lock };
        if let Some(holder) = dead_holder {
            ledger.recover_from(&holder)?;
        }
        Ok(ledger)
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Clears away what a writer that died left half done. Its transactions were rolled back by SQLite already.
    fn recover_from(&mut self, holder: &Holder) -> Result<()> {
        let removed = artefacts::remove_left_overs(&self.folder)?;
        tracing::warn!(%holder, removed, "the last writer of the data folder died; its lock is taken over");
        let payload = serde_json::json!({ "dead_writer": holder, "temporary_files_removed": removed });
        self.audit(AuditKind::Recovery, &payload)?;
        Ok(())
    }
}

/// The network file system that a folder lies on, if any (statfs(2) magic numbers; FUSE mounts by their type in mountinfo).
fn network_file_system(folder: &Path) -> Option<&'static str> {
    const NETWORK: [(u32, &str); 13] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x5346_414f, "AFS"),
        (0x6b41_4653, "AFS"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x4750_4653, "GPFS"),
        (0x1983_0326, "BeeGFS"),
        (0x564c, "NCP"),
        (0x7375_7245, "Coda"),
    ];
    const FUSE: u32 = 0x6573_5546;
    let magic = rustix::fs::statfs(folder).ok()?.f_type as u64 & 0xffff_ffff;
    if magic == u64::from(FUSE) {
        return fuse_network_mount(folder);
    }
    NETWORK.iter().find(|(number, _)| u64::from(*number) == magic).map(|(_, name)| *name)
}

/// The network FUSE file system whose mount point holds the folder.
fn fuse_network_mount(folder: &Path) -> Option<&'static str> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    network_fuse_type(&mounts, &folder)
}

fn network_fuse_type(mounts: &str, folder: &Path) -> Option<&'static str> {
    const REMOTE: [&str; 8] = [
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.gcsfuse",
        "fuse.davfs",
        "fuse.ceph-fuse",
        "fuse.juicefs",
    ];
    // proc(5): the fifth field is the mount point, the type follows the separator ` - `.
    let innermost = mounts
        .lines()
        .filter_map(|line| {
            let (mount, rest) = line.split_once(" - ")?;
            let point = Path::new(mount.split(' ').nth(4)?);
            folder.starts_with(point).then(|| (point.as_os_str().len(), rest.split(' ').next().unwrap_or_default()))
        })
        .max_by_key(|(length, _)| *length)?;
    REMOTE.into_iter().find(|kind| *kind == innermost.1)
}

fn file(action: &'static str, path: &Path, source: std::io::Error) -> LedgerError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(source.kind(), StorageFull | QuotaExceeded) {
        return LedgerError::DiskFull { path: path.to_owned() };
    }
    LedgerError::File { action, path: path.to_owned(), source }
}

/// The time now, RFC 3339 in UTC, to the second.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
