//! What requests are answered: an object of the API, or why not.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api::{Refused, VERSION};
use super::guard::Denied;

/// An object of the API.
pub(super) struct Json<T>(StatusCode, T);

impl<T> Json<T> {
    pub(super) fn ok(body: T) -> Self {
        Json(StatusCode::OK, body)
    }

    pub(super) fn with(status: StatusCode, body: T) -> Self {
        Json(status, body)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(body) => (self.0, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Why, and the limit where it is one of number.
    Denied(Denied, u32),
    Bad(String),
    NotFound(String),
    Method,
    Slow,
    TooLarge {
        limit: u32,
    },
    /// A driver does not answer.
    Driver,
    Draining,
    Internal,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Problem::Denied(Denied::Token, _) => StatusCode::UNAUTHORIZED,
            Problem::Denied(Denied::Host | Denied::Origin | Denied::Form, _) => StatusCode::FORBIDDEN,
            Problem::Denied(Denied::Connections | Denied::Streams, _) => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Bad(_) => StatusCode::BAD_REQUEST,
            Problem::NotFound(_) => StatusCode::NOT_FOUND,
            Problem::Method => StatusCode::METHOD_NOT_ALLOWED,
            Problem::Slow => StatusCode::REQUEST_TIMEOUT,
            Problem::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Problem::Driver | Problem::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(self) -> String {
        match self {
            Problem::Denied(Denied::Host, _) => {
                "ask for this server by its IP address, localhost, or a name in admin_host (Host, DNS rebinding)".into()
            }
            Problem::Denied(Denied::Origin, _) => "pages of other sites may not ask (Origin)".into(),
            Problem::Denied(Denied::Token, _) => "the token is wanted: Authorization: Bearer …".into(),
            Problem::Denied(Denied::Form, _) => "what changes something wants the header X-Wsbeat: 1".into(),
            Problem::Bad(words) | Problem::NotFound(words) => words,
            Problem::Method => "not by this method".into(),
            Problem::Slow => "the body did not come in time".into(),
            Problem::TooLarge { limit } => format!("a body of more than {limit} bytes, or one that broke off"),
            Problem::Denied(Denied::Connections, limit) => format!("{limit} connections to the admin address already: no more at once"),
            Problem::Denied(Denied::Streams, limit) => format!("{limit} event streams already: no more at once"),
            Problem::Driver => "a driver of the server does not answer".into(),
            Problem::Draining => "draining".into(),
            Problem::Internal => "this answer could not be written".into(),
        }
    }

    /// The answer after which the connection is closed.
    pub(super) fn last_answer(&self) -> Response {
        let mut response = self.clone().into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Json(status, Refused { v: VERSION, error: self.words() }).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wsbeat\""));
        }
        response
    }
}
