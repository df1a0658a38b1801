//! iPXE's console, which it sends by syslog where option 7 names a server (RFC 3164, UDP port 514).

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Event, Sink};

/// Bytes of a message that are looked at.
const MAX_MESSAGE: usize = 1024;
/// Letters of a line that are kept.
const MAX_LINE: usize = 400;
/// Lines taken in a second from all clients together; more are dropped.
const LINES_PER_SECOND: u32 = 400;

/// Takes lines until `shutdown` is ready.
///
/// # Errors
/// Where the socket cannot be used.
pub async fn receive(
    socket: UdpSocket,
    events: Arc<dyn Sink>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let mut shutdown = std::pin::pin!(shutdown);
    let mut buffer = [0; MAX_MESSAGE];
    let (mut since, mut count) = (Instant::now(), 0_u32);
    loop {
        let received = tokio::select! {
            () = &mut shutdown => return Ok(()),
            received = socket.recv_from(&mut buffer) => received,
        };
        // Nothing is ever sent, so an error here is one of the socket itself.
        let (length, from) = received?;
        if since.elapsed() >= Duration::from_secs(1) {
            (since, count) = (Instant::now(), 0);
        }
        count = count.saturating_add(1);
        if let Some(line) = parse_line(&buffer[..length])
            && count <= LINES_PER_SECOND
        {
            events.event(Event::Console { client: from.ip(), line });
        }
    }
}

/// The text of a message, without priority and program; none where it is empty.
///
/// ```
/// use winpe_netboot::watch::parse_line;
/// let line = parse_line(b"<6>ipxe: Configuring (net0)... ok\n");
/// assert_eq!(line.as_deref(), Some("Configuring (net0)... ok"));
/// ```
#[must_use]
pub fn parse_line(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let text = without_priority(&text);
    let text = text.strip_prefix("ipxe: ").unwrap_or(text);
    let shown = |c: &char| !c.is_control();
    let line: String = text.trim().chars().filter(shown).take(MAX_LINE).collect();
    (!line.is_empty()).then_some(line)
}

/// `<6>`: facility and severity as a number.
fn without_priority(text: &str) -> &str {
    let Some((number, rest)) = text.strip_prefix('<').and_then(|text| text.split_once('>')) else {
        return text;
    };
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
    if is_number { rest } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_ipxe_said() {
        let line = |bytes: &[u8]| parse_line(bytes);
        assert_eq!(line(b"<6>ipxe: ok").as_deref(), Some("ok"));
        assert_eq!(line(b"<191>other: ok\0").as_deref(), Some("other: ok"));
        assert_eq!(line(b"<title>").as_deref(), Some("<title>"));
        assert_eq!(line(b"<>x").as_deref(), Some("<>x"));
        assert_eq!(line(b"<6>ipxe: \x1b[31mred\n").as_deref(), Some("[31mred"));
        assert_eq!(line(b"<6>ipxe: \r\n"), None);
        assert_eq!(line(b""), None);
        assert_eq!(line(&[b'x'; 1024]).map(|line| line.len()), Some(MAX_LINE));
    }

    proptest::proptest! {
        #[test]
        fn no_message_is_too_strange(bytes: Vec<u8>) {
            if let Some(line) = parse_line(&bytes) {
                proptest::prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
