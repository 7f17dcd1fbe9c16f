//! A hub on this machine that speaks the real one's protocol: `/REPOSITORY/resolve/REVISION/FILE`, redirects to where large files
//! lie, `x-repo-commit`, `x-linked-etag`, ranges, 401 and 404. It can drop a connection in the middle of a file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a path is answered with.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// After so many bytes the connection is dropped; one per request, then no more.
    pub cuts: Vec<usize>,
    /// Sends the whole, whatever range is asked for.
    pub ignores_range: bool,
}

impl Answer {
    /// A small file, as a hub serves it itself.
    pub fn file(body: &[u8], commit: &str) -> Self {
        let headers = vec![("x-repo-commit", commit.to_owned()), ("etag", "\"a1b2c3\"".to_owned())];
        Self { status: 200, headers, body: body.to_vec(), ..Self::default() }
    }

    /// A large file, as a hub redirects to it.
    pub fn redirect(to: String, body: &[u8], sha256: &str, commit: &str) -> Self {
        let headers = vec![
            ("location", to),
            ("x-repo-commit", commit.to_owned()),
            ("x-linked-size", body.len().to_string()),
            ("x-linked-etag", format!("\"{sha256}\"")),
        ];
        Self { status: 302, headers, ..Self::default() }
    }

    /// The bytes of a large file, where the redirect leads.
    pub fn bytes(body: &[u8]) -> Self {
        Self { status: 200, body: body.to_vec(), ..Self::default() }
    }

    /// A refusal with the hub's code.
    pub fn refusal(status: u16, code: &str) -> Self {
        Self {
            status,
            headers: vec![("x-error-code", code.to_owned())],
            body: b"Access to this is <b>restricted</b>".to_vec(),
            ..Self::default()
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

/// The server; it ends with the test's process.
#[derive(Clone)]
pub struct HubServer {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    seen: Vec<Seen>,
}

impl HubServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// What goes into HF_ENDPOINT.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn answers(&self, path: &str, answer: Answer) {
        self.state.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }
}

/// One request per connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim().is_empty() => break,
            Ok(_) => lines.push(line.trim().to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let start: Option<usize> =
        headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let (answer, cut) = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen { path: path.clone(), headers });
        match state.answers.get_mut(&path) {
            None => (Answer::refusal(404, "EntryNotFound"), None),
            Some(answer) => {
                let cut = if answer.cuts.is_empty() { None } else { Some(answer.cuts.remove(0)) };
                (answer.clone(), cut)
            }
        }
    };
    let whole = answer.body.len();
    let (status, body, range) = match start.filter(|_| answer.status == 200 && !answer.ignores_range) {
        Some(start) if start >= whole => (416, &[][..], format!("content-range: bytes */{whole}\r\n")),
        Some(start) => (206, &answer.body[start..], format!("content-range: bytes {start}-{}/{whole}\r\n", whole - 1)),
        None => (answer.status, &answer.body[..], String::new()),
    };
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{range}", body.len());
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let sent = &body[..cut.unwrap_or(body.len()).min(body.len())];
    // The client may have gone.
    let _ =
        stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(sent)).and_then(|()| stream.flush());
}
