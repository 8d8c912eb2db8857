//! SHA-256.

use reeve_model::ContentDigest;
use sha2::{Digest, Sha256};

/// SHA-256 of the bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> ContentDigest {
    ContentDigest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_holds() {
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc").to_string(), want);
    }
}
