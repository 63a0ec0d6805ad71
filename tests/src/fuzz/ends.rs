//! Laws 6 and 10: one close, one abort, nothing after the end; and what a verdict may say.

use wsbeat_core::connection::Phase;
use wsbeat_core::event::{Action, Verdict};

/// What was seen of the end of a connection.
#[derive(Debug, Default)]
pub(super) struct Ends {
    closed: bool,
    ended: bool,
}

impl Ends {
    /// An action came.
    pub(super) fn see(&mut self, action: &Action) {
        assert!(!self.ended, "{action:?} after the end");
        assert!(!self.closed || matches!(action, Action::Abort(_)), "{action:?} after the close");
        match action {
            Action::Close(verdict) => {
                self.closed = true;
                assert!(verdict.reason.is_empty() || verdict.code.is_some(), "RFC 6455 §5.5.1: a reason needs a code: {verdict:?}");
                check(verdict);
            }
            Action::Abort(verdict) => {
                self.ended = true;
                check(verdict);
            }
            _ => {}
        }
    }

    /// A step is over.
    pub(super) fn after(&mut self, phase: Phase) {
        assert!(!self.ended || phase == Phase::Ended, "{phase:?} after an abort");
        assert!(!self.closed || matches!(phase, Phase::Closing | Phase::Echoed | Phase::Ended), "{phase:?} after a close");
        self.ended |= phase == Phase::Ended;
    }
}

/// RFC 6455 §5.5.1 and §7.4: the reason fits a control frame, and the code is one that may be sent.
fn check(verdict: &Verdict) {
    assert!(verdict.reason.len() <= 123, "{verdict:?}");
    let is_sendable = |code: u16| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    assert!(verdict.code.is_none_or(is_sendable), "{verdict:?}");
    assert!(!verdict.to_string().is_empty());
}
