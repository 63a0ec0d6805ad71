//! The proxies of the environment, as `wsbeat connect` finds them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

/// A proxy that refuses; gives the first line it was asked with.
fn refusing_proxy() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let n = tcp.read(&mut request).unwrap();
        tcp.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
        String::from_utf8_lossy(&request[..n]).lines().next().unwrap_or_default().to_owned()
    });
    (address, asked)
}

fn connect(url: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsbeat"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    let output = command.args(["connect", url]).envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn each_scheme_goes_by_its_variable_and_a_refusal_names_the_proxy() {
    for (url, variable, line) in [
        ("ws://exchange.invalid/ws", "HTTP_PROXY", "CONNECT exchange.invalid:80 HTTP/1.1"),
        ("wss://exchange.invalid/ws", "https_proxy", "CONNECT exchange.invalid:443 HTTP/1.1"),
        ("wss://exchange.invalid:9443", "ALL_PROXY", "CONNECT exchange.invalid:9443 HTTP/1.1"),
    ] {
        let (address, asked) = refusing_proxy();
        let (status, errors) = connect(url, &[(variable, &format!("http://user:secret@{address}"))]);
        assert_eq!(asked.join().unwrap(), line, "{variable}");
        assert_eq!(status, Some(3), "{errors}");
        assert!(errors.contains(&format!("proxy: http://{address}: status 403 Forbidden")), "{errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

#[test]
fn what_no_proxy_names_and_this_machine_itself_are_reached_directly() {
    let nowhere = ("ALL_PROXY", "http://127.0.0.1:1");
    let (status, errors) = connect("ws://ws.exchange.invalid", &[nowhere, ("NO_PROXY", ".exchange.invalid")]);
    assert_eq!(status, Some(3));
    assert!(errors.contains("DNS: ws.exchange.invalid"), "{errors}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let accepted = thread::spawn(move || drop(listener.accept()));
    let (_, errors) = connect(&url, &[nowhere]);
    accepted.join().unwrap();
    assert!(errors.contains("HTTP upgrade"), "{errors}");
}
