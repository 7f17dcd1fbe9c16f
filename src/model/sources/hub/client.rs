//! Requests to a hub: redirects, the token, what the headers say.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Response, StatusCode, Url, redirect};

use crate::digest::Digest;
use crate::error::with_causes;
use crate::model::sources::SourceError;

/// The longest chain of redirects; the hub needs two (a repository that was renamed, then the file's place).
const MOST_REDIRECTS: usize = 5;

/// A connection that says nothing for so long is dead. There is no limit on the whole: files are large and lines may be slow.
const SILENCE: Duration = Duration::from_secs(60);

/// What opens gated repositories. It is never shown, logged or stored, and goes to the hub's own address alone.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// The token of a text; none where it holds what cannot be sent.
    pub fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim())).ok().filter(|_| !text.trim().is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A connection to one hub.
pub(super) struct Client {
    endpoint: Url,
    token: Option<Token>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// The start of an answer; its bytes are still to come.
pub(super) struct Answer {
    /// The commit that the hub answered for.
    pub(super) commit: Option<String>,
    /// The SHA-256 that the hub gives for the file: it has one of large files.
    pub(super) sha256: Option<Digest>,
    /// The size of the whole file.
    pub(super) total: Option<u64>,
    /// Where in the file the answer starts.
    pub(super) start: u64,
    response: Response,
}

/// The host of an address, for people: without user, path and query.
pub(super) fn host(address: &str) -> String {
    let url = Url::parse(address).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
}

impl Client {
    pub(super) fn new(endpoint: &str, token: Option<Token>) -> Result<Self, SourceError> {
        let fault = |reason: &str| SourceError::Endpoint { endpoint: host(endpoint), reason: reason.to_owned() };
        let url = Url::parse(endpoint.trim_end_matches('/')).map_err(|error| fault(&error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") || url.cannot_be_a_base() || url.host_str().is_none() {
            return Err(fault("it is no address like https://HOST"));
        }
        if url.scheme() == "http" && token.is_some() && !is_this_machine(&url) {
            return Err(fault("HF_TOKEN would go over an unencrypted connection: use https, or unset it"));
        }
        // The process's TLS arithmetic. Where the webhook has chosen before, it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(SILENCE)
            .user_agent(concat!("scrutineer/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| fault(&with_causes(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fault(&error.to_string()))?;
        Ok(Self { endpoint: url, token, client, runtime })
    }

    /// Asks for a file from a byte on.
    pub(super) fn get(
        &self,
        repository: &str,
        revision: &str,
        file: &Path,
        start: u64,
        from: &str,
    ) -> Result<Answer, SourceError> {
        let mut url = self.file_url(repository, revision, file)?;
        let (mut commit, mut sha256, mut size) = (None, None, None);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, start, from)?;
            let (status, headers) = (response.status(), response.headers());
            if same_origin(&url, &self.endpoint) {
                commit = text(headers, "x-repo-commit").or(commit);
                sha256 = text(headers, "x-linked-etag").and_then(|tag| sha256_of(&tag)).or(sha256);
                size = text(headers, "x-linked-size").and_then(|size| size.parse().ok()).or(size);
            }
            if status.is_redirection() {
                url = next_url(&url, headers).map_err(|reason| SourceError::Redirect { from: from.to_owned(), reason })?;
                continue;
            }
            if status == StatusCode::RANGE_NOT_SATISFIABLE && start > 0 {
                // What is here is no beginning of the file.
                return self.get(repository, revision, file, 0, from);
            }
            if !status.is_success() {
                return Err(self.refusal(status, headers, from, &format!("{} at {revision}", file.display())));
            }
            let (start, whole) = match status {
                StatusCode::PARTIAL_CONTENT => range_of(headers).unwrap_or((0, None)),
                _ => (0, text(headers, CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok())),
            };
            return Ok(Answer { commit, sha256, total: whole.or(size), start, response });
        }
        Err(SourceError::Redirect { from: from.to_owned(), reason: format!("more than {MOST_REDIRECTS} times") })
    }

    /// The next bytes of an answer; none at its end.
    pub(super) fn next(&self, answer: &mut Answer) -> reqwest::Result<Option<Vec<u8>>> {
        let chunk = self.runtime.block_on(async { answer.response.chunk().await })?;
        Ok(chunk.map(|chunk| chunk.to_vec()))
    }

    fn file_url(&self, repository: &str, revision: &str, file: &Path) -> Result<Url, SourceError> {
        let mut url = self.endpoint.clone();
        let no_base = |()| SourceError::Endpoint { endpoint: host(self.endpoint.as_str()), reason: "it has no path".to_owned() };
        url.path_segments_mut()
            .map_err(no_base)?
            .pop_if_empty()
            .extend(repository.split('/'))
            .push("resolve")
            .push(revision)
            .extend(file.components().map(|part| part.as_os_str().to_string_lossy()));
        Ok(url)
    }

    fn send(&self, url: &Url, start: u64, from: &str) -> Result<Response, SourceError> {
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        if let Some(Token(value)) = self.token.as_ref().filter(|_| same_origin(url, &self.endpoint)) {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let unreachable = |error: reqwest::Error| SourceError::Unreachable {
            from: from.to_owned(),
            // The address may hold a signature.
            reason: format!("{}: {}", url.host_str().unwrap_or("?"), with_causes(&error.without_url())),
        };
        // The request starts its clock when it is made: that has to happen on the runtime.
        self.runtime.block_on(async { request.send().await }).map_err(unreachable)
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, from: &str, what: &str) -> SourceError {
        let from = from.to_owned();
        // `EntryNotFound`, `RevisionNotFound`, `RepoNotFound`, `GatedRepo`.
        let code = text(headers, "x-error-code").filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric()));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SourceError::Gated {
                from,
                status: code.unwrap_or_else(|| status.to_string()),
                remedy: match self.token {
                    None => "accept its licence on the hub with an account, and put a token of that account into HF_TOKEN",
                    Some(_) => "the account of HF_TOKEN may not read it: accept its licence on the hub with that account",
                },
            },
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                SourceError::NotThere { from, what: what.to_owned(), detail: code.unwrap_or_else(|| status.to_string()) }
            }
            _ => SourceError::Refused { from, status: status.to_string() },
        }
    }
}

/// Where a redirect leads.
fn next_url(url: &Url, headers: &HeaderMap) -> Result<Url, String> {
    let location = text(headers, LOCATION.as_str()).ok_or("to nowhere")?;
    let next = url.join(&location).map_err(|_| "to something that is no address".to_owned())?;
    match (url.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => Ok(next),
        _ => Err(format!("to {}, which is not encrypted", next.host_str().unwrap_or("an address without a host"))),
    }
}

/// Where a partial answer starts, and the size of the whole: `bytes 100-199/200` (RFC 9110, section 14.4).
fn range_of(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = text(headers, CONTENT_RANGE.as_str())?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

/// An entity tag that is a SHA-256.
fn sha256_of(tag: &str) -> Option<Digest> {
    tag.trim_start_matches("W/").trim_matches('"').parse().ok()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|text| text.trim().to_owned())
}

fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

fn is_this_machine(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests;
