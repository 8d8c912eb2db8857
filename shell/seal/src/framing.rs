//! Messages on a local stream socket: a length (u32 big-endian), then that many bytes.

use std::io::{self, Read, Write};

/// Reads one message. `None` = the peer closed the connection between two messages.
///
/// # Errors
/// `InvalidData` when the length is above `bytes_max`, `UnexpectedEof` when the peer stopped in the
/// middle; the connection is of no more use then. Memory grows with what arrives, not with what was
/// announced.
pub fn read_message(stream: &mut impl Read, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0u8; 4];
    let mut have = 0;
    while have < head.len() {
        match stream.read(&mut head[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_be_bytes(head);
    if usize::try_from(length).map_or(true, |length| length > bytes_max) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message of {length} bytes is longer than the limit of {bytes_max}"),
        ));
    }
    let mut body = Vec::new();
    stream.take(length.into()).read_to_end(&mut body)?;
    if body.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(body))
}

/// Writes one message.
///
/// # Errors
/// `InvalidInput` when it is longer than `bytes_max`; nothing was written then.
pub fn write_message(stream: &mut impl Write, body: &[u8], bytes_max: usize) -> io::Result<()> {
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= bytes_max).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a message of {} bytes is longer than the limit of {bytes_max}", body.len()),
        )
    })?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    stream.write_all(&frame)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip_and_the_end_is_seen() {
        let mut wire = Vec::new();
        write_message(&mut wire, b"one", 10).unwrap();
        write_message(&mut wire, b"", 10).unwrap();
        let mut wire = wire.as_slice();
        assert_eq!(read_message(&mut wire, 10).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(read_message(&mut wire, 10).unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(read_message(&mut wire, 10).unwrap(), None);
    }

    #[test]
    fn too_long_and_cut_messages_are_errors() {
        assert_eq!(write_message(&mut Vec::new(), b"four", 3).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        for (bytes, kind) in [
            (&b"\0\0\0\x04four"[..], io::ErrorKind::InvalidData),
            (b"\xff\xff\xff\xff", io::ErrorKind::InvalidData),
            (b"\0\0\0\x03fo", io::ErrorKind::UnexpectedEof),
            (b"\0\0", io::ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(read_message(&mut &*bytes, 3).unwrap_err().kind(), kind, "{bytes:?}");
        }
    }
}
