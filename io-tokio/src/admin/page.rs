//! The live page: files that are part of the program.

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

/// A file: where it is asked for, what it is, and what is in it.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Every file of the page.
const ASSETS: [Asset; 17] = [
    Asset { path: "/", content_type: HTML, bytes: include_bytes!("page/index.html") },
    Asset { path: "/api.js", content_type: JS, bytes: include_bytes!("page/api.js") },
    Asset { path: "/charts.js", content_type: JS, bytes: include_bytes!("page/charts.js") },
    Asset { path: "/connections.js", content_type: JS, bytes: include_bytes!("page/connections.js") },
    Asset { path: "/detail.js", content_type: JS, bytes: include_bytes!("page/detail.js") },
    Asset { path: "/dialogs.js", content_type: JS, bytes: include_bytes!("page/dialogs.js") },
    Asset { path: "/dom.js", content_type: JS, bytes: include_bytes!("page/dom.js") },
    Asset { path: "/format.js", content_type: JS, bytes: include_bytes!("page/format.js") },
    Asset { path: "/history.js", content_type: JS, bytes: include_bytes!("page/history.js") },
    Asset { path: "/icon.svg", content_type: SVG, bytes: include_bytes!("page/icon.svg") },
    Asset { path: "/keys.js", content_type: JS, bytes: include_bytes!("page/keys.js") },
    Asset { path: "/main.js", content_type: JS, bytes: include_bytes!("page/main.js") },
    Asset { path: "/overview.js", content_type: JS, bytes: include_bytes!("page/overview.js") },
    Asset { path: "/page.css", content_type: CSS, bytes: include_bytes!("page/page.css") },
    Asset { path: "/parts.css", content_type: CSS, bytes: include_bytes!("page/parts.css") },
    Asset { path: "/verdicts.js", content_type: JS, bytes: include_bytes!("page/verdicts.js") },
    Asset { path: "/words.js", content_type: JS, bytes: include_bytes!("page/words.js") },
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/page");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(has(&format!("/{name}")) || name == "index.html", "{name}");
        }
    }
}
