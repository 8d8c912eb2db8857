// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stack that children borrow between `clone3` and `execve`.

use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;

/// Bytes of stack; the child's frames need less than a tenth.
const SIZE: usize = 64 << 10;
/// Bytes below it that nobody may touch: an overflow ends the child instead of writing elsewhere.
const GUARD: usize = 64 << 10;

/// A mapping of its own, unmapped when dropped.
#[derive(Debug)]
pub(super) struct Stack {
    mapping: NonNull<c_void>,
}

impl Stack {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a fresh anonymous mapping, placed by the kernel, that nothing else refers to; its upper part
        // is then made accessible.
        unsafe {
            let mapping = libc::mmap(std::ptr::null_mut(), GUARD + SIZE, libc::PROT_NONE, flags, -1, 0);
            if mapping == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let stack = Self { mapping: NonNull::new(mapping).ok_or(io::ErrorKind::OutOfMemory)? };
            if libc::mprotect(stack.lowest(), SIZE, libc::PROT_READ | libc::PROT_WRITE) == -1 {
                return Err(io::Error::last_os_error());
            }
            Ok(stack)
        }
    }

    /// Lowest usable address. With [`Stack::size`] it gives the top, which is page-aligned.
    pub(super) fn lowest(&self) -> *mut c_void {
        // SAFETY: GUARD is inside the mapping.
        unsafe { self.mapping.as_ptr().byte_add(GUARD) }
    }

    pub(super) fn size(&self) -> usize {
        SIZE
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, has this size, and no child uses it: `spawn` returns only when the
        // child has left.
        unsafe { libc::munmap(self.mapping.as_ptr(), GUARD + SIZE) };
    }
}
