//! From template and values to what is executed.

use reeve_wire::action::{Act, ActionTemplate, Piece, PieceKind, Text};
use reeve_wire::broker::NamedValue;
use std::ffi::CString;

/// Interpreter of shell text, and of scripts that name none.
const SHELL: &str = "/bin/sh";
/// Where the body of a script is, in the process that runs it.
const BODY: &str = "/dev/fd/3";
/// `PATH` of every run.
const SEARCH_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Longest shebang line, as the kernel's.
const SHEBANG_BYTES_MAX: usize = 255;

/// What to execute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Absolute path.
    pub program: CString,
    /// Arguments, the program's name first.
    pub arguments: Vec<CString>,
    /// Body for descriptor 3.
    pub body: Option<Vec<u8>>,
    /// Whether the body is the same for every run of the template.
    pub is_body_constant: bool,
    /// Working directory; empty = the account's home.
    pub directory: String,
}

/// Why nothing was started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotStarted {
    /// The template is of a kind this program does not know.
    #[error("this computer's host does not know the module {0}; it is older than the server")]
    UnknownModule(String),
    /// The request lacks a value.
    #[error("the value of ${0}$ is missing")]
    MissingValue(String),
    /// A value would change the shell text.
    #[error("the value of ${name}$ holds {character}, which may not stand in a command; the computer's policy can allow it")]
    UnsafeValue {
        /// The expression.
        name: String,
        /// The first bad character, escaped.
        character: String,
    },
    /// NUL cannot be part of an argument.
    #[error("an argument holds a NUL character")]
    Nul,
    /// The program of an argument vector is not an absolute path.
    #[error("the program `{0}` is not an absolute path")]
    NotAbsolute(String),
    /// The first line of the script cannot be used.
    #[error("the first line of the script names no usable interpreter")]
    Shebang,
}

/// Plans a run.
///
/// # Errors
/// [`NotStarted`]: nothing may be started then.
pub fn plan(template: &ActionTemplate, values: &[NamedValue], shell_characters: &str) -> Result<Plan, NotStarted> {
    let Some(act) = &template.act else { return Err(NotStarted::UnknownModule(template.module.clone())) };
    match act {
        Act::Shell(command) => {
            let body = shell_text(&command.text, values, shell_characters)?;
            Ok(Plan {
                program: c_string(SHELL)?,
                arguments: vec![c_string(SHELL)?, c_string(BODY)?],
                body: Some(body.into_bytes()),
                is_body_constant: is_constant(&command.text),
                directory: String::new(),
            })
        }
        Act::Script(script) => {
            let body = shell_text(&script.body, values, shell_characters)?;
            let (program, argument) = interpreter(&body)?;
            let mut arguments = vec![c_string(&program)?];
            arguments.extend(argument.map(|a| c_string(&a)).transpose()?);
            arguments.push(c_string(BODY)?);
            for text in &script.arguments {
                arguments.push(c_string(&free_text(text, values)?)?);
            }
            Ok(Plan {
                program: c_string(&program)?,
                arguments,
                body: Some(body.into_bytes()),
                is_body_constant: is_constant(&script.body),
                directory: String::new(),
            })
        }
        Act::Exec(exec) => {
            if !exec.program.starts_with('/') {
                return Err(NotStarted::NotAbsolute(exec.program.chars().take(200).collect()));
            }
            let mut arguments = vec![c_string(&exec.program)?];
            for text in &exec.arguments {
                arguments.push(c_string(&free_text(text, values)?)?);
            }
            Ok(Plan {
                program: c_string(&exec.program)?,
                arguments,
                body: None,
                is_body_constant: true,
                directory: exec.working_directory.clone(),
            })
        }
    }
}

fn c_string(text: &str) -> Result<CString, NotStarted> {
    CString::new(text).map_err(|_| NotStarted::Nul)
}

fn is_constant(pieces: &[Piece]) -> bool {
    pieces.iter().all(|p| matches!(p.kind, Some(PieceKind::Literal(_))))
}

fn value<'v>(name: &str, values: &'v [NamedValue]) -> Result<&'v str, NotStarted> {
    let found = values.iter().find(|v| v.name == name);
    found.map(|v| v.value.as_str()).ok_or_else(|| NotStarted::MissingValue(name.to_owned()))
}

/// Text that a shell or interpreter will read: a value may hold only characters that mean nothing to it.
fn shell_text(pieces: &[Piece], values: &[NamedValue], allowed: &str) -> Result<String, NotStarted> {
    let mut out = String::new();
    for piece in pieces {
        match &piece.kind {
            Some(PieceKind::Literal(text)) => out.push_str(text),
            Some(PieceKind::Value(name)) => {
                let value = value(name, values)?;
                if let Some(bad) = value.chars().find(|c| !is_safe(*c) && !allowed.contains(*c)) {
                    let character = bad.escape_default().to_string();
                    return Err(NotStarted::UnsafeValue { name: name.clone(), character });
                }
                out.push_str(value);
            }
            None => {}
        }
    }
    Ok(out)
}

/// `[A-Za-z0-9 _./:@%+=,-]`.
fn is_safe(character: char) -> bool {
    character.is_ascii_alphanumeric() || " _./:@%+=,-".contains(character)
}

/// Text that no shell reads: any value goes in unchanged.
fn free_text(text: &Text, values: &[NamedValue]) -> Result<String, NotStarted> {
    let mut out = String::new();
    for piece in &text.pieces {
        match &piece.kind {
            Some(PieceKind::Literal(text)) => out.push_str(text),
            Some(PieceKind::Value(name)) => out.push_str(value(name, values)?),
            None => {}
        }
    }
    Ok(out)
}

/// The interpreter of a script and its one argument, by the kernel's rule: everything after the first word.
fn interpreter(body: &str) -> Result<(String, Option<String>), NotStarted> {
    let Some(rest) = body.strip_prefix("#!") else { return Ok((SHELL.to_owned(), None)) };
    let line = rest.lines().next().unwrap_or_default().trim();
    if line.len() > SHEBANG_BYTES_MAX || !line.starts_with('/') {
        return Err(NotStarted::Shebang);
    }
    Ok(match line.split_once([' ', '\t']) {
        Some((program, argument)) => (program.to_owned(), Some(argument.trim().to_owned())),
        None => (line.to_owned(), None),
    })
}

/// The whole environment of a run. Nothing is inherited.
///
/// # Errors
/// A name holds NUL.
pub fn environment(user: &str, home: &str) -> Result<Vec<CString>, NotStarted> {
    let lines = [
        SEARCH_PATH.to_owned(),
        format!("HOME={home}"),
        format!("USER={user}"),
        format!("LOGNAME={user}"),
        format!("SHELL={SHELL}"),
        "LANG=C.UTF-8".to_owned(),
    ];
    lines.iter().map(|line| c_string(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reeve_wire::action::{Exec, Script, ShellCommand};

    fn value_of(value: &str) -> Vec<NamedValue> {
        vec![NamedValue { name: "Target/Name".into(), value: value.into() }]
    }

    fn shell(pieces: Vec<Piece>) -> ActionTemplate {
        ActionTemplate { act: Some(Act::Shell(ShellCommand { text: pieces })), ..ActionTemplate::default() }
    }

    fn exec(pieces: Vec<Piece>) -> ActionTemplate {
        let exec = Exec { program: "/bin/echo".into(), arguments: vec![Text { pieces }], working_directory: String::new() };
        ActionTemplate { act: Some(Act::Exec(exec)), ..ActionTemplate::default() }
    }

    const BAD: &[&str] = &[
        "a;id", "a|id", "a&id", "$(id)", "`id`", "a\nid", "a\rid", "a>f", "a<f", "a'b", "a\"b", "a\\b", "a*b", "a?b", "a~b",
        "a#b", "a!b", "a{b", "a}b", "a(b", "a)b", "a[b", "a]b", "a^b", "a\tb", "a\u{7f}b", "ä", "\u{202e}", "$Target/Id$",
    ];

    #[test]
    fn no_character_that_a_shell_reads_gets_into_shell_text() {
        for bad in BAD {
            let result = plan(&shell(vec![Piece::literal("echo "), Piece::value("Target/Name")]), &value_of(bad), "");
            assert!(matches!(result, Err(NotStarted::UnsafeValue { .. })), "{bad:?}");
        }
        let good = "AZaz09 _./:@%+=,-";
        let planned = plan(&shell(vec![Piece::literal("echo "), Piece::value("Target/Name")]), &value_of(good), "").unwrap();
        assert_eq!(planned.body.unwrap(), format!("echo {good}").into_bytes());
    }

    #[test]
    fn the_computers_policy_can_allow_more_characters() {
        let template = shell(vec![Piece::value("Target/Name")]);
        assert!(plan(&template, &value_of("a#b"), "#").is_ok());
        assert!(plan(&template, &value_of("a;b"), "#").is_err());
    }

    #[test]
    fn arguments_take_every_value_unchanged() {
        for bad in BAD {
            let planned = plan(&exec(vec![Piece::value("Target/Name")]), &value_of(bad), "").unwrap();
            assert_eq!(planned.arguments[1].to_str().unwrap(), *bad);
            assert_eq!(planned.arguments.len(), 2);
        }
        assert_eq!(plan(&exec(vec![Piece::value("Target/Name")]), &value_of("a\0b"), ""), Err(NotStarted::Nul));
    }

    #[test]
    fn a_missing_value_starts_nothing() {
        let result = plan(&exec(vec![Piece::value("Data/X")]), &value_of("x"), "");
        assert_eq!(result, Err(NotStarted::MissingValue("Data/X".into())));
    }

    #[test]
    fn interpreters_follow_the_kernels_rule() {
        let cases = [
            ("echo hi", Some(("/bin/sh", None))),
            ("#!/bin/bash\n", Some(("/bin/bash", None))),
            ("#! /usr/bin/env  python3 -u\nx", Some(("/usr/bin/env", Some("python3 -u")))),
            ("#!bash\n", None),
            ("#!\n", None),
        ];
        for (body, expected) in cases {
            let found = interpreter(body).ok();
            assert_eq!(found.as_ref().map(|(p, a)| (p.as_str(), a.as_deref())), expected, "{body}");
        }
    }

    #[test]
    fn a_script_is_named_by_its_descriptor_and_takes_arguments() {
        let script = Script {
            body: vec![Piece::literal("#!/bin/bash -e\necho $1")],
            arguments: vec![Text { pieces: vec![Piece::value("Target/Name")] }],
        };
        let template = ActionTemplate { act: Some(Act::Script(script)), ..ActionTemplate::default() };
        let planned = plan(&template, &value_of("a b;c"), "").unwrap();
        let arguments: Vec<&str> = planned.arguments.iter().map(|a| a.to_str().unwrap()).collect();
        assert_eq!(arguments, ["/bin/bash", "-e", "/dev/fd/3", "a b;c"]);
        assert!(planned.is_body_constant);
    }

    #[test]
    fn a_relative_program_is_refused() {
        let mut template = exec(vec![]);
        if let Some(Act::Exec(exec)) = &mut template.act {
            exec.program = "echo".into();
        }
        assert_eq!(plan(&template, &[], ""), Err(NotStarted::NotAbsolute("echo".into())));
    }

    proptest! {
        #[test]
        fn shell_text_never_grows_a_character_outside_the_safe_set(value in ".{0,40}") {
            if let Ok(planned) = plan(&shell(vec![Piece::value("Target/Name")]), &value_of(&value), "") {
                let body = String::from_utf8(planned.body.unwrap()).unwrap();
                prop_assert!(body.chars().all(is_safe));
                prop_assert_eq!(body, value);
            }
        }
    }
}
