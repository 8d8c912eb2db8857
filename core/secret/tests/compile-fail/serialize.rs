//! A secret has no Serialize.
use reeve_secret::Secret;

fn main() {
    let secret = Secret::new(b"hunter2".to_vec());
    let _text = serde_json::to_string(&secret);
}
