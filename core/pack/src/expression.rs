//! `$…$` expressions in text. Only known heads followed by `/`, `[` or `$` count: scripts are full of dollars.

/// A piece of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// As it stands.
    Literal(String),
    /// An expression.
    Expression(Expression),
}

/// An expression as the pack wrote it: names are not resolved yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expression {
    /// `$Config/A/B$`.
    Config(Vec<String>),
    /// `$Target/[Host/]*Property[Type="…"]/P$`.
    TargetProperty { hosts: u8, class: String, property: String },
    /// `$Target/[Host/]*Id$`.
    TargetId { hosts: u8 },
    /// `$Target/ManagementGroup/Name$`.
    ManagementGroupName,
    /// `$Target/ManagementGroup/Id$`.
    ManagementGroupId,
    /// `$MPElement$`.
    ThisElement,
    /// `$MPElement[Name="A!X"]$` and `…/P$`.
    Element { name: String, sub: Option<String> },
    /// `$Data/…$`.
    Data { default: Option<String>, xpath: String },
    /// `$RunAs[Name="…"]/Field$`.
    RunAs { profile: String, field: String },
    /// A known head whose rest cannot be read.
    Unreadable(String),
}

const HEADS: &[&str] = &["Config", "Target", "MPElement", "Data", "RunAs"];

/// Cuts text into pieces. Literal pieces are never empty.
pub(crate) fn parse(text: &str) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let after = rest.get(dollar + 1..).unwrap_or_default();
        match expression_at(after) {
            Some((expression, length)) => {
                literal.push_str(rest.get(..dollar).unwrap_or_default());
                if !literal.is_empty() {
                    out.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                out.push(Piece::Expression(expression));
                rest = after.get(length..).unwrap_or_default();
            }
            None => {
                literal.push_str(rest.get(..=dollar).unwrap_or_default());
                rest = after;
            }
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        out.push(Piece::Literal(literal));
    }
    out
}

/// Reads an expression behind its first dollar; gives its length with the closing dollar.
fn expression_at(text: &str) -> Option<(Expression, usize)> {
    let head = HEADS.iter().find(|head| {
        text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
            && matches!(text.as_bytes().get(head.len()), Some(b'/' | b'[' | b'$'))
    })?;
    let body = text.get(head.len()..)?;
    // Quoted text may hold dollars.
    let mut quote = None;
    let end = body.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '$') => Some(Some(at)),
        (None, '\n') => Some(None),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(open), c) if c == open => {
            quote = None;
            None
        }
        (None | Some(_), _) => None,
    });
    let (inner, length) = match end {
        Some(Some(end)) => (body.get(..end)?, head.len() + end + 1),
        // An expression that is never closed is an error, not a literal: its author meant something.
        Some(None) | None => return Some((Expression::Unreadable(format!("${}", first_line(text))), text.len())),
    };
    let unreadable = || Expression::Unreadable(format!("${head}{inner}$"));
    let parsed = match *head {
        "Config" => config(inner),
        "Target" => target(inner),
        "MPElement" => element(inner),
        "Data" => data(inner),
        _ => run_as(inner),
    };
    Some((parsed.unwrap_or_else(unreadable), length))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn config(inner: &str) -> Option<Expression> {
    let path: Vec<String> = inner.strip_prefix('/')?.split('/').map(str::to_owned).collect();
    let good = path.iter().all(|step| !step.is_empty() && !step.contains(['$', '[', '"']));
    good.then_some(Expression::Config(path))
}

fn target(inner: &str) -> Option<Expression> {
    let mut rest = inner.strip_prefix('/')?;
    let mut hosts = 0u8;
    while let Some(after) = rest.strip_prefix("Host/") {
        hosts = hosts.checked_add(1)?;
        rest = after;
    }
    match rest {
        "Id" => return Some(Expression::TargetId { hosts }),
        "ManagementGroup/Name" => return Some(Expression::ManagementGroupName),
        "ManagementGroup/Id" => return Some(Expression::ManagementGroupId),
        _ => {}
    }
    let (class, rest) = bracketed(rest.strip_prefix("Property")?, "Type")?;
    let property = rest.strip_prefix('/')?;
    let good = !property.is_empty() && !property.contains('/');
    good.then(|| Expression::TargetProperty { hosts, class, property: property.to_owned() })
}

fn element(inner: &str) -> Option<Expression> {
    if inner.is_empty() {
        return Some(Expression::ThisElement);
    }
    let (name, rest) = bracketed(inner, "Name")?;
    match rest.strip_prefix('/') {
        None if rest.is_empty() => Some(Expression::Element { name, sub: None }),
        Some(sub) if !sub.is_empty() => Some(Expression::Element { name, sub: Some(sub.to_owned()) }),
        Some(_) | None => None,
    }
}

fn data(inner: &str) -> Option<Expression> {
    let (default, rest) = match inner.starts_with('[') {
        true => {
            let (default, rest) = bracketed(inner, "Default")?;
            (Some(default), rest)
        }
        false => (None, inner),
    };
    let xpath = rest.strip_prefix('/')?;
    (!xpath.is_empty()).then(|| Expression::Data { default, xpath: xpath.to_owned() })
}

fn run_as(inner: &str) -> Option<Expression> {
    let (profile, rest) = bracketed(inner, "Name")?;
    let field = rest.strip_prefix('/')?;
    let good = !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric());
    good.then(|| Expression::RunAs { profile, field: field.to_owned() })
}

/// `[Key="value"]rest` with either quote.
fn bracketed<'a>(text: &'a str, key: &str) -> Option<(String, &'a str)> {
    let inner = text.strip_prefix('[')?.trim_start().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, rest) = inner.get(1..)?.split_once(quote)?;
    Some((value.to_owned(), rest.trim_start().strip_prefix(']')?))
}

/// Whether a field of an account is secret.
pub(crate) fn is_secret_field(field: &str) -> bool {
    !matches!(field, "UserName" | "Domain")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Expression {
        match parse(text).as_slice() {
            [Piece::Expression(expression)] => expression.clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_form_of_the_language_is_read() {
        assert_eq!(one("$Config/A/B$"), Expression::Config(vec!["A".into(), "B".into()]));
        assert_eq!(one("$config/A$"), Expression::Config(vec!["A".into()]));
        let property = |hosts| Expression::TargetProperty { hosts, class: "A!C".into(), property: "P".into() };
        assert_eq!(one("$Target/Property[Type=\"A!C\"]/P$"), property(0));
        assert_eq!(one("$Target/Host/Host/Property[Type='A!C']/P$"), property(2));
        assert_eq!(one("$Target/Id$"), Expression::TargetId { hosts: 0 });
        assert_eq!(one("$Target/ManagementGroup/Name$"), Expression::ManagementGroupName);
        assert_eq!(one("$MPElement$"), Expression::ThisElement);
        assert_eq!(one("$MPElement[Name=\"A!X\"]$"), Expression::Element { name: "A!X".into(), sub: None });
        assert_eq!(one("$MPElement[Name='X']/P$"), Expression::Element { name: "X".into(), sub: Some("P".into()) });
        let data = |default: Option<&str>, xpath: &str| Expression::Data { default: default.map(Into::into), xpath: xpath.into() };
        assert_eq!(one("$Data/Property[@Name='x']$"), data(None, "Property[@Name='x']"));
        assert_eq!(one("$Data[Default='0']/V$"), data(Some("0"), "V"));
        assert_eq!(one("$Data//*[local-name()=\"StdOut\"]$"), data(None, "/*[local-name()=\"StdOut\"]"));
        assert_eq!(one("$RunAs[Name=\"P\"]/UserName$"), Expression::RunAs { profile: "P".into(), field: "UserName".into() });
    }

    #[test]
    fn dollars_of_scripts_pass_unchanged() {
        for text in ["$x = $y", "cost: 5$", "$Target = 1", "$Database/x", "$(id -u)", "$$", "${Config}", ""] {
            let expected: Vec<Piece> = if text.is_empty() { vec![] } else { vec![Piece::Literal(text.into())] };
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_begins_as_an_expression_and_is_none_is_said() {
        for text in ["$Config/A", "$Config/$", "$Config/A[1]$", "$Target/$", "$Target/Property/P$", "$RunAs[Name=\"P\"]$", "$MPElement[X]$"] {
            assert!(
                parse(text).iter().any(|p| matches!(p, Piece::Expression(Expression::Unreadable(_)))),
                "{text}: {:?}",
                parse(text)
            );
        }
    }

    #[test]
    fn text_around_expressions_is_kept() {
        let pieces = parse("a$Config/A$b$c$Data/X$");
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces[2], Piece::Literal("b$c".into()));
    }
}
