//! `wsbeat serve` with a certificate, run for real.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Serve, run};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tests/fixtures").join(name);
    path.to_str().unwrap().to_owned()
}

fn serve(cert: &str, key: &str) -> Serve {
    Serve::start(&["--tls-cert", cert, "--tls-key", key, "--interval", "200ms", "-v"])
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn it_listens_at_wss_and_keeps_the_heartbeat_of_a_client_that_trusts_it() {
    let serve = serve(&fixture("server.pem"), &fixture("server.key"));
    assert!(serve.url.starts_with("wss://127.0.0.1:"), "{}", serve.url);
    let client = run(["connect", &serve.url, "--ca", &fixture("ca.pem"), "--count", "2"]);
    assert_eq!(client.code, Some(0), "{client:?}");
    assert!(client.stdout.contains("2 pings, 2 answered, closed 1000"), "{client:?}");
    let stranger = run(["connect", &serve.url]);
    assert_eq!(stranger.code, Some(3), "{stranger:?}");
    let ended = serve.stop();
    assert_eq!(ended.code, Some(0));
    let line = ended.stderr.lines().find(|line| line.contains("TLS handshake failed: ")).expect(&ended.stderr);
    assert!(line.contains(" peer=127.0.0.1:"), "{line}");
}

/// The client of whoever writes ten lines of Python: `ssl` of the standard library.
#[test]
fn pythons_ssl_is_served_and_ends_without_close_notify() {
    let script = "
import socket, ssl, sys
host, port = sys.argv[1].split(':')
context = ssl.create_default_context(cafile=sys.argv[2])
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context.minimum_version = context.maximum_version = version
    with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname='localhost') as tls:
        tls.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
                    b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n')
        while b'\\r\\n\\r\\n' not in (head := tls.recv(4096)):
            pass
        tls.sendall(bytes([0x81, 0x82, 0, 0, 0, 0]) + b'hi')
        while b'hi' not in (frame := tls.recv(4096)):
            pass
        print(tls.version(), 'hi')
";
    let serve = serve(&fixture("server.pem"), &fixture("server.key"));
    let address = serve.url.strip_prefix("wss://").unwrap();
    let Ok(python) = Command::new("python3").args(["-c", script, address, &fixture("ca.pem")]).output() else {
        assert_ne!(std::env::var("WSBEAT_INTEROP").as_deref(), Ok("require"), "no python3");
        return eprintln!("skipped: no python3");
    };
    let said = String::from_utf8(python.stdout).unwrap();
    assert_eq!(said, "TLSv1.2 hi\nTLSv1.3 hi\n", "{}", String::from_utf8_lossy(&python.stderr));
    let ended = serve.stop();
    assert!(!ended.stderr.contains("TLS"), "{}", ended.stderr);
}

#[test]
fn sighup_reads_the_certificate_again_and_a_bad_one_changes_nothing() {
    let folder = folder("sighup");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let install = |name: &str| {
        std::fs::copy(fixture(&format!("{name}.pem")), &cert).unwrap();
        std::fs::copy(fixture(&format!("{name}.key")), &key).unwrap();
    };
    install("self_signed");
    let mut serve = serve(cert.to_str().unwrap(), key.to_str().unwrap());
    let (url, ca) = (serve.url.clone(), fixture("ca.pem"));
    let trusted = || run(["connect", &url, "--ca", &ca, "--count", "1"]).code == Some(0);
    assert!(!trusted());
    install("server");
    serve.running.signal("HUP");
    let end = Instant::now() + PATIENCE;
    while !trusted() {
        assert!(Instant::now() < end, "the new certificate does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::write(&key, "nothing").unwrap();
    serve.running.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(trusted(), "the old one stays");
    let ended = serve.stop();
    assert!(ended.stderr.contains("key.pem: no private key in it"), "{}", ended.stderr);
    let told = ended.stderr.matches("listener default: the certificate was read again: new connections get it").count();
    assert_eq!(told, 1, "{}", ended.stderr);
}

#[test]
fn files_that_cannot_be_used_are_a_configuration_error() {
    let server = |args: &[&str]| run(["serve"].iter().chain(args));
    let half = server(&["--tls-cert", &fixture("server.pem")]);
    assert_eq!(half.code, Some(2));
    assert!(half.stderr.contains("--tls-cert: tls_cert = ") && half.stderr.contains("tls_key is needed beside it"), "{}", half.stderr);
    let other = server(&["--tls-cert", &fixture("server.pem"), "--tls-key", &fixture("self_signed.key")]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("--tls-key: tls_key = ") && other.stderr.contains("this key is not that of"), "{}", other.stderr);
}

#[test]
fn what_keeps_a_client_out_is_told_with_what_helps() {
    let said = |url: &str, args: &[&str]| {
        let client = run(["connect", url].iter().chain(args));
        assert_eq!(client.code, Some(3), "{client:?}");
        client.stderr
    };
    let (with, without) = (serve(&fixture("self_signed.pem"), &fixture("self_signed.key")), Serve::start(&[]));
    for (stderr, part) in [
        (said(&with.url, &[]), "as --ca"),
        (said(&with.url.replace("wss://", "ws://"), &[]), "does not speak HTTP here"),
        (said(&with.url.replace("wss://", "ws://"), &[]), "perhaps it speaks TLS: wss://"),
        (said(&without.url.replace("ws://", "wss://"), &[]), "perhaps it does without TLS: ws://"),
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
}
