//! A secret has no Clone.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    let _copy = secret.clone();
}
