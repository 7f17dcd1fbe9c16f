//! The one error that reaches the user: what went wrong, whose matter it is, and what to do about it.

use std::error::Error as StdError;
use std::fmt;

/// Whose matter an error is. Decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrong arguments, a wrong configuration or pipeline file, or a data folder that another process holds: exit code 2.
    Usage,
    /// Something failed while running: exit code 1.
    Failure,
    /// The user stopped it: exit code 130.
    Interrupted,
}

/// An error for people: a message in lower case without a full stop, and a remedy where there is one.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    remedy: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Something that the user can put right: arguments, configuration, a lock.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), remedy: None, source: None }
    }

    /// Something that failed while running.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failure, message: message.into(), remedy: None, source: None }
    }

    /// The user stopped the command.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted, message: message.into(), remedy: None, source: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whose matter it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do about it, where that is known.
    pub fn remedy_text(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The exit code of the process: 1, 2 or 130.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failure => 1,
            Kind::Usage => 2,
            Kind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// An error's message with those of its causes, on one line.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Names the thing that failed while keeping the cause: `file.read().or_fail(|| format!("cannot read {path}"))?`.
pub trait OrFail<T> {
    /// Turns any error into a failure with this message and the error as its cause.
    fn or_fail(self, message: impl FnOnce() -> String) -> Result<T>;
    /// The same for what the user can put right.
    fn or_usage(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> OrFail<T> for std::result::Result<T, E> {
    fn or_fail(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::failure(message()).because(source))
    }

    fn or_usage(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::usage(message()).because(source))
    }
}
