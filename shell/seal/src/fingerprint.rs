//! The fingerprint that people compare: over the three public keys of a computer.

use crate::digest::sha256;

/// First 16 bytes of SHA-256 over the length-prefixed digests and keys, as eight groups of four hexadecimal digits.
///
/// `tls_key_digest` is SHA-256 of the TLS public key (SPKI). A change of any of the three changes the text.
#[must_use]
pub fn of_keys(tls_key_digest: &[u8], sealing_key: &[u8], receipt_key: &[u8]) -> String {
    let mut bytes = b"reeve/1 fingerprint".to_vec();
    for part in [tls_key_digest, sealing_key, receipt_key] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let digest = sha256(&bytes).to_string();
    let groups: Vec<String> =
        digest.as_bytes().chunks(4).take(8).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_counts_and_boundaries_do_not_blur() {
        let base = of_keys(b"aa", b"bb", b"cc");
        assert_eq!(base.len(), 8 * 4 + 7);
        for other in [
            of_keys(b"ab", b"bb", b"cc"),
            of_keys(b"aa", b"bc", b"cc"),
            of_keys(b"aa", b"bb", b"cd"),
            of_keys(b"aab", b"b", b"cc"),
        ] {
            assert_ne!(base, other);
        }
    }
}
