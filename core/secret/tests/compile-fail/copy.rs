//! A secret moves; the first name for it is gone.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    let _moved = secret;
    let _again = secret;
}
