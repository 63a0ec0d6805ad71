//! The list of connections: paged, sorted, searched; one in detail; closing one; draining.

use std::time::Duration;

use serde_json::Value;
use wsbeat_core::policy::PolicyConfig;
use wsbeat_tests::http::{Administered, get, post, request};
use wsbeat_tests::raw::Raw;
use wsbeat_tests::serving::{Serving, config, config_in};
use wsbeat_tokio::server::{Ending, ServerConfig};

struct Scene {
    serving: Serving,
    admin: Administered,
    raws: Vec<Raw>,
}

/// A server with so many connections, and its admin address.
fn scene(config: ServerConfig, count: usize) -> Scene {
    let serving = Serving::start(config);
    let admin = Administered::start(|config| config, &[("main", serving.handle.clone())]);
    let raws = (0..count).map(|_| Raw::open(serving.address)).collect();
    serving.until("all open", |handle| handle.count() == count);
    Scene { serving, admin, raws }
}

impl Scene {
    fn page(&self, query: &str) -> Value {
        get(self.admin.address, &format!("/api/connections?{query}")).json()
    }

    /// The numbers on a page.
    fn ids(page: &Value) -> Vec<u64> {
        page["connections"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    /// The numbers on all pages of a query.
    fn all(&self, query: &str) -> Vec<u64> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("{query}{cursor}"));
            ids.extend(Scene::ids(&page));
            assert!(ids.len() <= self.raws.len(), "pages repeat what others have: {ids:?}");
            let Some(next) = page["next"].as_str() else { return ids };
            cursor = format!("&cursor={next}");
        }
    }
}

#[test]
fn pages_together_show_every_connection_once() {
    let scene = scene(config(), 57);
    let expected: Vec<u64> = (1..=57).collect();
    for limit in [1, 10, 56, 57, 1_000] {
        assert_eq!(scene.all(&format!("limit={limit}")), expected, "limit {limit}");
    }
    let page = scene.page("limit=10");
    assert_eq!((&page["total"], &page["matched"]), (&Value::from(57), &Value::from(57)));
    for sort in ["id", "age", "rtt", "unanswered", "queue", "last_byte", "peer"] {
        for order in ["asc", "desc"] {
            let mut ids = scene.all(&format!("limit=10&sort={sort}&order={order}"));
            ids.sort_unstable();
            assert_eq!(ids, expected, "{sort} {order}");
        }
    }
}

#[test]
fn each_order_is_that_of_its_column() {
    let mut scene = scene(config(), 9);
    scene.raws[4].text("hello");
    assert_eq!(scene.raws[4].next_frame().expect("an echo").payload, b"hello");
    assert_eq!(scene.all("sort=id&order=desc"), (1..=9).rev().collect::<Vec<_>>());
    assert_eq!(scene.all("sort=age&order=desc"), (1..=9).collect::<Vec<_>>(), "the oldest first");
    assert_eq!(Scene::ids(&scene.page("sort=last_byte&limit=1")), [5], "who spoke last");
    let rows = scene.page("sort=peer");
    let ports = rows["connections"].as_array().unwrap().iter().map(|row| row["peer"].as_str().unwrap().rsplit(':').next().unwrap());
    let ports: Vec<u16> = ports.map(|port| port.parse().unwrap()).collect();
    assert!(ports.is_sorted(), "{ports:?}");
}

#[test]
fn a_search_finds_numbers_peers_listeners_and_phases() {
    let scene = scene(config(), 12);
    let peer = scene.raws[6].stream().local_addr().unwrap().to_string();
    assert_eq!(Scene::ids(&scene.page(&format!("q={peer}"))), [7]);
    for (wanted, matched) in [("main", 12), ("MAIN", 12), ("open", 12), ("127.0.0.1", 12), ("closing", 0), ("nobody", 0), ("", 12)] {
        let page = scene.page(&format!("q={wanted}&limit=5"));
        assert_eq!((&page["matched"], &page["total"]), (&Value::from(matched), &Value::from(12)), "{wanted}");
    }
}

#[test]
fn what_cannot_be_asked_is_named() {
    let scene = scene(config(), 1);
    let long = "x".repeat(201);
    let cases = [
        ("limit=0", "limit = 0: 1 to 1000"),
        ("limit=1001", "limit = 1001: 1 to 1000"),
        ("limit=ten", "limit"),
        ("sort=height", "unknown variant `height`"),
        ("order=up", "unknown variant `up`"),
        ("cursor=7", "cursor = \"7\""),
        ("cursor=zz-1", "cursor"),
        ("colour=red", "unknown field `colour`"),
        (&format!("q={long}"), "q of 201 bytes: at most 200"),
    ];
    for (query, expected) in cases {
        let answer = get(scene.admin.address, &format!("/api/connections?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.error().contains(expected), "{query}: {}", answer.error());
    }
}

#[test]
fn one_connection_tells_of_both_planes() {
    let policy = PolicyConfig {
        interval: Some(Duration::from_millis(300)),
        misses: Some(100),
        ping_interval: Some(Duration::from_millis(200)),
        ..PolicyConfig::default()
    };
    let mut scene = scene(ServerConfig { policy, ..config_in("htx-spot-v1") }, 1);
    let (mut pinged, mut beats) = (0, 0);
    while pinged < 3 || beats < 2 {
        let frame = scene.raws[0].next_frame().expect("lives");
        if frame.first == 0x89 {
            scene.raws[0].frame(0x8a, &frame.payload);
            pinged += 1;
        } else {
            beats += 1;
        }
    }
    let detail = get(scene.admin.address, "/api/connections/1").json();
    let planes = &detail["planes"];
    assert_eq!((detail["id"].as_u64(), detail["listener"].as_str(), detail["phase"].as_str()), (Some(1), Some("main"), Some("open")));
    assert!(planes["transport"]["srtt_us"].as_u64().is_some() && detail["srtt_us"] == planes["transport"]["srtt_us"], "{detail}");
    assert!(planes["transport"]["sent"].as_u64().unwrap() >= 3);
    let pings = planes["transport"]["recent"].as_array().unwrap();
    assert!(pings.len() >= 3 && pings[0]["answered"] == true && pings[0]["token"].is_string(), "{detail}");
    // Heartbeats stay unanswered: they are counted, and since when they wait.
    assert!(planes["application"]["unanswered"].as_u64().unwrap() >= 2, "{detail}");
    let heartbeats = planes["application"]["recent"].as_array().unwrap();
    let waits: Vec<u64> = heartbeats.iter().filter_map(|asked| asked["written_ms"].as_u64()).collect();
    assert!(waits.len() >= 2 && waits.is_sorted_by(|older, newer| older >= newer), "oldest first: {detail}");
    assert!(planes["application"]["next_due_ms"].as_u64().unwrap() <= 300, "{detail}");
    let evidence = detail["evidence"].as_str().unwrap();
    assert!(evidence.contains("last pong 0.") && evidence.contains("heartbeats unanswered"), "{evidence}");
    // The same in the list, without the newest ones.
    let row = &scene.page("")["connections"][0];
    assert_eq!(row["planes"]["application"].get("recent"), None);
    assert_eq!(row["planes"]["transport"]["sent"].as_u64().unwrap() / 3, planes["transport"]["sent"].as_u64().unwrap() / 3);
}

#[test]
fn a_plane_that_is_off_is_null_and_a_number_that_is_none_is_not_found() {
    let scene = scene(config(), 1);
    let detail = get(scene.admin.address, "/api/connections/1").json();
    assert_eq!((&detail["planes"]["transport"], &detail["planes"]["application"]), (&Value::Null, &Value::Null));
    assert_eq!(get(scene.admin.address, "/api/connections/2").status, 404);
    assert_eq!(get(scene.admin.address, "/api/connections/two").status, 400);
    assert_eq!(get(scene.admin.address, "/api/connections/-1").status, 400);
}

#[test]
fn closing_one_closes_that_one_with_code_and_reason() {
    let mut scene = scene(config(), 3);
    let answer = post(scene.admin.address, "/api/connections/2/close", r#"{"code":4001,"reason":"go and see"}"#);
    assert_eq!(answer.status, 202, "{answer:?}");
    let frame = scene.raws[1].next_frame().expect("a close");
    assert_eq!((frame.close_code(), &frame.payload[2..]), (Some(4001), &b"go and see"[..]));
    // While it closes it can still be looked at.
    let closing = scene.page("q=closing");
    assert_eq!((Scene::ids(&closing), &closing["connections"][0]["phase"]), (vec![2], &Value::from("closing")));
    assert_eq!(get(scene.admin.address, "/api/connections/2").json()["phase"], "closing");
    assert_eq!(post(scene.admin.address, "/api/connections/3/close", "").status, 202);
    assert_eq!(scene.raws[2].next_frame().expect("a close").close_code(), Some(1000));
    scene.raws[0].text("still here");
    assert_eq!(scene.raws[0].next_frame().expect("an echo").payload, b"still here");
}

#[test]
fn a_close_that_may_not_be_sent_is_refused() {
    let scene = scene(config(), 1);
    let reason = format!(r#"{{"reason":"{}"}}"#, "x".repeat(124));
    let cases = [
        (r#"{"code":1006}"#, "close code 1006"),
        (r#"{"code":70000}"#, "body"),
        (&reason, "a reason of 124 bytes: at most 123"),
        (r#"{"cod":1000}"#, "unknown field `cod`"),
        ("[1000]x", "body"),
        ("code=1000", "body"),
    ];
    for (body, expected) in cases {
        let answer = post(scene.admin.address, "/api/connections/1/close", body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(expected), "{body}: {}", answer.error());
    }
    assert_eq!(scene.serving.handle.count(), 1);
}

#[test]
fn a_drain_closes_all_once_and_is_told_by_readyz() {
    let mut scene = scene(ServerConfig { drain: Duration::from_secs(5), ..config() }, 2);
    assert_eq!((get(scene.admin.address, "/readyz").status, get(scene.admin.address, "/healthz").status), (200, 200));
    let first = post(scene.admin.address, "/api/drain", "");
    assert_eq!((first.status, &first.json()["began"]), (202, &Value::Bool(true)));
    // Asked again, it does not become an end at once.
    let second = post(scene.admin.address, "/api/drain", "");
    assert_eq!((second.status, &second.json()["began"]), (202, &Value::Bool(false)));
    let ready = get(scene.admin.address, "/readyz");
    assert_eq!((ready.status, ready.error().as_str()), (503, "draining"));
    assert_eq!(get(scene.admin.address, "/api/summary").json()["draining"], true);
    for raw in &mut scene.raws {
        assert_eq!(raw.next_frame().expect("a close").close_code(), Some(1001));
        raw.close(1001);
    }
    scene.raws.clear();
    assert_eq!(scene.serving.wait().ending, Ending::Drained);
    // Nothing is left that could answer.
    assert_eq!(get(scene.admin.address, "/healthz").status, 503);
    assert_eq!(get(scene.admin.address, "/readyz").status, 503);
}

#[test]
fn what_is_not_there_and_what_is_not_so_done_is_said_in_json() {
    let scene = scene(config(), 1);
    for target in ["/api", "/api/", "/api/nothing", "/nothing.js", "/API/summary", "//api/summary", "/api/connections/1/open"] {
        let answer = get(scene.admin.address, target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.error().is_empty());
    }
    for (method, target) in [("POST", "/api/summary"), ("GET", "/api/drain"), ("DELETE", "/api/connections/1"), ("PUT", "/metrics")] {
        let answer = request(scene.admin.address, method, target, &["X-Wsbeat: 1"], "");
        assert_eq!(answer.status, 405, "{method} {target}");
        assert!(answer.header("allow").is_some() && !answer.error().is_empty(), "{answer:?}");
    }
    let head = request(scene.admin.address, "HEAD", "/metrics", &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}
