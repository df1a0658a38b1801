//! Arbitrary bytes from an HTTP client: our parser of plain requests and hyper read the same
//! requests and give the same answers, however the bytes arrive; and an answer holds the part of
//! the file that its headers state.

#![no_main]

use std::fs::File as DiskFile;
use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use winpe_netboot::files::{File, FilePath, FileRequest, FileSource, OpenError};
use winpe_netboot::http::fuzzing::{Parsed, Plain, Server, parse_head};

/// Size of each file in bytes; nearby ranges always differ.
const LENGTH: usize = 5000;
/// Closes the connection after the requests of the input.
const LAST: &[u8] = b"GET /none HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n";
/// Maximum number of answered requests of one input.
const MOST: usize = 8;

static CONTENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..LENGTH).map(|at| (at % 251 + at / 251) as u8).collect());

/// `disk` is a file on disk with a known version, `made` is generated for each request.
struct Files(DiskFile);

impl FileSource for Files {
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        match request.path.as_str() {
            "disk" => Ok(File::from_disk(self.0.try_clone()?)?),
            "made" => Ok(File::from_bytes(CONTENT.clone())),
            "empty" => Ok(File::from_bytes("")),
            "folder" => Err(OpenError::NotRegular),
            "outside" => Err(OpenError::Outside),
            _ => Err(OpenError::NotFound),
        }
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        Some(self.open(request))
    }
}

thread_local! {
    static SERVER: Server = {
        let mut disk = tempfile::tempfile_in("/dev/shm").expect("a file in memory");
        disk.write_all(&CONTENT).expect("room in memory");
        // 14 November 2023, 22:13:20 GMT, so that seeds can name it.
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        disk.set_modified(time).expect("an own file");
        Server::new(Arc::new(Files(disk)))
    };
}

fuzz_target!(|bytes: &[u8]| {
    let mut requests: Vec<Plain> = Vec::new();
    let mut used = 0;
    while requests.len() < MOST
        && !requests.last().is_some_and(|request| request.last)
        && let Parsed::Plain(request) = parse_head(&bytes[used..])
    {
        check_arrival(&bytes[used..], &request);
        used += request.length;
        requests.push(request);
    }
    if requests.is_empty() {
        return;
    }
    let mut heard = bytes[..used].to_vec();
    if !requests.last().is_some_and(|request| request.last) {
        heard.extend_from_slice(LAST);
        let Parsed::Plain(last) = parse_head(LAST) else { panic!("it is plain") };
        requests.push(last);
    }
    let [plain, hyper] = SERVER.with(|server| {
        [server.plain(&heard), server.hyper(&heard)].map(|sent| answers(&sent, &requests))
    });
    assert_eq!(plain, hyper);
    assert_eq!(plain.len(), requests.len());
    for (answer, request) in plain.iter().zip(&requests) {
        check(answer, request);
    }
});

/// A head is parsed the same, however much of the following bytes has arrived, and is incomplete
/// without its end.
fn check_arrival(bytes: &[u8], request: &Plain) {
    assert!(request.length <= bytes.len());
    let head = &bytes[..request.length];
    assert_eq!(parse_head(head), Parsed::Plain(request.clone()));
    for end in [1, head.len() / 2, head.len() - 1] {
        assert_eq!(parse_head(&head[..end]), Parsed::Partial, "cut at {end}");
    }
    assert!(request.target.starts_with('/') && ["GET", "HEAD"].contains(&&*request.method));
    let hosts = request.fields.iter().filter(|(name, _)| name == "host").count();
    assert!(hosts <= 1);
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Sorted, without the date.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(field, _)| field == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }
}

/// Parses the answers of a server to these requests.
fn answers(mut sent: &[u8], requests: &[Plain]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for request in requests {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(sent).expect("our own head");
        let httparse::Status::Complete(length) = parsed else {
            panic!("no answer to {request:?}: {:?}", String::from_utf8_lossy(sent));
        };
        let field = |field: &httparse::Header<'_>| {
            let value = String::from_utf8(field.value.to_vec()).expect("our own text");
            (field.name.to_ascii_lowercase(), value)
        };
        let mut fields: Vec<_> = head.headers.iter().map(field).collect();
        fields.retain(|(name, _)| name != "date");
        fields.sort();
        let status = head.code.expect("a complete head");
        let mut answer = Answer { status, fields, body: vec![] };
        sent = &sent[length..];
        if request.method != "HEAD" && status != 304 {
            let length = answer.field("content-length").expect("a length");
            let (body, rest) = sent.split_at(length.parse().expect("a number"));
            (answer.body, sent) = (body.to_vec(), rest);
        }
        answers.push(answer);
    }
    assert!(sent.is_empty(), "more than answers: {:?}", String::from_utf8_lossy(sent));
    answers
}

/// Checks an answer against RFC 9110 and the content of the files.
fn check(answer: &Answer, request: &Plain) {
    let length = answer.field("content-length").map(|it| it.parse::<u64>().expect("a number"));
    let path = request.target.split('?').next().unwrap_or_default();
    let path = FilePath::from_url(path).ok();
    let path = path.as_ref().map_or("", FilePath::as_str);
    let content: &[u8] = match path {
        "disk" | "made" => &CONTENT,
        _ => &[],
    };
    assert_eq!(answer.field("etag").is_some(), answer.field("last-modified").is_some());
    assert_eq!(answer.field("connection"), request.last.then_some("close"));
    match answer.status {
        200 => {
            assert_eq!(length, Some(content.len() as u64), "{path}");
            assert!(request.method == "HEAD" || answer.body == content);
        }
        206 => {
            let range = answer.field("content-range").expect("RFC 9110, section 15.3.7");
            let part = part(range, content.len());
            assert!(request.method == "GET" && answer.body == content[part], "{range}");
        }
        304 => assert!(answer.field("etag").is_some() && answer.body.is_empty()),
        416 => {
            let range = format!("bytes */{}", content.len());
            assert_eq!(answer.field("content-range"), Some(&*range));
        }
        400 | 403 | 404 => {}
        other => panic!("status {other}"),
    }
    if let Some(status) = expected(request, path, content.len() as u64) {
        assert_eq!(answer.status, status, "{request:?}");
    }
}

/// `bytes 2-5/10` of a file of that length.
fn part(range: &str, length: usize) -> std::ops::Range<usize> {
    let numbers = range.strip_prefix("bytes ").and_then(|it| it.split_once(['-', '/']));
    let (first, rest) = numbers.expect("the spelling of RFC 9110");
    let (last, of) = rest.split_once('/').expect("as above");
    let [first, last, of] = [first, last, of].map(|it| it.parse::<usize>().expect("as above"));
    assert!(first <= last && last < length && of == length, "{range}");
    first..last + 1
}

/// The status of a request without conditions whose range, if it has one, is spelt as by the book.
fn expected(request: &Plain, path: &str, length: u64) -> Option<u16> {
    let of = |name: &str| -> Vec<&[u8]> {
        let fields = request.fields.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_slice()).collect()
    };
    let conditions = ["if-none-match", "if-modified-since", "if-range"];
    if !["disk", "made"].contains(&path) || conditions.iter().any(|name| !of(name).is_empty()) {
        return None;
    }
    let range = match of("range")[..] {
        _ if request.method == "HEAD" => return Some(200),
        [] => return Some(200),
        [range] => std::str::from_utf8(range).ok()?.strip_prefix("bytes=")?,
        _ => return None,
    };
    // Spaces are not by the book, and whether they matter is for the server to say.
    if range.contains(char::is_whitespace) {
        return None;
    }
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u128>().unwrap_or(u128::MAX))
    };
    match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => Some(if suffix == 0 { 416 } else { 206 }),
        (Some(start), None) if last.is_empty() => {
            Some(if start < u128::from(length) { 206 } else { 416 })
        }
        (Some(start), Some(end)) if start <= end => {
            Some(if start < u128::from(length) { 206 } else { 416 })
        }
        // What is malformed, or asks for several parts, gets the whole file.
        _ => Some(200),
    }
}
