//! Events over HTTP: CloudEvents 1.0 in structured mode, signed by Standard Webhooks.
//!
//! The webhook id is the event's id, the same over all tries, so that a receiver that has it already says so. Redirects are not
//! followed: events go to the one address that the operator configured.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use standardwebhooks as standard;

use super::connector::{Attempt, Connector, ConnectorError, Parcel, WebhookSpec};
use crate::error::with_causes;

/// A signed webhook.
pub(super) struct Webhook {
    url: String,
    client: Client,
    /// The secrets that sign, all of them while keys rotate.
    signers: Vec<standard::Webhook>,
    runtime: tokio::runtime::Runtime,
}

const TIMEOUT: u64 = 20;

/// 24 bytes in base64.
const SHORTEST_SECRET: usize = 32;

/// How many bytes of a response's body go into the record of a failure.
const LONGEST_RESPONSE: usize = 300;

impl Webhook {
    pub(super) fn open(spec: &WebhookSpec) -> Result<Self, ConnectorError> {
        let fault = |message: String| ConnectorError { name: spec.name.clone(), message };
        let WebhookSpec { url, secret_file, secret_env, ca_file, timeout_seconds, .. } = spec;
        let secrets = match (secret_file, secret_env) {
            (Some(path), _) => {
                warn_of_readers(path);
                std::fs::read_to_string(path)
                    .map_err(|error| fault(format!("cannot read the secret file {}: {error}", path.display())))?
            }
            (None, Some(name)) => {
                std::env::var(name).map_err(|_| fault(format!("the environment variable {name} with the secret is not set")))?
            }
            (None, None) => return Err(fault("has no secret".to_owned())),
        };
        if secrets.split_whitespace().any(|secret| secret.trim_start_matches("whsec_").len() < SHORTEST_SECRET) {
            return Err(fault("the secret is too short: the standard asks for at least 24 random bytes in base64".to_owned()));
        }
        let signers = secrets.split_whitespace().map(standard::Webhook::new).collect::<Result<Vec<_>, _>>();
        // The error is not shown: it could hold a part of the secret.
        let signers = signers.map_err(|_| fault("the secret is not base64 (whsec_…)".to_owned()))?;
        if signers.is_empty() {
            return Err(fault("the secret is empty".to_owned()));
        }
        install_crypto();
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            // Events go to the configured address by no other way than the one that the operator sees in the pipeline file.
            .no_proxy()
            .timeout(Duration::from_secs(timeout_seconds.unwrap_or(TIMEOUT)))
            .user_agent(concat!("scrutineer/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = ca_file {
            let pem =
                std::fs::read(path).map_err(|error| fault(format!("cannot read the CA file {}: {error}", path.display())))?;
            let certificate =
                reqwest::Certificate::from_pem(&pem).map_err(|error| fault(format!("{}: {error}", path.display())))?;
            client = client.tls_certs_merge([certificate]);
        }
        let client = client.build().map_err(|error| fault(error.to_string()))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fault(error.to_string()))?;
        Ok(Self { url: url.clone(), client, signers, runtime })
    }

    async fn post(&self, parcel: &Parcel) -> Attempt {
        let timestamp = jiff::Timestamp::now().as_second();
        let signatures: Result<Vec<String>, _> =
            self.signers.iter().map(|signer| signer.sign(&parcel.id, timestamp, parcel.body.as_bytes())).collect();
        let signatures = match signatures {
            Ok(signatures) => signatures.join(" "),
            Err(error) => return Attempt::Refused { status: format!("cannot sign: {error}") },
        };
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header(standard::HEADER_WEBHOOK_ID, &parcel.id)
            .header(standard::HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(standard::HEADER_WEBHOOK_SIGNATURE, signatures)
            .body(parcel.body.clone());
        match request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                outcome(status, &headers, &first_words(response).await)
            }
            Err(error) => Attempt::Retry { status: with_causes(&error.without_url()), after_seconds: None },
        }
    }
}

/// The start of a response's body; the rest is not read.
async fn first_words(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while body.len() < LONGEST_RESPONSE {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(LONGEST_RESPONSE);
    String::from_utf8_lossy(&body).into_owned()
}

impl Connector for Webhook {
    fn hand_over(&mut self, parcel: &Parcel) -> Attempt {
        self.runtime.block_on(self.post(parcel))
    }

    fn flush(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// A webhook answers no questions.
    fn holds(&mut self) -> Result<Option<BTreeSet<String>>, String> {
        Ok(None)
    }
}

fn outcome(status: StatusCode, headers: &HeaderMap, body: &str) -> Attempt {
    let body: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let body = body.trim();
    let said = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    let after_seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(retry_after);
    match status.as_u16() {
        200..=299 => {
            Attempt::Delivered { remote_id: headers.get("location").and_then(|value| value.to_str().ok()).map(str::to_owned) }
        }
        410 => Attempt::Gone { status: said },
        408 | 425 | 429 | 500..=599 => Attempt::Retry { status: said, after_seconds },
        _ => Attempt::Refused { status: said },
    }
}

/// Retry-After in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str) -> Option<u64> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    u64::try_from(date.timestamp().as_second() - jiff::Timestamp::now().as_second()).ok()
}

/// Warns where others than its owner can read a secret file.
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        tracing::warn!(file = %path.display(), "others than its owner can read the secret file: chmod 600");
    }
}

/// The process's TLS arithmetic: ring, chosen once.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Another part of the process may have chosen before; either choice serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests;
