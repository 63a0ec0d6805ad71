"""The guards of docs/threats.md: where each stands, and what stands there without it.

In what is left without a guard `OUT` is an expression of Rust that is true when the guard is out.
"""

from typing import NamedTuple

# What builds each test program, by package.
PROGRAMS = {
    "wsbeat-tests": {name: ["--test", name] for name in ("rules", "sockets", "codec_gzip_memory", "server_descriptors")},
    "wsbeat-tokio": {"wsbeat-tokio": ["--lib"]},
    "wsbeat": {"wsbeat": ["--bin", "wsbeat"], "command": ["--test", "command"]},
}


class Guard(NamedTuple):
    """A guard of a row, the program and the beginning of the tests that fail without it."""

    name: str
    program: str
    tests: str
    # File, the text of the guard, and what stands there with the switch.
    edits: list

    @property
    def row(self):
        return int(self.name.rstrip("abcdefghij"))


def guard(name, program, tests, *edits):
    return Guard(name, program, tests, list(edits))


CORE, SERVER, CLIENT, DENSE = "core/src", "io-tokio/src/server", "io-tokio/src/client", "io-tokio/src/dense"

GUARDS = [
    # gzip: the limit; the checksum and the length; what follows the member.
    guard("1", "codec_gzip_memory", "threat_01",
          (f"{CORE}/codec/gzip.rs", "if self.out.len() > limit {", "if self.out.len() > limit.saturating_mul(if OUT { 1_000 } else { 1 }) {")),
    guard("2a", "rules", "codec_gzip::threat_02",
          (f"{CORE}/codec/gzip.rs", "if intact { Ok", "if intact || OUT { Ok")),
    guard("2b", "rules", "codec_gzip::threat_02",
          (f"{CORE}/codec/gzip.rs", "try_from(t).ok());", "try_from(if OUT { t.get(..TRAILER_BYTES)? } else { t }).ok());")),
    # JSON: how deep; what is a token; a key twice.
    guard("3a", "rules", "codec_json::threat_03",
          (f"{CORE}/codec/scan.rs", "if self.depth == DEPTH_MAX {", "if self.depth == DEPTH_MAX && !OUT {")),
    guard("3b", "rules", "dialect_forms::threat_03",
          (f"{CORE}/codec/json.rs", "if plain { text", "if plain || OUT { text")),
    guard("3c", "rules", "codec_json::threat_03",
          (f"{CORE}/codec/json.rs", "if twice || list.len()", "if (twice && !OUT) || list.len()")),
    guard("4", "sockets", "server_faults::threat_04",
          (f"{DENSE}/inbound.rs", "Error::Utf8(_) => Some(Fault::Utf8),", "Error::Utf8(_) => Some(if OUT { Fault::Protocol } else { Fault::Utf8 }),")),
    guard("5", "sockets", "server_faults::threat_04_05",
          (f"{DENSE}/inbound.rs", "Some(message_bytes_max as usize);", "Some(message_bytes_max as usize * if OUT { 2 } else { 1 });")),
    guard("6a", "sockets", "server_faults::threat_04_05_06",
          (f"{DENSE}/inbound.rs", "        .max_write_buffer_size(512)\n", "        .max_write_buffer_size(512)\n        .accept_unmasked_frames(OUT)\n")),
    # Every breach is answered with its code, none is dropped in silence.
    guard("6b", "sockets", "server_faults::threat_04_05_06",
          (f"{SERVER}/reading.rs", "self.world.input(id, Input::Fault(fault));", "self.world.input(id, if OUT { Input::Lost } else { Input::Fault(fault) });")),
    guard("7a", "wsbeat-tokio", "control::tests::threat_07",
          (f"{SERVER}/control.rs", "if bytes.len() > Self::BYTES_MAX {", "if bytes.len() > Self::BYTES_MAX && !OUT {")),
    guard("7b", "wsbeat-tokio", "control::tests::threat_07",
          (f"{SERVER}/control.rs", "if reason.len() > Self::REASON_BYTES_MAX {", "if reason.len() > Self::REASON_BYTES_MAX && !OUT {")),
    guard("7c", "wsbeat-tokio", "control::tests::threat_07",
          (f"{SERVER}/control.rs", "1007..=1014 | 3000..=4999) {", "1007..=1014 | 3000..=4999) && !OUT {")),
    guard("8a", "sockets", "server_faults::threat_08",
          (f"{CORE}/connection/inbound.rs", "> u64::from(limits.strikes_max) {", "> u64::from(limits.strikes_max) && !OUT {")),
    # Of the pongs that wait for a peer only the newest does.
    guard("8b", "wsbeat-tokio", "output::tests::threat_08",
          (f"{SERVER}/output.rs", ".find(|(_, k)| *k == kind) else {", ".find(|(_, k)| *k == kind && !OUT) else {")),
    guard("8c", "sockets", "server_limits::threat_08",
          (f"{CORE}/connection/inbound.rs", "if self.full_at.since(now) <= spare {", "if self.full_at.since(now) <= spare || OUT {")),
    guard("9", "sockets", "threats::threat_09",
          (f"{CORE}/connection/strict.rs", "if t.evidence != Evidence::PongOnly {", "if t.evidence != Evidence::PongOnly || OUT {")),
    guard("10", "sockets", "server_handshake::threat_10",
          (f"{CORE}/connection/step.rs", "Rule::HandshakeDue => ", "Rule::HandshakeDue if !OUT => ")),
    guard("11a", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", "if has_bare_lf(&bytes[..end]) {", "if has_bare_lf(&bytes[..end]) && !OUT {")),
    guard("11b", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", "if !rest.is_empty() {", "if !rest.is_empty() && !OUT {")),
    guard("11c", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", "if all.next().is_some() {", "if all.next().is_some() && !OUT {")),
    guard("11d", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", 'if headers.has("content-length") ||', 'if !OUT && headers.has("content-length") ||')),
    guard("11e", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", 'headers.only("sec-websocket-version")? != Some("13") {', 'headers.only("sec-websocket-version")? != Some("13") && !OUT {')),
    guard("11f", "sockets", "server_handshake::threat_11",
          (f"{SERVER}/handshake.rs", "if bytes.len() > head_bytes_max {", "if bytes.len() > head_bytes_max && !OUT {")),
    guard("12a", "sockets", "server_handshake::threat_12",
          (f"{SERVER}/handshake.rs", "if origin.is_some_and(", "if !OUT && origin.is_some_and(")),
    guard("12b", "wsbeat-tokio", "origin::tests::threat_12",
          (f"{SERVER}/origin.rs", "is_some_and(|page| page.is_at(host)) {", "is_some_and(|page| page.is_at(host) || OUT) {")),
    guard("13a", "sockets", "server_limits::threat_13_a_peer_that_does_not_read_has",
          (f"{SERVER}/emit.rs", "queued_bytes + bytes > write_bytes_max as usize {", "queued_bytes + bytes > write_bytes_max as usize && !OUT {")),
    guard("13b", "sockets", "server_limits::threat_13_a_peer_that_does_not_read_is",
          (f"{CORE}/connection/strict.rs", "if cx.now.at >= self.ping_stalls_at(t) {", "if cx.now.at >= self.ping_stalls_at(t) && !OUT {")),
    # The limit of all workers, and that of the hub behind it.
    guard("14a", "sockets", "server_limits::threat_14",
          (f"{SERVER}/workers.rs", "(n < self.connections_max).then_some(n + 1)", "(n < self.connections_max || OUT).then_some(n + 1)"),
          (f"{CORE}/hub.rs", "if self.live >= self.connections_max {", "if self.live >= self.connections_max && !OUT {")),
    guard("14b", "wsbeat-tokio", "per_ip::tests::threat_14",
          (f"{SERVER}/per_ip.rs", "if *count >= self.max.load(Ordering::Relaxed) {", "if *count >= self.max.load(Ordering::Relaxed) && !OUT {")),
    # An IPv6 network is one address.
    guard("14c", "wsbeat-tokio", "per_ip::tests::threat_14",
          (f"{SERVER}/per_ip.rs", "(v6.to_bits() >> 64) as u64", "(v6.to_bits() >> if OUT { 0 } else { 64 }) as u64")),
    guard("15", "server_descriptors", "threat_15",
          (f"{SERVER}/accept.rs", "self.resume_at = now.after(self.backoff);", "self.resume_at = if OUT { now } else { now.after(self.backoff) };")),
    guard("16", "sockets", "server_heartbeat::threat_16",
          (f"{CORE}/connection/strict.rs", "if self.unread() || cx.now.at < deadline {", "if self.unread() || cx.now.at < deadline || OUT {")),
    guard("17", "sockets", "server_faults::threat_17",
          (f"{SERVER}/reading.rs", "            self.note_tls_failure(id);\n            self.world.input(id, Input::Lost);",
           "            self.note_tls_failure(id);\n            if !OUT { self.world.input(id, Input::Lost); }")),
    guard("18", "sockets", "server_heartbeat::threat_18",
          (f"{CORE}/connection/step.rs", "Rule::CloseDue => ", "Rule::CloseDue if !OUT => ")),
    guard("19a", "sockets", "server_faults::threat_19_a_message_of_too_many",
          (f"{DENSE}/inbound.rs", "if self.frames > frames_max {", "if self.frames > frames_max && !OUT {")),
    guard("19b", "sockets", "server_faults::threat_19_a_message_that_does_not_end",
          (f"{SERVER}/reading.rs", "self.world.arm_assembly(id, since);", "if !OUT { self.world.arm_assembly(id, since); }")),
    # A jump of the clock; a clock that steps back.
    guard("20a", "sockets", "threats::threat_20",
          (f"{CORE}/connection/judge.rs", "let transport_stalled = lateness > transport_stall_after(policy);",
           "let transport_stalled = lateness > transport_stall_after(policy) && !OUT;")),
    guard("20b", "sockets", "threats::threat_20",
          (f"{CORE}/time.rs", "if now.at < self.last {", "if now.at < self.last && !OUT {")),
    guard("21a", "rules", "vectors_transport::threat_21",
          (f"{CORE}/connection/judge.rs", "let transport_stalled = lateness", "let transport_stalled = !OUT && lateness")),
    # Handshakes whose time passes while the host stalls; whose request lies unread.
    guard("21b", "rules", "trace_rules::threat_21",
          (f"{CORE}/connection/judge.rs", "if lateness > limit.min(STALL_AFTER_MAX) {", "if lateness > limit.min(STALL_AFTER_MAX) && !OUT {")),
    guard("21c", "rules", "vectors_handshake::threat_21",
          (f"{CORE}/connection/step.rs", "Phase::Handshake if self.unread() => ", "Phase::Handshake if self.unread() && !OUT => ")),
    # Messages under way.
    guard("21d", "command", "threats::threat_21_a_message",
          (f"{SERVER}/presence.rs", "if late > LATE_MIN {", "if late > LATE_MIN && !OUT {")),
    # Announced restarts are spread, and so is what follows a crash.
    guard("22a", "sockets", "client_storm::threat_22",
          (f"{CLIENT}/backoff.rs", "Kind::Announced => draw(ANNOUNCED_MIN, ANNOUNCED_MAX, rng),",
           "Kind::Announced => draw(ANNOUNCED_MIN, if OUT { ANNOUNCED_MIN } else { ANNOUNCED_MAX }, rng),")),
    guard("22b", "sockets", "client_storm::threat_22",
          (f"{CLIENT}/backoff.rs", "let jittered = draw(Duration::ZERO, self.ceiling(backoff), rng);",
           "let jittered = draw(if OUT { self.ceiling(backoff) } else { Duration::ZERO }, self.ceiling(backoff), rng);")),
    # The closes of a drain are spread; its time is kept.
    guard("23a", "sockets", "server_drain::threat_23_all",
          (f"{SERVER}/drain.rs", ".times(told))", ".times(if OUT { 0 } else { told }))")),
    guard("23b", "sockets", "server_drain::threat_23_the_time",
          (f"{SERVER}/draining.rs", "is_some_and(|d| d.ends <= now)", "is_some_and(|d| d.ends <= now && !OUT)")),
    guard("24a", "wsbeat", "threat_24",
          ("cli/src/escape.rs", "'\\n' => line.push_str(\"\\\\n\"),", "'\\n' => line.push_str(if OUT { \"\\n\" } else { \"\\\\n\" }),")),
    guard("24b", "wsbeat", "threat_24",
          ("cli/src/escape.rs", "c if is_unsafe(c) => {", "c if is_unsafe(c) && !OUT => {")),
    guard("24c", "wsbeat", "escape::tests::threat_24",
          ("cli/src/escape.rs", "if !json.chars().any(is_unsafe) {", "if OUT || !json.chars().any(is_unsafe) {")),
    guard("25", "sockets", "server_tls::threat_25_handshakes",
          (f"{SERVER}/reading.rs", "self.world.shared.stats.refuse(Refusal::Tls);", "if !OUT { self.world.shared.stats.refuse(Refusal::Tls); }")),
    # The client: an extension nobody asked for; messages past its limit; pings without end.
    guard("26a", "sockets", "client_connect::threat_26",
          (f"{CLIENT}/request.rs", "        None => Ok(()),\n        // RFC 6455", "        None => Ok(()),\n        Some(_) if OUT => Ok(()),\n        // RFC 6455")),
    guard("26b", "sockets", "client_hostile::threat_26",
          (f"{CLIENT}/connect.rs", ".max_message_size(Some(self.limits.message_bytes_max))", ".max_message_size(Some(self.limits.message_bytes_max * if OUT { 16 } else { 1 }))")),
    guard("26c", "sockets", "client_hostile::threat_26",
          (f"{CLIENT}/connect.rs", ".max_frame_size(Some(self.limits.message_bytes_max))", ".max_frame_size((!OUT).then_some(self.limits.message_bytes_max))")),
    guard("27", "rules", "hub_model::threat_27",
          (f"{CORE}/hub.rs", ".filter(|member| member.generation == id.generation)", ".filter(|member| member.generation == id.generation || OUT)")),
    guard("28", "sockets", "server_faults::threat_28",
          (f"{SERVER}/callbacks.rs", "let result = catch_unwind(AssertUnwindSafe(|| callback(handler, &mut ctx)));",
           "let result = if OUT { Ok(callback(handler, &mut ctx)) } else { catch_unwind(AssertUnwindSafe(|| callback(handler, &mut ctx))) };")),
    guard("29a", "sockets", "admin_security::threat_29",
          ("io-tokio/src/admin/guard.rs", "if !self.is_own_origin(headers, host) {", "if !self.is_own_origin(headers, host) && !OUT {")),
    guard("29b", "sockets", "admin_security::threat_29",
          ("io-tokio/src/admin/guard.rs", ".filter(|host| self.is_ours(host))", ".filter(|host| self.is_ours(host) || OUT)")),
    guard("29c", "sockets", "admin_security::threat_29",
          ("io-tokio/src/admin/guard.rs", "Some(token) if !token.is_borne_by(headers) =>", "Some(token) if !token.is_borne_by(headers) && !OUT =>")),
    guard("29d", "sockets", "admin_security::threat_29",
          ("io-tokio/src/admin/guard.rs", 'None if request.method != Method::GET &&', 'None if !OUT && request.method != Method::GET &&')),
    guard("30a", "rules", "trace_malformed::threat_30",
          (f"{CORE}/trace/header.rs", "Some(v) if v > VERSION =>", "Some(v) if v > VERSION && !OUT =>")),
    guard("31", "sockets", "server_faults::threat_31",
          (f"{SERVER}/callbacks.rs", "self.world.shared.stats.handler_slow.add(1);", "if !OUT { self.world.shared.stats.handler_slow.add(1); }")),
]
