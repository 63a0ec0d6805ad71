#!/usr/bin/env python3
"""Takes the guards of docs/threats.md out, one after another, and runs the row's test, which must fail.

    tests/guards/run.py [ROW…]      all rows, or these
    tests/guards/run.py --check     only whether each guard still stands where it is looked for

A guard is a text in a source file and what stands there without it. The file is put back whatever happens; run it in a work
tree that nobody else builds in. Each row costs a build. Rows whose guard is a type or a library's (7, 17, 22, 23, 26) have none.
Exit status: 0 every test failed as it should, 1 one did not, 2 a guard was not found.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ["-p", "wsbeat-tests", "--test"]

# Row, file, the guard, what is left without it, where the row's test is.
GUARDS = [
    (1, "core/src/codec/gzip.rs", "if self.out.len() > limit {", "if self.out.len() > limit.saturating_mul(1_000) {", [*TESTS, "codec_gzip_memory", "threat_"]),
    (2, "core/src/codec/gzip.rs", "limit(frame.len(), bytes_max))?;\n        ", "limit(frame.len(), bytes_max)).unwrap_or(0);\n        ", [*TESTS, "rules", "codec_gzip::threat_"]),
    (4, "io-tokio/src/dense/inbound.rs", "Error::Utf8(_) => Some(Fault::Utf8),", "Error::Utf8(_) => Some(Fault::Protocol),", [*TESTS, "sockets", "server_faults::threat_"]),
    (5, "io-tokio/src/dense/inbound.rs", "let message_bytes_max = Some(message_bytes_max as usize);", "let message_bytes_max = Some(message_bytes_max as usize * 2);", [*TESTS, "sockets", "server_faults::threat_"]),
    (6, "io-tokio/src/dense/inbound.rs", "        .max_write_buffer_size(512)\n", "        .max_write_buffer_size(512)\n        .accept_unmasked_frames(true)\n", [*TESTS, "sockets", "server_faults::threat_"]),
    (8, "core/src/connection/inbound.rs", "> u64::from(limits.strikes_max) {", "> u64::MAX - 1 {", [*TESTS, "sockets", "server_faults::threat_"]),
    (9, "core/src/policy/config.rs", "t.evidence = self.evidence.unwrap_or(t.evidence);", "", [*TESTS, "sockets", "threats::threat_"]),
    (10, "core/src/connection/step.rs", "Rule::HandshakeDue => ", "Rule::HandshakeDue if cx.now.at == Instant::NEVER => ", [*TESTS, "sockets", "server_handshake::threat_"]),
    (11, "io-tokio/src/server/handshake.rs", "    if has_bare_lf(&bytes[..end]) {", "    if has_bare_lf(&[]) {", [*TESTS, "sockets", "server_handshake::threat_"]),
    (12, "io-tokio/src/server/handshake.rs", "origin.is_some_and(|origin| !terms.origins.allow(origin, host))", "origin.is_some_and(|origin| !terms.origins.allow(origin, host) && origin.is_empty())", [*TESTS, "sockets", "server_handshake::threat_"]),
    (13, "io-tokio/src/server/emit.rs", "if queued_bytes > 0 && queued_bytes + bytes > write_bytes_max as usize {", "if queued_bytes + bytes > usize::MAX / 2 + write_bytes_max as usize {", [*TESTS, "sockets", "server_limits::threat_"]),
    (15, "io-tokio/src/server/accept.rs", "self.resume_at = now.after(self.backoff);", "self.resume_at = now;", [*TESTS, "server_descriptors", "threat_"]),
    (18, "core/src/connection/step.rs", "Rule::CloseDue => ", "Rule::CloseDue if cx.now.at == Instant::NEVER => ", [*TESTS, "sockets", "server_heartbeat::threat_"]),
    (19, "io-tokio/src/dense/inbound.rs", "            if self.frames > frames_max {", "            if self.frames > frames_max.saturating_mul(1_000_000) {", [*TESTS, "sockets", "server_faults::threat_"]),
    (20, "core/src/connection/judge.rs", "let transport_stalled = lateness > transport_stall_after(policy);", "let transport_stalled = lateness == Span::MAX;", [*TESTS, "sockets", "threats::threat_"]),
    (21, "core/src/connection/judge.rs", "if lateness > limit.min(STALL_AFTER_MAX) {", "if lateness == Span::MAX {", [*TESTS, "rules", "trace_rules::threat_"]),
    (24, "cli/src/escape.rs", "'\\n' => line.push_str(\"\\\\n\"),", "'\\n' => line.push('\\n'),", ["-p", "wsbeat", "--bin", "wsbeat", "lines"]),
    (25, "io-tokio/src/server/reading.rs", "self.world.shared.stats.refuse(Refusal::Tls);", "", [*TESTS, "sockets", "server_tls::threat_"]),
    (27, "core/src/hub.rs", ".filter(|member| member.generation == id.generation)", "", [*TESTS, "rules", "hub_model::threat_"]),
    (28, "io-tokio/src/server/callbacks.rs", "catch_unwind(AssertUnwindSafe(|| callback(handler, &mut ctx)))", "Ok::<(), ()>(callback(handler, &mut ctx))", [*TESTS, "sockets", "server_faults::threat_"]),
    (29, "io-tokio/src/admin/guard.rs", "if !self.is_own_origin(headers, host) {", "if !self.is_own_origin(headers, host) && host.is_empty() {", [*TESTS, "sockets", "admin_security::threat_"]),
    (30, "core/src/trace/header.rs", "Some(v) if v > VERSION =>", "Some(v) if v > VERSION + 1_000_000 =>", [*TESTS, "rules", "trace_malformed::threat_"]),
    (31, "io-tokio/src/server/callbacks.rs", "self.world.shared.stats.handler_slow.add(1);", "", [*TESTS, "sockets", "server_faults::threat_"]),
]


def main():
    rows = {int(arg) for arg in sys.argv[1:] if arg.isdigit()}
    chosen = [guard for guard in GUARDS if not rows or guard[0] in rows]
    lost = [(row, path) for row, path, guard, _, _ in chosen if (ROOT / path).read_text().count(guard) < 1]
    for row, path in lost:
        print(f"row {row}: its guard is not where it was, in {path}")
    if lost or "--check" in sys.argv:
        return 2 if lost else 0
    kept = [row for row, *guard in chosen if not falls(row, *guard)]
    return 1 if kept else 0


def falls(row, path, guard, without, where):
    file = ROOT / path
    whole = file.read_text()
    try:
        file.write_text(whole.replace(guard, without))
        # Warnings are no matter: what the guard used may be unused now.
        build = subprocess.run(["cargo", "test", "--quiet", *where, "--no-run"], cwd=ROOT, capture_output=True, text=True)
        if build.returncode != 0:
            print(f"row {row}: it does not build without its guard\n{build.stderr[-800:]}", flush=True)
            return False
        test = subprocess.run(["cargo", "test", "--quiet", *where], cwd=ROOT, capture_output=True, text=True, timeout=300)
        failed = sorted({line.split()[1] for line in test.stdout.splitlines() if line.startswith("---- ")})
        print(f"row {row}: {'fails: ' + ', '.join(failed) if failed else 'DOES NOT FAIL'}", flush=True)
        return bool(failed) or test.returncode != 0
    except subprocess.TimeoutExpired:
        print(f"row {row}: fails: it does not end", flush=True)
        return True
    finally:
        file.write_text(whole)


if __name__ == "__main__":
    sys.exit(main())
