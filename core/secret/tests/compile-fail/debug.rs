//! A secret has no Debug.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    println!("{secret:?}");
}
