//! The requests of the admin address, and what they are answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State as Extract};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use super::answer::{Json, Problem};
use super::api::{Accepted, CloseRequest, ConnectionDetail, ConnectionsPage, Summary, VERSION};
use super::guard::Access;
use super::state::State;
use super::{events, figures, list, metrics, one, page};
use crate::server::CloseReason;

/// How long an answer of the drivers says that they live.
const ALIVE_FOR: Duration = Duration::from_millis(500);

type Shared = Extract<Arc<State>>;

/// What goes with every answer: nothing of it is kept, framed, guessed at or read by other sites.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

pub(super) fn router(state: Arc<State>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/api/summary", get(summary))
        .route("/api/connections", get(connections))
        .route("/api/connections/{id}", get(connection))
        .route("/api/connections/{id}/close", post(close))
        .route("/api/drain", post(drain))
        .route("/api/events", get(events::stream));
    for path in page::paths() {
        router = router.route(path, get(asset));
    }
    router
        .method_not_allowed_fallback(async || Problem::Method)
        .fallback(async || Problem::NotFound("nothing is served at this path".into()))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), guard))
        .with_state(state)
}

async fn guard(Extract(state): Shared, request: Request, next: Next) -> Response {
    let access = match request.uri().path() {
        "/healthz" | "/readyz" => Access::Health,
        path if page::has(path) => Access::Page,
        _ => Access::Data,
    };
    let (parts, body) = request.into_parts();
    let mut response = match state.guard.check(access, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(denied) => state.denied(denied).into_response(),
    };
    response.headers_mut().extend(HEADERS);
    response
}

// Health.

/// Anybody may ask, so the drivers are asked no more often than twice a second.
async fn healthz(Extract(state): Shared) -> Result<&'static str, Problem> {
    let mut alive = state.alive.lock().await;
    if alive.is_none_or(|at| at.elapsed() >= ALIVE_FOR) {
        *alive = None;
        figures::gather(&state).await?;
        *alive = Some(tokio::time::Instant::now());
    }
    Ok("ok\n")
}

async fn readyz(Extract(state): Shared) -> Result<&'static str, Problem> {
    if state.is_draining() {
        return Err(Problem::Draining);
    }
    healthz(Extract(state)).await
}

// Figures.

async fn scrape(Extract(state): Shared) -> Result<Response, Problem> {
    let figures = figures::gather(&state).await?;
    let text = metrics::text(&state, figures).map_err(|_| Problem::Internal)?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn summary(Extract(state): Shared) -> Result<Json<Summary>, Problem> {
    figures::summarise(&state).await.map(Json::ok)
}

// Connections.

async fn connections(Extract(state): Shared, query: Result<Query<list::Query>, QueryRejection>) -> Result<Json<ConnectionsPage>, Problem> {
    let Query(query) = query.map_err(|rejected| Problem::Bad(rejected.body_text()))?;
    let snapshot = state.snapshots.fresh(&state.listeners, state.limits.timeout).await?;
    list::page(&snapshot, &state.listeners, &query).map(Json::ok).map_err(Problem::Bad)
}

async fn connection(Extract(state): Shared, Path(id): Path<String>) -> Result<Json<ConnectionDetail>, Problem> {
    one::detail(&state, number(&id)?).await.map(Json::ok)
}

async fn close(Extract(state): Shared, Path(id): Path<String>, body: Body) -> Result<Json<Accepted>, Problem> {
    let number = number(&id)?;
    let request = read_close(&state, body).await?;
    let reason = CloseReason::new(request.code.unwrap_or(1000), &request.reason.unwrap_or_default());
    let reason = reason.map_err(|error| Problem::Bad(error.to_string()))?;
    one::close(&state, number, reason)?;
    tracing::info!(target: "wsbeat", conn = number, "closed at the admin address");
    Ok(Json::with(StatusCode::ACCEPTED, Accepted { v: VERSION, began: true }))
}

/// The body of a close; none at all is an empty request.
async fn read_close(state: &State, body: Body) -> Result<CloseRequest, Problem> {
    let limit = state.limits.body_bytes_max;
    let read = timeout(state.limits.timeout, to_bytes(body, limit as usize));
    let bytes = read.await.map_err(|_| Problem::Slow)?.map_err(|_| Problem::TooLarge { limit })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(CloseRequest::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::Bad(format!("body: {error}")))
}

async fn drain(Extract(state): Shared) -> Json<Accepted> {
    let mut began = false;
    for listener in &state.listeners {
        began |= listener.handle.start_drain();
    }
    if began {
        tracing::info!(target: "wsbeat", "draining, as asked at the admin address");
    }
    Json::with(StatusCode::ACCEPTED, Accepted { v: VERSION, began })
}

fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| Problem::Bad(format!("connection {id:?}: give its number")))
}

async fn asset(uri: Uri) -> Result<Response, Problem> {
    page::file(uri.path()).ok_or_else(|| Problem::NotFound("nothing is served at this path".into()))
}
