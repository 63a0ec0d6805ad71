//! The live page: files that are part of the program.

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

/// A file: where it is asked for, and what is in it.
struct Asset {
    path: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal)*) => {
        &[
            Asset { path: "/", bytes: include_bytes!("page/index.html") },
            $(Asset { path: concat!("/", $name), bytes: include_bytes!(concat!("page/", $name)) },)*
        ]
    };
}

/// Every file of the page.
const ASSETS: &[Asset] = assets!(
    "icon.svg" "page.css" "parts.css" "main.js" "api.js" "charts.js" "connections.js" "detail.js" "dialogs.js" "dom.js" "format.js"
    "history.js" "keys.js" "overview.js" "verdicts.js" "words.js"
);

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
    Some(([(CONTENT_TYPE, HeaderValue::from_static(content_type(asset.path)))], asset.bytes).into_response())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/page");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        for name in names.filter(|name| name != "index.html") {
            assert!(has(&format!("/{name}")), "{name}");
        }
        assert!(has("/") && !has("/index.html"));
    }
}
