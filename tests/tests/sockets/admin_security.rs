//! The admin address tells and does nothing for pages of other sites, for names that are not its own, and without its token.

use wsbeat_core::event::ConnId;
use wsbeat_tests::http::{Administered, get, post, request};
use wsbeat_tests::raw::Raw;
use wsbeat_tests::serving::{Serving, config};
use wsbeat_tokio::admin::AdminConfig;

/// What a page of another site would want to do.
const DEEDS: [(&str, &str); 4] =
    [("GET", "/api/summary"), ("GET", "/metrics"), ("POST", "/api/connections/1/close"), ("POST", "/api/drain")];

struct Scene {
    serving: Serving,
    admin: Administered,
    raw: Raw,
}

/// A server with one connection, and its admin address.
fn scene(config_of: impl FnOnce(AdminConfig) -> AdminConfig) -> Scene {
    let serving = Serving::start(config());
    let admin = Administered::start(config_of, &[("main", serving.handle.clone())]);
    let raw = Raw::open(serving.address);
    serving.until("open", |handle| handle.count() == 1);
    Scene { serving, admin, raw }
}

impl Scene {
    /// Every deed with these headers is refused with this status, and nothing of it is done.
    fn refuses(&mut self, status: u16, headers: &[&str]) {
        for (method, target) in DEEDS {
            let answer = request(self.admin.address, method, target, headers, "");
            assert_eq!(answer.status, status, "{method} {target} {headers:?}: {answer:?}");
            assert!(!answer.error().is_empty());
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        self.raw.text("still here");
        assert_eq!(self.raw.next_frame().expect("an echo").payload, b"still here");
        assert!(!self.serving.handle.is_draining());
    }
}

fn with_token(config: AdminConfig) -> AdminConfig {
    AdminConfig { token: Some("open-sesame".into()), ..config }
}

#[test]
fn threat_29_a_page_of_another_site_is_refused() {
    let mut scene = scene(|config| config);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
        scene.refuses(403, &[&format!("Origin: {origin}"), "X-Wsbeat: 1"]);
    }
    scene.refuses(403, &["Sec-Fetch-Site: cross-site", "X-Wsbeat: 1"]);
    let own = format!("Origin: http://{}", scene.admin.address);
    assert_eq!(request(scene.admin.address, "GET", "/api/summary", &[&own], "").status, 200);
}

#[test]
fn threat_29_a_name_that_others_own_is_refused() {
    let mut scene = scene(|config| AdminConfig { hosts: vec!["ops.example".into()], ..config });
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9", "ops.example.evil.example"] {
        scene.refuses(403, &[&format!("Host: {host}"), "X-Wsbeat: 1"]);
        // A rebound page asks for its own name: to the browser that is no other site.
        scene.refuses(403, &[&format!("Host: {host}"), &format!("Origin: http://{host}"), "X-Wsbeat: 1"]);
        assert_eq!(request(scene.admin.address, "GET", "/", &[&format!("Host: {host}")], "").status, 403);
    }
    for host in ["127.0.0.1", "[::1]:80", "localhost", "LOCALHOST:9", "ops.example", "ops.example:9090"] {
        assert_eq!(request(scene.admin.address, "GET", "/api/summary", &[&format!("Host: {host}")], "").status, 200, "{host}");
    }
}

#[test]
fn threat_29_a_form_of_another_site_changes_nothing() {
    let scene = scene(|config| config);
    for (method, target) in DEEDS.into_iter().filter(|(method, _)| *method == "POST") {
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
            let answer = request(scene.admin.address, method, target, &[&format!("Content-Type: {kind}")], "code=1000");
            assert_eq!(answer.status, 403, "{target} {kind}");
            assert!(answer.error().contains("X-Wsbeat"));
        }
    }
    assert_eq!((scene.serving.handle.count(), scene.serving.handle.is_draining()), (1, false));
    // The header alone makes the difference.
    assert_eq!(post(scene.admin.address, "/api/connections/1/close", "{}").status, 202);
    scene.serving.until("closed", |handle| handle.count() == 0);
}

#[test]
fn threat_29_without_the_token_nothing_is_told_or_done() {
    let mut scene = scene(with_token);
    scene.refuses(401, &["X-Wsbeat: 1"]);
    for wrong in ["Bearer open-sesamf", "Bearer open-sesam", "Bearer open-sesame2", "Basic open-sesame", "Bearer", "open-sesame"] {
        scene.refuses(401, &[&format!("Authorization: {wrong}"), "X-Wsbeat: 1"]);
    }
    let answer = get(scene.admin.address, "/api/nothing");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"wsbeat\"")));
    assert_eq!(get(scene.admin.address, "/api/events").status, 401);
}

#[test]
fn with_the_token_everything_is() {
    let scene = scene(with_token);
    let bearer = "Authorization: Bearer open-sesame";
    for target in ["/api/summary", "/metrics", "/api/connections", "/api/connections/1"] {
        assert_eq!(request(scene.admin.address, "GET", target, &[bearer], "").status, 200, "{target}");
    }
    assert_eq!(request(scene.admin.address, "POST", "/api/connections/1/close", &[bearer], "").status, 202);
    scene.serving.until("closed", |handle| handle.count() == 0);
}

#[test]
fn the_token_does_not_open_the_door_to_other_sites() {
    let mut scene = scene(with_token);
    scene.refuses(403, &["Authorization: Bearer open-sesame", "Origin: https://evil.example"]);
    scene.refuses(403, &["Authorization: Bearer open-sesame", "Host: evil.example"]);
}

#[test]
fn health_and_the_page_itself_need_no_token() {
    let scene = scene(with_token);
    for target in ["/healthz", "/readyz", "/"] {
        assert_eq!(get(scene.admin.address, target).status, 200, "{target}");
    }
    // Probes ask by whatever name they know.
    assert_eq!(request(scene.admin.address, "GET", "/healthz", &["Host: wsbeat.svc.cluster.local"], "").status, 200);
}

#[test]
fn every_answer_forbids_what_browsers_would_do_with_it() {
    let scene = scene(|config| config);
    let refused = request(scene.admin.address, "GET", "/", &["Host: evil.example"], "");
    for answer in [get(scene.admin.address, "/"), get(scene.admin.address, "/api/summary"), refused] {
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'self'; "), "{answer:?}");
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("cache-control", "no-store")] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
    }
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let scene = scene(with_token);
    let address = scene.admin.address;
    for (headers, status) in [(["Host: evil.example"], 403), (["Origin: http://evil.example"], 403), (["X-Wsbeat: 1"], 401)] {
        assert_eq!(request(address, "GET", "/api/summary", &headers, "").status, status);
    }
    let metrics = request(address, "GET", "/metrics", &["Authorization: Bearer open-sesame"], "").body;
    for (reason, count) in [("host", 1), ("origin", 1), ("token", 1), ("form", 0), ("connections", 0), ("streams", 0)] {
        let line = format!("wsbeat_admin_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[test]
fn a_number_of_before_closes_nobody_else() {
    let scene = scene(|config| config);
    assert_eq!(scene.serving.handle.find(1), Some(ConnId { index: 0, generation: 0 }));
    drop(scene.raw);
    scene.serving.until("gone", |handle| handle.count() == 0);
    let _second = Raw::open(scene.serving.address);
    scene.serving.until("open", |handle| handle.count() == 1);
    for number in ["0", "1", "3", "4294967297", "18446744073709551615"] {
        assert_eq!(post(scene.admin.address, &format!("/api/connections/{number}/close"), "").status, 404, "{number}");
    }
    assert_eq!(scene.serving.handle.count(), 1);
    assert_eq!(scene.serving.handle.find(2), Some(ConnId { index: 0, generation: 1 }));
}
