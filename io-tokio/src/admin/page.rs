//! The live page: files that are part of the program.

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

/// A file: where it is asked for, what it is, and what is in it.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Every file of the page.
const ASSETS: [Asset; 1] = [Asset { path: "/", content_type: "text/html; charset=utf-8", bytes: include_bytes!("page/index.html") }];

/// Whether a path is one of the page's files.
pub(super) fn has(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

/// The paths of all files.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// The file of a path.
pub(super) fn file(path: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    Some(([(CONTENT_TYPE, HeaderValue::from_static(asset.content_type))], asset.bytes).into_response())
}
