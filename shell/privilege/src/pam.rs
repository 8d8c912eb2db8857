//! PAM, through the library's own interface. Built without its headers: the declarations below are the
//! published ones.

use reeve_secret::Secret;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const PERM_DENIED: c_int = 6;
const AUTH_ERR: c_int = 7;
const CRED_INSUFFICIENT: c_int = 8;
const AUTHINFO_UNAVAIL: c_int = 9;
const USER_UNKNOWN: c_int = 10;
const MAXTRIES: c_int = 11;
const NEW_AUTHTOK_REQD: c_int = 12;
const ACCT_EXPIRED: c_int = 13;
const CONV_ERR: c_int = 19;
const AUTHTOK_EXPIRED: c_int = 27;

const ITEM_USER: c_int = 2;
const PROMPT_ECHO_OFF: c_int = 1;
const DISALLOW_NULL_AUTHTOK: c_int = 1;
const ESTABLISH_CRED: c_int = 2;
const DELETE_CRED: c_int = 4;
const SILENT: c_int = 0x8000;
/// Longest conversation that is answered.
const MESSAGES_MAX: c_int = 32;

#[repr(C)]
struct PamHandle {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    answer: extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

// Named by its file, so that building needs no development package.
#[link(name = "libpam.so.0", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn pam_start(service: *const c_char, user: *const c_char, conversation: *const Conversation, handle: *mut *mut PamHandle) -> c_int;
    fn pam_end(handle: *mut PamHandle, status: c_int) -> c_int;
    fn pam_authenticate(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_get_item(handle: *const PamHandle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_strerror(handle: *mut PamHandle, code: c_int) -> *const c_char;
}

/// What a failure says about the credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The password is wrong, or there is no such user: it will be wrong again.
    BadCredential,
    /// The password is right and the account may not log on: expired, locked, not permitted here.
    NotPermitted,
    /// PAM could not find out: the directory is away, a module is broken.
    Inconclusive,
}

/// Why a logon failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{step}: {message}")]
pub struct Failure {
    /// What was attempted.
    pub step: &'static str,
    /// PAM's own words.
    pub message: String,
    /// What it means.
    pub verdict: Verdict,
}

fn verdict(code: c_int) -> Verdict {
    match code {
        AUTH_ERR | USER_UNKNOWN | MAXTRIES | CRED_INSUFFICIENT => Verdict::BadCredential,
        PERM_DENIED | ACCT_EXPIRED | NEW_AUTHTOK_REQD | AUTHTOK_EXPIRED => Verdict::NotPermitted,
        AUTHINFO_UNAVAIL => Verdict::Inconclusive,
        _ => Verdict::Inconclusive,
    }
}

/// What the conversation may answer.
struct Answers {
    password: Option<Secret>,
}

/// A logon in progress. Dropping it ends it: the session is closed, credentials are deleted.
///
/// Modules change the process they run in, so this belongs into a single-threaded process of its own.
pub struct Logon {
    handle: *mut PamHandle,
    answers: Box<Answers>,
    user: String,
    has_credentials: bool,
    has_session: bool,
    status: c_int,
}

impl Logon {
    /// Begins a logon of `user` through a PAM service. The password answers hidden prompts and nothing else.
    ///
    /// # Errors
    /// The service or the library is not usable.
    pub fn start(service: &str, user: &str, password: Option<Secret>) -> Result<Self, Failure> {
        let unusable = |message: &str| Failure {
            step: "start PAM",
            message: message.to_owned(),
            verdict: Verdict::Inconclusive,
        };
        let service = CString::new(service).map_err(|_| unusable("the service name holds NUL"))?;
        let c_user = CString::new(user).map_err(|_| unusable("the user name holds NUL"))?;
        let mut answers = Box::new(Answers { password });
        let conversation = Conversation { answer, data: (&raw mut *answers).cast() };
        let mut handle = ptr::null_mut();
        // SAFETY: the strings live for the call; PAM copies them and the conversation. `answers` is boxed and lives
        // as long as the handle, which `Drop` ends first.
        let code = unsafe { pam_start(service.as_ptr(), c_user.as_ptr(), &raw const conversation, &raw mut handle) };
        if code != SUCCESS || handle.is_null() {
            return Err(unusable("the library refused to start"));
        }
        Ok(Self { handle, answers, user: user.to_owned(), has_credentials: false, has_session: false, status: SUCCESS })
    }

    fn step(&mut self, step: &'static str, code: c_int) -> Result<(), Failure> {
        self.status = code;
        if code == SUCCESS {
            return Ok(());
        }
        // SAFETY: pam_strerror returns a static string, or null.
        let message = unsafe {
            let text = pam_strerror(self.handle, code);
            if text.is_null() { format!("code {code}") } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Err(Failure { step, message, verdict: verdict(code) })
    }

    /// Checks the password. Accounts without one cannot log on this way.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn authenticate(&mut self) -> Result<(), Failure> {
        // SAFETY: the handle is live.
        let code = unsafe { pam_authenticate(self.handle, DISALLOW_NULL_AUTHTOK | SILENT) };
        // The password has done its work; it is wiped before anything else happens.
        self.answers.password = None;
        self.step("the password was not accepted", code)
    }

    /// Whether the account may log on here and now. Always called, also without a password.
    ///
    /// # Errors
    /// PAM's answer: expired, locked, not permitted.
    pub fn check_account(&mut self) -> Result<(), Failure> {
        // SAFETY: the handle is live.
        let code = unsafe { pam_acct_mgmt(self.handle, DISALLOW_NULL_AUTHTOK | SILENT) };
        self.step("the account may not log on", code)?;
        self.check_user()
    }

    /// A module may have changed the user; then this is not the logon that was asked for.
    fn check_user(&mut self) -> Result<(), Failure> {
        let mut value = ptr::null();
        // SAFETY: the handle is live; on success `value` is a string of PAM's, valid until the next call.
        let same = unsafe {
            pam_get_item(self.handle, ITEM_USER, &raw mut value) == SUCCESS
                && !value.is_null()
                && CStr::from_ptr(value.cast()).to_bytes() == self.user.as_bytes()
        };
        if same {
            return Ok(());
        }
        Err(Failure {
            step: "the logon was refused",
            message: "a PAM module changed the user".to_owned(),
            verdict: Verdict::NotPermitted,
        })
    }

    /// Establishes credentials and opens the session.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn open(&mut self) -> Result<(), Failure> {
        // SAFETY: the handle is live.
        let code = unsafe { pam_setcred(self.handle, ESTABLISH_CRED | SILENT) };
        self.step("the credentials could not be established", code)?;
        self.has_credentials = true;
        // SAFETY: the handle is live.
        let code = unsafe { pam_open_session(self.handle, SILENT) };
        self.step("the session could not be opened", code)?;
        self.has_session = true;
        Ok(())
    }
}

impl Drop for Logon {
    fn drop(&mut self) {
        // SAFETY: the handle is live and ended exactly once; what fails here cannot be mended any more.
        unsafe {
            if self.has_session {
                pam_close_session(self.handle, SILENT);
            }
            if self.has_credentials {
                pam_setcred(self.handle, DELETE_CRED | SILENT);
            }
            pam_end(self.handle, self.status);
        }
    }
}

/// Answers a module: the password to a hidden prompt, nothing to anything else.
extern "C" fn answer(count: c_int, messages: *mut *const Message, responses: *mut *mut Response, data: *mut c_void) -> c_int {
    if !(1..=MESSAGES_MAX).contains(&count) || messages.is_null() || responses.is_null() || data.is_null() {
        return CONV_ERR;
    }
    let length = usize::try_from(count).unwrap_or(0);
    // SAFETY: `data` is the `Answers` given to pam_start; PAM passes `count` messages, Linux-PAM as an array of
    // pointers. The array of responses and its strings come from the C allocator, as PAM frees them.
    unsafe {
        let answers = &*data.cast::<Answers>();
        let out = libc::calloc(length, size_of::<Response>()).cast::<Response>();
        if out.is_null() {
            return BUF_ERR;
        }
        for index in 0..length {
            let message = *messages.add(index);
            let is_hidden_prompt = !message.is_null() && (*message).style == PROMPT_ECHO_OFF;
            if let (true, Some(password)) = (is_hidden_prompt, &answers.password) {
                // Exposed into the buffer PAM asks for; PAM wipes and frees it.
                let bytes = password.expose();
                let text = libc::calloc(bytes.len() + 1, 1).cast::<c_char>();
                if text.is_null() {
                    free_responses(out, index);
                    return BUF_ERR;
                }
                ptr::copy_nonoverlapping(bytes.as_ptr().cast(), text, bytes.len());
                (*out.add(index)).text = text;
            }
        }
        *responses = out;
    }
    SUCCESS
}

/// Wipes and frees the first `count` responses.
unsafe fn free_responses(responses: *mut Response, count: usize) {
    // SAFETY: the caller passes an array of at least `count` responses from the C allocator.
    unsafe {
        for index in 0..count {
            let text = (*responses.add(index)).text;
            if !text.is_null() {
                let length = libc::strlen(text);
                for at in 0..length {
                    ptr::write_volatile(text.add(at), 0);
                }
                libc::free(text.cast());
            }
        }
        libc::free(responses.cast());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_by_what_they_say_of_the_credential() {
        for code in [AUTH_ERR, USER_UNKNOWN, MAXTRIES] {
            assert_eq!(verdict(code), Verdict::BadCredential);
        }
        for code in [ACCT_EXPIRED, NEW_AUTHTOK_REQD, PERM_DENIED, AUTHTOK_EXPIRED] {
            assert_eq!(verdict(code), Verdict::NotPermitted);
        }
        for code in [AUTHINFO_UNAVAIL, 3, 4, 26, 999] {
            assert_eq!(verdict(code), Verdict::Inconclusive);
        }
    }

    #[test]
    fn only_hidden_prompts_get_the_password() {
        let mut answers = Answers { password: Some(Secret::new(b"s3cret".to_vec())) };
        let message = |style| Message { style, text: c"?".as_ptr() };
        let (hidden, shown) = (message(PROMPT_ECHO_OFF), message(2));
        let mut messages = [&raw const hidden, &raw const shown];
        let mut responses = ptr::null_mut();
        let code = answer(2, messages.as_mut_ptr(), &raw mut responses, (&raw mut answers).cast());
        assert_eq!(code, SUCCESS);
        // SAFETY: `answer` succeeded and made two responses, freed below.
        unsafe {
            assert_eq!(CStr::from_ptr((*responses).text).to_bytes(), b"s3cret");
            assert!((*responses.add(1)).text.is_null());
            free_responses(responses, 2);
        }
        let mut responses = ptr::null_mut();
        assert_eq!(answer(99, messages.as_mut_ptr(), &raw mut responses, (&raw mut answers).cast()), CONV_ERR);
    }
}
