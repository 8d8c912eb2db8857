//! A secret cannot be printed, copied by accident, compared in the open or sent: none of it compiles.

#[test]
fn a_secret_cannot_be_printed_copied_compared_or_sent() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
