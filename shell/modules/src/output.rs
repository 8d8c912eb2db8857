//! Output kept within bounds; what is over the bound is drained and counted.

/// One stream of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collected {
    bytes: Vec<u8>,
    limit: usize,
    dropped: u64,
}

impl Collected {
    /// Nothing yet; at most `limit` bytes are kept.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, dropped: 0 }
    }

    /// Takes output; returns the part of it that is kept.
    pub fn push<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = self.limit - self.bytes.len();
        let (kept, over) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(kept);
        self.dropped += over.len() as u64;
        kept
    }

    /// Bytes that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The kept bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted_and_not_kept() {
        let mut collected = Collected::new(5);
        assert_eq!(collected.push(b"abc"), b"abc");
        assert_eq!(collected.push(b"defg"), b"de");
        assert_eq!(collected.push(b"hij"), b"");
        assert_eq!(collected.dropped(), 5);
        assert_eq!(collected.into_bytes(), b"abcde");
    }
}
