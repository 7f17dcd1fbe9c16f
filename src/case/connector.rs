//! Where events go: the definitions in a pipeline file, and what a connector promises.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::CaseSpecError;
use super::spool::Spool;
use super::webhook::Webhook;

/// A receiver of events.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ConnectorSpec {
    /// NDJSON files with a manifest of hashes in a folder: for a hand-over across an air gap.
    Spool(SpoolSpec),
    /// CloudEvents over HTTP, signed by Standard Webhooks.
    Webhook(WebhookSpec),
}

/// A spool folder.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolSpec {
    /// The name under which deliveries are kept.
    pub name: String,
    /// The folder; a relative one lies in the data folder.
    pub folder: PathBuf,
}

/// A signed webhook. The definition says where the secret is, never what it is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// The name under which deliveries are kept.
    pub name: String,
    /// The one address that events go to.
    pub url: String,
    /// The file with the signing secret (`whsec_…`, one per line while keys rotate); a relative one lies beside the pipeline file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The environment variable with the signing secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// A PEM file with the private CA of the receiver; a relative one lies beside the pipeline file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Seconds that one attempt may take: 15 to 30 by the standard; 20 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub timeout_seconds: Option<u64>,
}

impl ConnectorSpec {
    /// The name under which deliveries are kept.
    pub fn name(&self) -> &str {
        match self {
            Self::Spool(spec) => &spec.name,
            Self::Webhook(spec) => &spec.name,
        }
    }

    /// Where it sends to, for people. A relative spool folder lies in `data`.
    pub fn destination(&self, data: &Path) -> String {
        match self {
            Self::Spool(spec) => data.join(&spec.folder).display().to_string(),
            Self::Webhook(spec) => spec.url.clone(),
        }
    }

    /// Makes paths that count from the pipeline file's folder independent of where a later command is started.
    pub(super) fn resolve(&mut self, base: &Path) {
        if let Self::Webhook(spec) = self {
            for path in [&mut spec.secret_file, &mut spec.ca_file].into_iter().flatten() {
                *path = std::path::absolute(base.join(&*path)).unwrap_or_else(|_| base.join(&*path));
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), CaseSpecError> {
        let name = self.name();
        let fault = |message: String| Err(CaseSpecError::new(name, format!("connector `{name}`: {message}")));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return fault("the name takes letters, digits, `-`, `_` and `.`".to_owned());
        }
        let Self::Webhook(WebhookSpec { url, secret_file, secret_env, timeout_seconds, .. }) = self else { return Ok(()) };
        let Ok(parsed) = reqwest::Url::parse(url) else { return fault(format!("{url:?} is no URL")) };
        let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && local) {
            return fault(format!("{url:?} must be https (http only to this machine)"));
        }
        // The definition is kept with every run and shown: a password has no place in it.
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return fault("the URL holds a user name or password; the signature says who sends".to_owned());
        }
        if secret_file.is_none() == secret_env.is_none() {
            return fault("needs one of secret_file and secret_env".to_owned());
        }
        if timeout_seconds.is_some_and(|seconds| !(1..=120).contains(&seconds)) {
            return fault("timeout_seconds is from 1 to 120".to_owned());
        }
        Ok(())
    }

    /// Opens the connector; secrets are read here, from file or environment, and nowhere else. A relative spool folder lies in
    /// `data`.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn open(&self, data: &Path) -> Result<Box<dyn Connector>, ConnectorError> {
        match self {
            Self::Spool(spec) => Ok(Box::new(Spool::new(data.join(&spec.folder)))),
            Self::Webhook(spec) => Ok(Box::new(Webhook::open(spec)?)),
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
    /// The event ids that the receiver holds, where it can be asked; none where it cannot.
    ///
    /// # Errors
    /// Why it could not be asked.
    fn holds(&mut self) -> Result<Option<std::collections::BTreeSet<String>>, String>;
}
