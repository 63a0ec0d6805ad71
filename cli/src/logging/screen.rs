//! The thread that writes the log: lines one after another, and on a terminal a status below them that no line tears.

use std::io::{self, Write};
use std::sync::mpsc::Receiver;

use super::Item;

/// Back to the begin of the line, and nothing in it (ECMA-48 EL 2).
const ERASE: &str = "\r\u{1b}[2K";

/// Writes what comes until the end; the status does not stay.
pub(super) fn write_all(items: &Receiver<Item>, mut writer: impl Write) {
    let mut status = String::new();
    loop {
        let written = match items.recv() {
            Ok(Item::Line(line)) if status.is_empty() => writer.write_all(line.as_bytes()),
            Ok(Item::Line(line)) => put(&mut writer, &format!("{ERASE}{line}{status}")),
            Ok(Item::Status(text)) if text == status => Ok(()),
            Ok(Item::Status(text)) => {
                status = text;
                put(&mut writer, &format!("{ERASE}{status}"))
            }
            Ok(Item::End) | Err(_) => {
                if !status.is_empty() {
                    // Nobody is left to be told of a terminal that is gone.
                    let _ = put(&mut writer, ERASE);
                }
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

/// One write for all of it: a terminal shows no half.
fn put(writer: &mut impl Write, text: &str) -> io::Result<()> {
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn written(items: Vec<Item>) -> String {
        let (sender, receiver) = channel();
        items.into_iter().for_each(|item| sender.send(item).unwrap());
        drop(sender);
        let mut bytes = Vec::new();
        write_all(&receiver, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_stands_above_the_status_and_is_whole() {
        let items = vec![Item::Line("a\n".into()), Item::Status("1 open".into()), Item::Line("b\n".into()), Item::Status("2 open".into())];
        assert_eq!(
            written(items),
            "a\n\r\u{1b}[2K1 open\r\u{1b}[2Kb\n1 open\r\u{1b}[2K2 open\r\u{1b}[2K",
            "erased before the line, drawn again after it, gone at the end"
        );
    }

    #[test]
    fn a_status_that_did_not_change_is_not_drawn_again() {
        let same = || Item::Status("1 open".into());
        assert_eq!(written(vec![same(), same(), Item::End]), "\r\u{1b}[2K1 open\r\u{1b}[2K");
    }

    #[test]
    fn without_a_status_nothing_but_lines_is_written() {
        assert_eq!(written(vec![Item::Line("a\n".into()), Item::End, Item::Line("b\n".into())]), "a\n");
    }
}
