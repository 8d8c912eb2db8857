//! HMAC-SHA256, made and checked.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA256 (RFC 2104) of the bytes. Any key length; 32 random bytes is what callers use.
#[must_use]
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    keyed(key, bytes).finalize().into_bytes().into()
}

/// Whether `mac` is the HMAC-SHA256 of the bytes. Constant time in the contents; a MAC of another
/// length than 32 bytes is wrong, never truncated.
#[must_use]
pub fn verify_hmac_sha256(key: &[u8], bytes: &[u8], mac: &[u8]) -> bool {
    keyed(key, bytes).verify_slice(mac).is_ok()
}

fn keyed(key: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = match <Hmac<Sha256> as Mac>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of every length"),
    };
    mac.update(bytes);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_holds() {
        // RFC 4231, test case 2.
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(verify_hmac_sha256(b"Jefe", b"what do ya want for nothing?", &mac));
    }

    #[test]
    fn another_key_other_bytes_or_a_cut_mac_do_not_verify() {
        let mac = hmac_sha256(b"key", b"bytes");
        assert!(!verify_hmac_sha256(b"yek", b"bytes", &mac));
        assert!(!verify_hmac_sha256(b"key", b"bytez", &mac));
        assert!(!verify_hmac_sha256(b"key", b"bytes", &mac[..16]));
        assert!(!verify_hmac_sha256(b"key", b"bytes", b""));
    }
}
