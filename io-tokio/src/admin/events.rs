//! Server-sent events: a summary each second, verdicts as they come.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::MissedTickBehavior;

use super::answer::Problem;
use super::figures;
use super::guard::Denied;
use super::sse::{event, missed};
use super::state::State;

/// How often a summary is told.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// Makes the summary of each second, while somebody listens.
pub(super) async fn tick(state: &State) {
    let mut ticks = tokio::time::interval(SUMMARY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        state.snapshots.expire().await;
        if state.news.summaries.receiver_count() == 0 {
            continue;
        }
        // A driver that does not answer has no summary; the stream goes on when it does.
        if let Ok(summary) = figures::summarise(state).await {
            let _ = state.news.summaries.send(event("summary", &summary));
        }
    }
}

/// What one stream has told and will tell.
struct Stream {
    first: VecDeque<Bytes>,
    verdicts: broadcast::Receiver<Bytes>,
    summaries: broadcast::Receiver<Bytes>,
    state: Arc<State>,
}

/// Gives the place of a stream back.
impl Drop for Stream {
    fn drop(&mut self) {
        self.state.streams.add_permits(1);
    }
}

/// `GET /api/events`.
pub(super) async fn stream(Extract(state): Extract<Arc<State>>) -> Result<Response, Problem> {
    let Ok(permit) = state.streams.try_acquire() else {
        return Err(state.denied(Denied::Streams));
    };
    permit.forget();
    let (first, verdicts) = state.news.listen();
    let summaries = state.news.summaries.subscribe();
    let mut stream = Stream { first, verdicts, summaries, state };
    stream.first.push_back(event("summary", &figures::summarise(&stream.state).await?));
    let body = Body::from_stream(stream::unfold(stream, |mut stream| async move {
        let next = stream.next().await?;
        Some((Ok::<_, Infallible>(next), stream))
    }));
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.pop_front() {
            return Some(first);
        }
        loop {
            tokio::select! {
                verdict = self.verdicts.recv() => match verdict {
                    Ok(verdict) => return Some(verdict),
                    Err(RecvError::Lagged(count)) => return Some(missed(count)),
                    Err(RecvError::Closed) => return None,
                },
                summary = self.summaries.recv() => match summary {
                    Ok(summary) => return Some(summary),
                    // The next one says it all.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}
