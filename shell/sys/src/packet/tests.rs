use super::*;
use std::io::{Read, Write};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn receive(fd: &OwnedFd) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let mut buffer = Vec::new();
    Ok(recv_with_fds(fd, &mut buffer, 1 << 20)?.map(|fds| (buffer, fds)))
}

#[test]
fn messages_of_every_size_arrive_whole() {
    let (a, b) = pair().unwrap();
    for length in [1, 2, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 1 << 20] {
        let message: Vec<u8> = (0..length).map(|i| (i % 250 + 1) as u8).collect();
        send(&a, &message).unwrap();
        let (received, fds) = receive(&b).unwrap().unwrap();
        assert!(received == message, "{length}");
        assert!(fds.is_empty());
    }
    assert_eq!(receive(&b).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(a);
    assert!(receive(&b).unwrap().is_none());
}

#[test]
fn descriptors_arrive_with_small_and_large_messages() {
    let (a, b) = pair().unwrap();
    for length in [5, 1 << 18] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        send_with_fds(&a, &vec![7; length], &[writer.as_fd()]).unwrap();
        drop(writer);
        let (_, mut fds) = receive(&b).unwrap().unwrap();
        std::io::PipeWriter::from(fds.pop().unwrap()).write_all(b"through").unwrap();
        assert!(fds.is_empty());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }
}

// Counts descriptors of the whole process, so nothing else may open any meanwhile: nextest runs each test in
// a process of its own, and under `cargo test` the difference is taken as an upper bound.
#[test]
fn a_peer_that_breaks_the_rules_gets_an_error_and_leaks_nothing() {
    let (a, b) = pair().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let before = open_descriptors();
    for _ in 0..64 {
        // More descriptors than a message may carry: sent by hand, since `send_with_fds` refuses.
        assert!(send_with_fds(&a, b"x", &[null.as_fd(); FDS_MAX + 1]).is_err());
        raw_send(&a, b"x", &[null.as_raw_fd(); FDS_MAX + 3]);
        assert_eq!(receive(&b).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // A large message whose memory file is an ordinary file, and one without any.
        send_packet(a.as_fd(), &LARGE, &[null.as_fd()]).unwrap();
        assert!(receive(&b).is_err());
        send_packet(a.as_fd(), &LARGE, &[]).unwrap();
        assert_eq!(receive(&b).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // Longer than the receiver allows, both ways of travelling.
        for length in [2000, INLINE_BYTES_MAX + 1] {
            send_with_fds(&a, &vec![1; length], &[null.as_fd()]).unwrap();
            assert!(recv_with_fds(&b, &mut Vec::new(), 1000).is_err());
        }
    }
    assert!(open_descriptors() < before + 32, "descriptors leak");
}

fn raw_send(fd: &OwnedFd, bytes: &[u8], fds: &[RawFd]) {
    let mut control = [0u64; 16];
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: as in `send_packet`; `control` has 128 bytes, enough for a header and 28 descriptors.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        let payload = size_of_val(fds) as u32;
        message.msg_controllen = libc::CMSG_SPACE(payload) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(payload) as _;
        std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(header).cast(), fds.len());
        check_len(libc::sendmsg(fd.as_raw_fd(), &raw const message, 0)).unwrap();
    }
}

#[test]
fn a_listener_replaces_a_stale_socket_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    drop(listen(&path).unwrap());
    let listener = listen(&path).unwrap();
    let client = connect(&path).unwrap();
    let server = accept(&listener).unwrap().unwrap();
    assert!(accept(&listener).unwrap().is_none());
    // SAFETY: geteuid cannot fail.
    assert_eq!(peer(&server).unwrap().uid, unsafe { libc::geteuid() });
    send(&client, b"hello").unwrap();
    assert_eq!(receive(&server).unwrap().unwrap().0, b"hello");
    let file = directory.path().join("f");
    std::fs::write(&file, "precious").unwrap();
    assert!(listen(&file).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
