//! The webhook against a receiver that answers in every way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789ab";
const NEXT_SECRET: &str = "whsec_c2NydXRpbmVlci10ZXN0LWtleS1udW1iZXItdHdvLWFiY2Q=";

/// A receiver, and the runtime that it was started on. Its own threads answer.
struct Receiver {
    server: MockServer,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Receiver {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(MockServer::start());
        Self { server, runtime, folder: tempfile::tempdir().unwrap() }
    }

    /// Answers the next `times` posts in one way.
    fn answers(&self, response: ResponseTemplate, times: u64) {
        let mock = Mock::given(method("POST")).and(path("/in")).respond_with(response).up_to_n_times(times);
        self.runtime.block_on(mock.mount(&self.server));
    }

    fn requests(&self) -> Vec<Request> {
        self.runtime.block_on(self.server.received_requests()).unwrap()
    }

    fn spec(&self, secrets: &str) -> WebhookSpec {
        let secret_file = self.folder.path().join("secret");
        std::fs::write(&secret_file, secrets).unwrap();
        WebhookSpec {
            name: "cases".to_owned(),
            url: format!("{}/in", self.server.uri()),
            secret_file: Some(secret_file),
            secret_env: None,
            ca_file: None,
            timeout_seconds: Some(1),
        }
    }
}

fn parcel() -> Parcel {
    Parcel { id: "flg_01J9ZQ:2".to_owned(), body: "{\"id\":\"flg_01J9ZQ:2\",\"text\":\"風險\"}".to_owned() }
}

#[test]
fn a_delivery_is_signed_and_carries_a_cloud_event() {
    let receiver = Receiver::new();
    receiver.answers(ResponseTemplate::new(201).insert_header("location", "/cases/7"), 1);
    let mut webhook = Webhook::open(&receiver.spec(SECRET)).unwrap();
    assert_eq!(webhook.hand_over(&parcel()), Attempt::Delivered { remote_id: Some("/cases/7".to_owned()) });
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(request.body, parcel().body.as_bytes());
    standard::Webhook::new(SECRET).unwrap().verify(&request.body, &request.headers).unwrap();
    assert!(standard::Webhook::new(NEXT_SECRET).unwrap().verify(&request.body, &request.headers).is_err());
}

#[test]
fn tries_share_their_id_and_body_and_retry_after_is_heard() {
    let receiver = Receiver::new();
    receiver.answers(ResponseTemplate::new(503).insert_header("retry-after", "120").set_body_string("busy\u{1b}[31m"), 1);
    receiver.answers(ResponseTemplate::new(429).insert_header("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT"), 1);
    receiver.answers(ResponseTemplate::new(204), 1);
    let mut webhook = Webhook::open(&receiver.spec(SECRET)).unwrap();
    match webhook.hand_over(&parcel()) {
        Attempt::Retry { status, after_seconds: Some(120) } => {
            assert!(status.starts_with("503") && status.contains("busy") && !status.contains('\u{1b}'), "{status:?}");
        }
        other => panic!("{other:?}"),
    }
    let later = webhook.hand_over(&parcel());
    assert!(matches!(later, Attempt::Retry { after_seconds: Some(seconds), .. } if seconds > 1_000_000), "{later:?}");
    assert_eq!(webhook.hand_over(&parcel()), Attempt::Delivered { remote_id: None });
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.headers["webhook-id"] == "flg_01J9ZQ:2" && request.body == requests[0].body));
}

#[test]
fn each_status_has_its_consequence() {
    for (status, expected) in [
        (400, "refused"),
        (401, "refused"),
        (404, "refused"),
        (408, "retry"),
        (410, "gone"),
        (425, "retry"),
        (500, "retry"),
        (502, "retry"),
        (504, "retry"),
    ] {
        let receiver = Receiver::new();
        receiver.answers(ResponseTemplate::new(status).set_body_string("no such\nfield"), 1);
        let attempt = Webhook::open(&receiver.spec(SECRET)).unwrap().hand_over(&parcel());
        let (found, said) = match &attempt {
            Attempt::Refused { status } => ("refused", status),
            Attempt::Retry { status, .. } => ("retry", status),
            Attempt::Gone { status } => ("gone", status),
            Attempt::Delivered { .. } => panic!("{status} counts as delivered"),
        };
        assert_eq!(found, expected, "{status}");
        assert!(said.starts_with(&status.to_string()) && said.contains("no such field"), "{said:?}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let (receiver, elsewhere) = (Receiver::new(), Receiver::new());
    elsewhere.answers(ResponseTemplate::new(200), 1);
    receiver.answers(ResponseTemplate::new(307).insert_header("location", format!("{}/in", elsewhere.server.uri())), 1);
    let attempt = Webhook::open(&receiver.spec(SECRET)).unwrap().hand_over(&parcel());
    assert!(matches!(&attempt, Attempt::Refused { status } if status.starts_with("307")), "{attempt:?}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn while_keys_rotate_both_sign() {
    let receiver = Receiver::new();
    receiver.answers(ResponseTemplate::new(200), 1);
    let mut webhook = Webhook::open(&receiver.spec(&format!("{SECRET}\n{NEXT_SECRET}\n"))).unwrap();
    assert_eq!(webhook.hand_over(&parcel()), Attempt::Delivered { remote_id: None });
    let request = receiver.requests().pop().unwrap();
    for secret in [SECRET, NEXT_SECRET] {
        standard::Webhook::new(secret).unwrap().verify(&request.body, &request.headers).unwrap();
    }
}

#[test]
fn a_receiver_that_hangs_or_is_not_there_is_tried_again() {
    let receiver = Receiver::new();
    receiver.answers(ResponseTemplate::new(200).set_delay(Duration::from_secs(3)), 1);
    let mut webhook = Webhook::open(&receiver.spec(SECRET)).unwrap();
    assert!(matches!(webhook.hand_over(&parcel()), Attempt::Retry { after_seconds: None, .. }));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let spec = WebhookSpec { url: format!("http://127.0.0.1:{port}/in"), ..receiver.spec(SECRET) };
    assert!(matches!(Webhook::open(&spec).unwrap().hand_over(&parcel()), Attempt::Retry { .. }));
}

#[test]
fn a_wrong_secret_is_an_error_that_does_not_show_it() {
    let receiver = Receiver::new();
    for secret in [
        "",
        "whsec_short",
        "whsec_this is not base64 at all, but it is long enough",
        "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
    ] {
        let error = Webhook::open(&receiver.spec(secret)).err().unwrap().to_string();
        assert!(error.contains("cases") && error.contains("secret"), "{error}");
        assert!(!error.contains("base64 at all") && !error.contains("!!!"), "{error}");
    }
    let absent = WebhookSpec { secret_file: Some("/no/such/secret".into()), ..receiver.spec(SECRET) };
    assert!(Webhook::open(&absent).err().unwrap().to_string().contains("/no/such/secret"));
}
