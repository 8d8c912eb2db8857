//! The bytes are reached through expose() only.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    let _bytes = secret.0;
}
