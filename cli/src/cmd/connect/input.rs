//! Lines of standard input.

use std::io::{self, BufRead, Read as _};

use tokio::sync::mpsc::{Receiver, channel};

/// How many lines wait to be sent before standard input is left waiting.
const LINES_MAX: usize = 64;
/// How long a line may be, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The lines of standard input, or why one cannot be sent. It ends with standard input.
///
/// They are read by a thread of their own: a read cannot be given up, and must not hold up the end of the command.
pub(super) fn lines() -> Receiver<Result<String, String>> {
    let (sender, receiver) = channel(LINES_MAX);
    let read = move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    // Without the thread there is no input, and everything else goes on.
    let _ = std::thread::Builder::new().name("wsbeat-stdin".into()).spawn(read);
    receiver
}

/// The next line without its end; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> Option<Result<String, String>> {
    let mut bytes = Vec::new();
    match input.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => return None,
        Ok(_) => {}
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    } else if bytes.len() as u64 > LINE_BYTES_MAX {
        skip_line(input);
        return Some(Err(format!("a line of standard input is longer than {LINE_BYTES_MAX} bytes: not sent")));
    }
    Some(String::from_utf8(bytes).map_err(|_| "a line of standard input is no UTF-8: not sent".into()))
}

fn skip_line(input: &mut impl BufRead) {
    while let Ok(buffer) = input.fill_buf() {
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let len = end.map_or(buffer.len(), |at| at + 1);
        input.consume(len);
        if end.is_some() || len == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_the_last_one_too() {
        let mut input: &[u8] = b"a\r\n\nb";
        let lines: Vec<_> = std::iter::from_fn(|| next_line(&mut input)).collect();
        assert_eq!(lines, [Ok("a".into()), Ok(String::new()), Ok("b".into())]);
    }

    #[test]
    fn a_line_that_cannot_be_sent_is_skipped_and_the_next_one_is_not() {
        let mut bytes = vec![b'x'; 3 << 20];
        bytes.extend_from_slice(b"\n\xff\nok\n");
        let mut input = &bytes[..];
        let lines: Vec<_> = std::iter::from_fn(|| next_line(&mut input)).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].is_err() && lines[1].is_err());
        assert_eq!(lines[2], Ok("ok".into()));
    }
}
