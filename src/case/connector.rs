//! Where events go: the definitions in a pipeline file, and what a connector promises.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::CaseSpecError;
use super::spool::Spool;
use super::webhook::Webhook;

/// A receiver of events.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct ConnectorSpec {
    /// The name under which deliveries are kept.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: ConnectorKind,
}

/// The kinds of receivers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
// Unknown keys are refused here: serde cannot do it beside `flatten`, where it takes the kind's own keys for unknown.
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ConnectorKind {
    /// NDJSON files with a manifest of hashes in a folder: for a hand-over across an air gap.
    Spool {
        /// The folder; a relative one lies in the data folder.
        folder: PathBuf,
    },
    /// CloudEvents over HTTP, signed by Standard Webhooks.
    Webhook {
        /// The one address that events go to.
        url: String,
        /// The file with the signing secret (`whsec_…`, one per line while keys rotate).
        secret_file: Option<PathBuf>,
        /// The environment variable with the signing secret.
        secret_env: Option<String>,
        /// A PEM file with the private CA of the receiver.
        ca_file: Option<PathBuf>,
        /// Seconds that one attempt may take: 15 to 30 by the standard; 20 where absent.
        timeout_seconds: Option<u64>,
    },
}

impl ConnectorSpec {
    pub(super) fn validate(&self) -> Result<(), CaseSpecError> {
        let fault = |message: String| Err(CaseSpecError::new(self.name.clone(), message));
        let ConnectorKind::Webhook { url, secret_file, secret_env, .. } = &self.kind else { return Ok(()) };
        let Ok(parsed) = reqwest::Url::parse(url) else { return fault(format!("connector `{}`: {url:?} is no URL", self.name)) };
        let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && local) {
            return fault(format!("connector `{}`: {url:?} must be https (http only to this machine)", self.name));
        }
        if secret_file.is_none() == secret_env.is_none() {
            return fault(format!("connector `{}` needs one of secret_file and secret_env", self.name));
        }
        Ok(())
    }

    /// Opens the connector; secrets are read here, from file or environment, and nowhere else.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn open(&self, data: &std::path::Path) -> Result<Box<dyn Connector>, ConnectorError> {
        match &self.kind {
            ConnectorKind::Spool { folder } => Ok(Box::new(Spool::new(data.join(folder)))),
            ConnectorKind::Webhook { .. } => Ok(Box::new(Webhook::open(self)?)),
        }
    }
}

/// Why a connector cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("connector `{name}`: {message}")]
pub struct ConnectorError {
    /// The connector.
    pub name: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// An event to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The idempotency key: the event's id, the same over all tries.
    pub id: String,
    /// The event as one line of JSON; the same bytes over all tries.
    pub body: String,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Delivered {
        /// The receiver's own id of it, where it gave one.
        remote_id: Option<String>,
    },
    /// It may work later.
    Retry {
        /// What happened.
        status: String,
        /// Not before so many seconds, where the receiver says so.
        after_seconds: Option<u64>,
    },
    /// It will never work: the event is set aside with the reason.
    Refused {
        /// What happened.
        status: String,
    },
    /// The receiver is gone for good: nothing more is sent to it.
    Gone {
        /// What happened.
        status: String,
    },
}

/// Hands events over. Handing over the same parcel twice must be harmless: receivers tell by its id.
pub trait Connector {
    /// One attempt.
    fn hand_over(&mut self, parcel: &Parcel) -> Attempt;
    /// Makes durable what was handed over since the last call; parcels count as delivered after it alone.
    ///
    /// # Errors
    /// Why it could not; the parcels are then tried again.
    fn flush(&mut self) -> Result<(), String>;
}
