//! An owned element tree with spans, decoupled from the parser.

use crate::finding::{Finding, codes};
use crate::source::{Source, Span};

/// Namespace of type-side configuration.
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// An element.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) is_xsd: bool,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) content: Vec<Content>,
    /// The start tag's name.
    pub(crate) span: Span,
}

/// An attribute.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The value.
    pub(crate) span: Span,
}

/// Content of an element.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Content {
    Text(String, Span),
    Element(Element),
}

impl Element {
    pub(crate) fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|c| match c {
            Content::Element(e) => Some(e),
            Content::Text(..) => None,
        })
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|c| c.name == name)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|a| a.value.as_str())
    }

    /// The element's own text, trimmed.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for content in &self.content {
            match content {
                Content::Text(text, _) => out.push_str(text),
                Content::Element(_) => {}
            }
        }
        out.trim().to_owned()
    }

    /// Where the text stands; the tag when there is none.
    pub(crate) fn text_span(&self) -> Span {
        let text = self.content.iter().find_map(|c| match c {
            Content::Text(text, span) if !text.trim().is_empty() => Some(span.clone()),
            Content::Text(..) | Content::Element(_) => None,
        });
        text.unwrap_or_else(|| self.span.clone())
    }
}

/// Parses the text.
pub(crate) fn parse(source: &Source) -> Result<Element, Finding> {
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: 2_000_000, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&source.text, options).map_err(|error| {
        let place = error.pos();
        let offset = offset_of(&source.text, place.row, place.col);
        source.finding(codes::NOT_WELL_FORMED, error.to_string(), offset..offset + 1, "mend the XML at this place")
    })?;
    Ok(convert(document.root_element()))
}

fn offset_of(text: &str, row: u32, column: u32) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(row.saturating_sub(1) as usize).map(str::len).sum();
    let in_line = text
        .get(line_start..)
        .unwrap_or_default()
        .chars()
        .take(column.saturating_sub(1) as usize)
        .map(char::len_utf8)
        .sum::<usize>();
    (line_start + in_line).min(text.len().saturating_sub(1))
}

fn convert(node: roxmltree::Node<'_, '_>) -> Element {
    let range = node.range();
    let name_start = range.start + 1;
    let mut element = Element {
        name: node.tag_name().name().to_owned(),
        is_xsd: node.tag_name().namespace() == Some(XSD),
        attributes: Vec::new(),
        content: Vec::new(),
        span: name_start..name_start + node.tag_name().name().len(),
    };
    for attribute in node.attributes() {
        let span = attribute.range_value();
        element.attributes.push(Attribute {
            name: attribute.name().to_owned(),
            value: attribute.value().to_owned(),
            span,
        });
    }
    for child in node.children() {
        if child.is_element() {
            element.content.push(Content::Element(convert(child)));
        } else if child.is_text()
            && let Some(text) = child.text()
        {
            match element.content.last_mut() {
                // Text around a comment or a CDATA section is one text: a comment can hide nothing in an expression.
                Some(Content::Text(known, span)) => {
                    known.push_str(text);
                    span.end = child.range().end;
                }
                Some(Content::Element(_)) | None => {
                    element.content.push(Content::Text(text.to_owned(), child.range()));
                }
            }
        }
    }
    element
}
