//! Control frames of the user's that cannot be illegal.

use super::error::{CloseReasonError, PayloadTooLong};

/// The payload of a ping: at most 125 bytes (RFC 6455 §5.5).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PingPayload(Box<[u8]>);

impl PingPayload {
    /// The most bytes it can have.
    pub const BYTES_MAX: usize = 125;

    /// These bytes as a payload.
    ///
    /// # Errors
    /// More than 125 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, PayloadTooLong> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(PayloadTooLong { bytes: bytes.len() });
        }
        Ok(PingPayload(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A close code and reason that may be sent (RFC 6455 §7.4, §5.5).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CloseReason {
    code: u16,
    reason: Box<str>,
}

impl CloseReason {
    /// The most bytes of a reason.
    pub const REASON_BYTES_MAX: usize = 123;

    /// A close frame with this code and reason.
    ///
    /// # Errors
    /// A code that may not be sent, such as 1005, 1006 and 1015; a reason of more than 123 bytes.
    pub fn new(code: u16, reason: &str) -> Result<Self, CloseReasonError> {
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(CloseReasonError::Code(code));
        }
        if reason.len() > Self::REASON_BYTES_MAX {
            return Err(CloseReasonError::Reason { bytes: reason.len() });
        }
        Ok(CloseReason { code, reason: reason.into() })
    }

    /// A close frame with an empty body.
    #[must_use]
    pub fn empty() -> Self {
        CloseReason::default()
    }

    /// 1000, without a reason: the purpose of the connection is fulfilled.
    #[must_use]
    pub fn normal() -> Self {
        CloseReason { code: 1000, reason: Box::default() }
    }

    /// The code; 0 for an empty body.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_07_illegal_control_frames_cannot_be_built() {
        assert!(PingPayload::new(&[0; 125]).is_ok());
        assert_eq!(PingPayload::new(&[0; 126]), Err(PayloadTooLong { bytes: 126 }));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert_eq!(CloseReason::new(code, ""), Err(CloseReasonError::Code(code)));
        }
        assert!(CloseReason::new(4408, &"a".repeat(123)).is_ok());
        assert_eq!(CloseReason::new(1000, &"a".repeat(124)), Err(CloseReasonError::Reason { bytes: 124 }));
    }
}
