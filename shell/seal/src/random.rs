//! Random bytes from the operating system, and identifiers made of them.

use reeve_model::Guid;

/// `N` random bytes from the kernel.
///
/// Ends the process when the kernel has none to give: going on with guessable keys is the one outcome
/// that must not happen, and on Linux this cannot fail once the system has booted.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0u8; N];
    fill(&mut out);
    out
}

/// Fills the buffer with random bytes. As [`bytes`].
pub fn fill(buffer: &mut [u8]) {
    if let Err(error) = getrandom::fill(buffer) {
        eprintln!("the kernel gives no random bytes ({error}); ending, because no key may be guessable");
        std::process::abort();
    }
}

/// A version 7 GUID: 48 bits of milliseconds since 1970, 74 random bits. Sorts by time of creation.
/// `wall_us` is microseconds since 1970 UTC; earlier times count as 1970.
#[must_use]
pub fn guid_v7(wall_us: i64) -> Guid {
    let mut out: [u8; 16] = bytes();
    let millis = u64::try_from(wall_us / 1_000).unwrap_or(0).to_be_bytes();
    out[..6].copy_from_slice(&millis[2..]);
    out[6] = 0x70 | (out[6] & 0x0f);
    out[8] = 0x80 | (out[8] & 0x3f);
    Guid(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_have_version_and_variant_and_sort_by_time() {
        // The time of the example in RFC 9562, appendix A.6.
        let guid = guid_v7(0x017F_22E2_79B0 * 1_000).to_string();
        assert!(guid.starts_with("017f22e2-79b0-7"), "{guid}");
        assert!(matches!(guid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{guid}");
        assert!(guid_v7(1_000_000) < guid_v7(1_001_000));
        assert_ne!(guid_v7(1), guid_v7(1));
        assert!(guid_v7(-5).to_string().starts_with("00000000-0000-7"));
    }
}
