//! The body of an answer: a file, or a range of it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use rustix::fs::sendfile;
use rustix::net::SendFlags;
use rustix::net::sockopt::set_tcp_cork;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::pace::Pace;
use super::write::{push, write_within};
use crate::event::{Event, Failure, Protocol, Sink};
use crate::files::{Changed, Digest, File};

/// Bytes of an answer above which its head goes out with the beginning of the file.
const SHORT: u64 = 128 * 1024;

/// Bytes per sendfile call: a quarter of this made too many calls; socket buffers rarely take more than this.
const SENDFILE_BYTES: u64 = 8 << 20;

/// The last bytes of an answer, which go out only once it is known that the file did not change meanwhile.
const LAST: u64 = 64 * 1024;

/// Between two events about the progress of an answer.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The body of an answer, which reports how it ended when it is dropped.
pub(super) struct FileBody {
    file: File,
    /// Where the next piece begins.
    offset: u64,
    end: u64,
    /// Bytes that were not handed over yet.
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    report: Report,
}

/// What is reported when an answer ends.
pub(super) struct Report {
    pub(super) events: Arc<dyn Sink>,
    pub(super) client: SocketAddr,
    /// The name as the client spelt it.
    pub(super) file: String,
    pub(super) pace: Arc<Pace>,
    pub(super) began: Instant,
    pub(super) bytes: u64,
    /// Bytes that were asked for.
    pub(super) size: u64,
    /// When progress was reported last.
    pub(super) reported: Option<Instant>,
    /// Why not; [`Failure::Lost`] until all is sent.
    pub(super) failure: Option<Failure>,
    /// The digest of the file, where it was known when all of it was sent.
    pub(super) sha256: Option<Digest>,
}

impl FileBody {
    /// A body of the bytes from `start` to before `end`, which lie within the file.
    pub(super) fn new(file: File, start: u64, end: u64, mut report: Report) -> Self {
        report.failure = (start < end).then_some(Failure::Lost);
        report.size = end - start;
        report.progress();
        Self { file, offset: start, end, left: end - start, reading: None, report }
    }

    /// Sends `head` and itself. What the kernel has in memory it carries to the socket itself; what has
    /// to come from a disk, which must not delay others, or from elsewhere passes through here.
    ///
    /// # Errors
    /// Where the file cannot be read on, or the client does not take it.
    pub(super) async fn send(
        mut self,
        stream: &TcpStream,
        patience: Duration,
        head: &[u8],
    ) -> io::Result<()> {
        // All segments but the last go out full: by a cork, or for short answers by `MSG_MORE` on the head.
        let long = self.left > SHORT;
        if long {
            set_tcp_cork(stream, true)?;
        }
        let flags = if self.left > 0 { SendFlags::MORE } else { SendFlags::empty() };
        push(stream, patience, head, flags).await?;
        let mut carried = false;
        let mut checked = self.offset;
        while self.offset < self.end {
            let left = self.end - self.offset;
            if left <= LAST || self.offset - checked >= Changed::INTERVAL {
                checked = self.offset;
                self.check()?;
            }
            let left = if left > LAST { left - LAST } else { left };
            let cached = self.file.cached(self.offset, left.min(SENDFILE_BYTES), carried);
            carried = cached.is_some();
            let length = match cached {
                Some((disk, at)) => {
                    // At most SENDFILE_BYTES, which fits.
                    let most = left.min(SENDFILE_BYTES) as usize;
                    let carry = || Ok(sendfile(stream, disk, Some(&mut at.clone()), most)?);
                    let length = write_within(stream, patience, carry).await?;
                    if length == 0 {
                        // It was cut short after it was opened.
                        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                        self.report.failure = Some(Failure::Io(error.to_string()));
                        return Err(error);
                    }
                    length as u64
                }
                None => self.pass(stream, patience).await?,
            };
            self.offset += length;
            self.report.took(length);
            if self.offset < self.end {
                // Else a client that takes it as fast as it comes would keep all others waiting.
                tokio::task::yield_now().await;
            }
        }
        if long {
            set_tcp_cork(stream, false)?;
        }
        self.check()?;
        self.report.failure = None;
        self.report.sha256 = self.file.digest();
        Ok(())
    }

    /// Ends the answer if the file was written to meanwhile.
    fn check(&mut self) -> io::Result<()> {
        self.file.check_unchanged().inspect_err(|error| self.report.failure = Some(reason(error)))
    }

    /// Reads a piece and sends it.
    async fn pass(&mut self, stream: &TcpStream, patience: Duration) -> io::Result<u64> {
        let (file, offset) = (self.file.clone(), self.offset);
        let length = self.report.pace.piece().min(self.end - offset);
        let read = tokio::task::spawn_blocking(move || piece(&file, offset, length)).await;
        let bytes = read.map_err(io::Error::other).and_then(|read| read).inspect_err(|error| {
            self.report.failure = Some(reason(error));
        })?;
        push(stream, patience, &bytes, SendFlags::empty()).await?;
        Ok(length)
    }

    /// Starts reading the next piece while the one before is sent.
    fn read(&mut self) {
        let length = self.report.pace.piece().min(self.end - self.offset);
        if length == 0 {
            return;
        }
        let (file, offset) = (self.file.clone(), self.offset);
        self.offset += length;
        self.reading = Some(tokio::task::spawn_blocking(move || piece(&file, offset, length)));
    }
}

fn piece(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    // A piece fits.
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(offset, &mut bytes)?;
    file.check_unchanged()?;
    Ok(Bytes::from(bytes))
}

/// Why a file could not be read on.
fn reason(error: &io::Error) -> Failure {
    if Changed::is(error) { Failure::Changed } else { Failure::Io(error.to_string()) }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.reading.is_none() {
            self.read();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let result = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(Some(match result.map_err(io::Error::other).and_then(|read| read) {
            Ok(bytes) => {
                self.report.took(bytes.len() as u64);
                self.left -= bytes.len() as u64;
                self.read();
                if self.reading.is_none() {
                    self.report.failure = None;
                    self.report.sha256 = self.file.digest();
                }
                Ok(Frame::data(bytes))
            }
            Err(error) => {
                self.report.failure = Some(reason(&error));
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Report {
    /// Counts bytes that were given to the kernel.
    fn took(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.pace.took(bytes);
        self.progress();
    }

    /// Reports progress, at the beginning and once in each [`PROGRESS_INTERVAL`].
    fn progress(&mut self) {
        if self.reported.is_none_or(|reported| reported.elapsed() >= PROGRESS_INTERVAL) {
            self.reported = Some(Instant::now());
            self.events.event(Event::Progress {
                protocol: Protocol::Http,
                client: self.client,
                file: self.file.clone(),
                bytes: self.bytes,
                size: self.size,
            });
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let (protocol, client, bytes) = (Protocol::Http, self.client, self.bytes);
        let file = std::mem::take(&mut self.file);
        self.pace.end(Instant::now());
        if self.failure == Some(Failure::Lost) && self.pace.gave_way() {
            self.failure = Some(Failure::Busy("gave way to another connection"));
        }
        self.events.event(match self.failure.take() {
            None => {
                let (elapsed, sha256) = (self.began.elapsed(), self.sha256);
                Event::Sent { protocol, client, file, bytes, elapsed, sha256 }
            }
            Some(reason) => {
                if reason == Failure::Changed {
                    self.events.event(Event::mixture(&file, client));
                }
                Event::Failed { protocol, client, file, bytes, reason }
            }
        });
    }
}
