//! The live stream: server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::{Watch, api};

/// Changes within this time are sent together, so that a burst makes one message.
const GATHER: Duration = Duration::from_millis(200);
/// Between two comment lines, which keep proxies from closing a connection as idle.
const ALIVE: Duration = Duration::from_secs(15);

/// A body that never ends: all boots, and then each that changes.
pub(super) struct Live {
    next: Pin<Box<dyn Future<Output = (Bytes, u64)> + Send>>,
    watch: Arc<Watch>,
}

impl Live {
    /// A stream of what changes after a revision.
    pub(super) fn new(watch: Arc<Watch>, after: u64) -> Self {
        let first = Arc::clone(&watch);
        // The present boots come first and without delay, even if there are none.
        Self { next: Box::pin(async move { event(&first, after) }), watch }
    }
}

impl Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (bytes, revision) = ready!(self.next.as_mut().poll(context));
        self.next = Box::pin(next(Arc::clone(&self.watch), revision));
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

async fn next(watch: Arc<Watch>, after: u64) -> (Bytes, u64) {
    let mut changed = watch.subscribe();
    let differs = changed.wait_for(|revision| *revision != after);
    let has_changed = tokio::time::timeout(ALIVE, differs).await.is_ok();
    if !has_changed {
        return (Bytes::from_static(b": still here\n\n"), after);
    }
    tokio::time::sleep(GATHER).await;
    event(&watch, after)
}

fn event(watch: &Watch, after: u64) -> (Bytes, u64) {
    let reply = api::boots(watch, after);
    let data = serde_json::to_string(&reply).expect("these types are written without fail");
    // `serde_json` writes no line ends, so this is one line of data.
    let text = format!("id: {}\nevent: boots\ndata: {data}\n\n", reply.revision);
    (Bytes::from(text), reply.revision)
}
