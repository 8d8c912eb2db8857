//! A secret has no ==, which would compare in variable time.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    let _same = secret == Secret::new(Vec::new());
}
