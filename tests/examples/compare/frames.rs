//! As much of RFC 6455 as the load and the bare loop need: short frames, whole or in parts.

/// A frame: its first byte, and where its payload lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// FIN, reserved bits and opcode.
    pub first: u8,
    /// Where the mask begins, where there is one.
    pub mask_at: Option<usize>,
    /// Where the payload begins.
    pub from: usize,
    /// Where it ends, and the frame with it.
    pub to: usize,
}

/// The head of the frame at the beginning of `bytes`, once all of the frame is there.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (len, mut from) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        n => (u64::from(n), 2),
    };
    let mask_at = (second & 0x80 != 0).then_some(from);
    from += if mask_at.is_some() { 4 } else { 0 };
    let to = from + usize::try_from(len).ok()?;
    (to <= bytes.len()).then_some(Head { first, mask_at, from, to })
}

/// Takes the mask off a payload, where there is one.
pub fn unmask(bytes: &mut [u8], head: Head) {
    let Some(at) = head.mask_at else { return };
    let mask = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    for (byte, mask) in bytes[head.from..head.to].iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// Writes a frame, masked with zeros where a client sends it.
pub fn write(first: u8, payload: &[u8], masked: bool, out: &mut Vec<u8>) {
    let bit = if masked { 0x80 } else { 0 };
    out.push(first);
    match u16::try_from(payload.len()) {
        Ok(n @ 0..126) => out.push(bit | n as u8),
        Ok(n) => {
            out.push(bit | 126);
            out.extend(n.to_be_bytes());
        }
        Err(_) => {
            out.push(bit | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend([0; 4]);
    }
    out.extend_from_slice(payload);
}

/// Appends what came to what was left of before, gives every whole frame to `each`, and keeps the rest.
pub fn each(left: &mut Vec<u8>, came: &mut [u8], mut each: impl FnMut(u8, &mut [u8])) {
    let mut own;
    let bytes: &mut [u8] = if left.is_empty() {
        came
    } else {
        left.extend_from_slice(came);
        own = std::mem::take(left);
        &mut own
    };
    let mut from = 0;
    while let Some(found) = head(&bytes[from..]) {
        let frame = &mut bytes[from..from + found.to];
        unmask(frame, found);
        each(found.first, &mut frame[found.from..]);
        from += found.to;
    }
    *left = bytes[from..].to_vec();
}
