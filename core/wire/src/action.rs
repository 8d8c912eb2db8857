//! Action templates: the code a run executes, signed for by digest.
//!
//! A template holds everything but values. The agent chooses values; it cannot choose code,
//! because the broker runs a template only when the signed manifest lists its digest.

/// One acting module. Its digest is SHA-256 over its encoded bytes.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ActionTemplate {
    /// Leaf module type, for messages.
    #[prost(string, tag = "1")]
    pub module: String,
    /// What to run.
    #[prost(oneof = "Act", tags = "2, 3, 4")]
    pub act: Option<Act>,
    /// Seconds; 0 = default.
    #[prost(uint32, tag = "5")]
    pub timeout_s: u32,
    /// Bytes kept of each output; 0 = default.
    #[prost(uint32, tag = "6")]
    pub output_bytes_max: u32,
}

/// The acting modules of this version.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum Act {
    /// Text for `/bin/sh`.
    #[prost(message, tag = "2")]
    Shell(ShellCommand),
    /// A script with its interpreter.
    #[prost(message, tag = "3")]
    Script(Script),
    /// A program and its arguments, no shell.
    #[prost(message, tag = "4")]
    Exec(Exec),
}

/// Text handed to `/bin/sh` through the sealed memfd, never on a command line.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ShellCommand {
    /// The command text. Values are checked against the safe characters before they go in.
    #[prost(message, repeated, tag = "1")]
    pub text: Vec<Piece>,
}

/// A script body, run as `interpreter [arg] /dev/fd/3 arguments…` on a sealed memfd.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Script {
    /// The body. Its first line may be a shebang, which the host parses; else `/bin/sh`.
    /// Values are checked like shell text.
    #[prost(message, repeated, tag = "1")]
    pub body: Vec<Piece>,
    /// Arguments; values are unrestricted here.
    #[prost(message, repeated, tag = "2")]
    pub arguments: Vec<Text>,
}

/// A program and its argument vector.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Exec {
    /// Absolute path, without values.
    #[prost(string, tag = "1")]
    pub program: String,
    /// Arguments; values are unrestricted here.
    #[prost(message, repeated, tag = "2")]
    pub arguments: Vec<Text>,
    /// Working directory; empty = `/`.
    #[prost(string, tag = "3")]
    pub working_directory: String,
}

/// Text made of pieces.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Text {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<Piece>,
}

/// A literal, or the place of a value.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Piece {
    /// One of the two.
    #[prost(oneof = "PieceKind", tags = "1, 2")]
    pub kind: Option<PieceKind>,
}

/// What a piece is.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum PieceKind {
    /// Text as it stands.
    #[prost(string, tag = "1")]
    Literal(String),
    /// Name of a value in the run request: the expression as the pack wrote it, without the dollars.
    #[prost(string, tag = "2")]
    Value(String),
}

impl Piece {
    /// A literal piece.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self { kind: Some(PieceKind::Literal(text.into())) }
    }

    /// A value piece.
    #[must_use]
    pub fn value(name: impl Into<String>) -> Self {
        Self { kind: Some(PieceKind::Value(name.into())) }
    }
}
