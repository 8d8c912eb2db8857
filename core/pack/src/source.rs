//! Bytes to text, and positions in it.

use crate::finding::{Finding, codes};
use std::ops::Range;
use std::sync::Arc;

/// Largest pack, bytes.
const PACK_BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of elements. Real packs stay below 40.
const DEPTH_MAX: usize = 200;
/// Most attributes of one element, and most elements.
const ELEMENTS_MAX: usize = 500_000;

/// A byte range of the text.
pub(crate) type Span = Range<usize>;

/// A pack's text with its line starts.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
    line_starts: Arc<[usize]>,
}

impl Source {
    /// Decodes bytes: UTF-8 with or without byte-order mark, UTF-16 with one. Refuses what is too large, too
    /// deep, or brings a document type: nothing in a pack may make the parser fetch or expand anything.
    pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Self, Finding> {
        let empty = Self::new(file, String::new());
        let refuse = |code, message: &str, help: &str| Err(empty.finding(code, message.to_owned(), 0..0, help));
        if bytes.len() > PACK_BYTES_MAX {
            return refuse(codes::TOO_LARGE, "the file is larger than 16 MiB", "split the pack");
        }
        let text = match encoding_rs::Encoding::for_bom(bytes) {
            Some((encoding, mark)) => {
                let (text, failed) = encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default());
                if failed {
                    return refuse(codes::ENCODING, "the text is not valid in the encoding of its byte-order mark", "save it as UTF-8");
                }
                text.into_owned()
            }
            None => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => return refuse(codes::ENCODING, "the text is neither UTF-8 nor UTF-16 with a byte-order mark", "save it as UTF-8"),
            },
        };
        let source = Self::new(file, text);
        source.scan()?;
        Ok(source)
    }

    fn new(file: &str, text: String) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        Self { file: file.into(), text: text.into(), line_starts: line_starts.into() }
    }

    /// A cheap look at the markup before the real parser, which recurses: depth, count, document type.
    fn scan(&self) -> Result<(), Finding> {
        let (mut depth, mut elements) = (0usize, 0usize);
        let mut rest: &str = &self.text;
        let mut at = 0;
        while let Some(open) = rest.find('<') {
            let after = rest.get(open..).unwrap_or_default();
            let start = at + open;
            let skip = |end: &str| after.find(end).map_or(after.len(), |found| found + end.len());
            let length = if after.starts_with("<!--") {
                skip("-->")
            } else if after.starts_with("<![CDATA[") {
                skip("]]>")
            } else if after.starts_with("<?") {
                skip("?>")
            } else if after.starts_with("<!") {
                return Err(self.finding(
                    codes::DOCTYPE,
                    "a document type is not allowed in a management pack".to_owned(),
                    start..start + 2,
                    "remove the <!DOCTYPE …> declaration",
                ));
            } else {
                let end = tag_end(after);
                if after.starts_with("</") {
                    depth = depth.saturating_sub(1);
                } else {
                    elements += 1;
                    if after.as_bytes().get(end.saturating_sub(2)) != Some(&b'/') {
                        depth += 1;
                    }
                }
                if depth > DEPTH_MAX || elements > ELEMENTS_MAX {
                    let message = format!("more than {DEPTH_MAX} nested elements, or more than {ELEMENTS_MAX} in all");
                    return Err(self.finding(codes::TOO_LARGE, message, start..start + 1, "this is not a management pack"));
                }
                end
            };
            at = start + length;
            rest = after.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// Line and column, from 1, in characters.
    pub(crate) fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset.min(self.text.len())).map_or(0, |t| t.chars().count()) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The line that holds the offset, without its end.
    pub(crate) fn line_at(&self, offset: usize) -> &str {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next.saturating_sub(1));
        self.text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// A finding at a place.
    pub(crate) fn finding(&self, code: crate::finding::Code, message: String, span: Span, help: &str) -> Finding {
        let (line, column) = self.position(span.start);
        let source_line = self.line_at(span.start).to_owned();
        let width = self.text.get(span.clone()).map_or(1, |t| t.lines().next().unwrap_or_default().chars().count());
        Finding {
            file: self.file.to_string(),
            code: code.code,
            severity: code.severity,
            message,
            line,
            column,
            help: help.to_owned(),
            source_line,
            underlined: u32::try_from(width.max(1)).unwrap_or(1),
        }
    }
}

/// End of a tag: the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), b) if b == open => quote = None,
            (None | Some(_), _) => {}
        }
    }
    text.len()
}
