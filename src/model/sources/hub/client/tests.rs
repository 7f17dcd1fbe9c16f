#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

#[test]
fn a_redirect_keeps_encryption_and_leads_to_the_web() {
    let next = |from: &str, to: &str| next_url(&Url::parse(from).unwrap(), &headers("location", to)).map(|url| url.to_string());
    assert_eq!(next("https://hub/a/b", "/c").unwrap(), "https://hub/c");
    assert_eq!(next("https://hub/a", "https://store/x?y").unwrap(), "https://store/x?y");
    assert_eq!(next("http://127.0.0.1:1/a", "http://127.0.0.1:2/b").unwrap(), "http://127.0.0.1:2/b");
    for to in ["http://store/x", "ftp://store/x", "file:///etc/passwd", "data:,x", "http://[", "//"] {
        assert!(next("https://hub/a", to).is_err(), "{to}");
    }
    assert!(next_url(&Url::parse("https://hub/").unwrap(), &HeaderMap::new()).is_err());
}

#[test]
fn what_is_part_of_a_path_stays_there() {
    let client = Client::new("https://hub.example/mirror/", None).unwrap();
    let url = client.file_url("maker/model", "v1.0", Path::new("1_Pooling/a b?#%.json")).unwrap();
    assert_eq!(url.as_str(), "https://hub.example/mirror/maker/model/resolve/v1.0/1_Pooling/a%20b%3F%23%25.json");
}

#[test]
fn the_token_is_for_encrypted_or_local_connections_and_never_shown() {
    let token = Token::new(" hf_secret\n").unwrap();
    assert!(!format!("{token:?} {:?}", token.0).contains("secret"));
    assert!(Token::new("  ").is_none() && Token::new("a\nb").is_none());
    let open = |endpoint: &str| Client::new(endpoint, Some(token.clone())).is_ok();
    assert!(open("https://hub.example") && open("http://127.0.0.1:8080") && open("http://[::1]:1") && open("http://localhost"));
    assert!(!open("http://hub.example") && !open("http://localhost.hub.example"));
    for endpoint in ["", "hub.example", "ftp://hub.example", "data:,x", "https://"] {
        assert!(Client::new(endpoint, None).is_err(), "{endpoint}");
    }
}

proptest! {
    #[test]
    fn ranges_are_read_as_they_are_written(start in 0_u64..u64::MAX, end in any::<u64>(), total in any::<u64>()) {
        let text = format!("bytes {start}-{end}/{total}");
        prop_assert_eq!(range_of(&headers("content-range", &text)), Some((start, Some(total))));
        let unknown = format!("bytes {start}-{end}/*");
        prop_assert_eq!(range_of(&headers("content-range", &unknown)), Some((start, None)));
    }

    #[test]
    fn no_header_crashes_the_reader(value in "[ -~]{0,60}") {
        let _ = range_of(&headers("content-range", &value));
        let _ = sha256_of(&value);
        let _ = next_url(&Url::parse("https://hub/a").unwrap(), &headers("location", &value));
    }
}
