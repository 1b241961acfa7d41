//! Cutting a master file into lines and their tokens (RFC 1035 section 5.1), as octets, so that nothing of it is lost.

use std::ops::Range;

/// A token: where it stands and how many parentheses are open there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) depth: usize,
}

/// One line in the sense of the format: parentheses join several lines of text.
#[derive(Debug)]
pub(super) struct Line {
    /// The tokens, comments and parentheses left out.
    pub(super) tokens: Vec<Token>,
    /// Where the next line begins.
    pub(super) end: usize,
    /// Where a line of text in it ends with a carriage return that is not the last octet of a comment.
    pub(super) carriage_return: Option<usize>,
}

/// What keeps a text from being cut, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: &'static str,
}

/// Cuts the line that begins at `start`.
pub(super) fn line(text: &[u8], start: usize) -> Result<Line, Fault> {
    let mut tokens = Vec::with_capacity(8);
    let (mut at, mut open, mut carriage_return) = (start, Vec::new(), None);
    while let Some(&octet) = text.get(at) {
        match octet {
            b'\n' | b'\r' => {
                carriage_return = carriage_return.or_else(|| (octet == b'\r').then_some(at));
                at = after_line_end(text, at);
                if open.is_empty() {
                    return Ok(Line { tokens, end: at, carriage_return });
                }
            }
            b' ' | b'\t' => at += 1,
            b';' => at = comment_end(text, at),
            b'(' => {
                open.push(at);
                at += 1;
            }
            b')' => {
                open.pop().ok_or(Fault { at, problem: "this parenthesis was never opened" })?;
                at += 1;
            }
            _ => {
                let end = token_end(text, at)?;
                tokens.push(Token { span: at..end, depth: open.len() });
                at = end;
            }
        }
    }
    match open.pop() {
        Some(at) => Err(Fault { at, problem: "this parenthesis is never closed" }),
        None => Ok(Line { tokens, end: at, carriage_return }),
    }
}

/// Returns where the line goes on after its end at `at`: LF, CR LF, or, as BIND and NSD read it, a lone CR.
fn after_line_end(text: &[u8], at: usize) -> usize {
    if text[at..].starts_with(b"\r\n") { at + 2 } else { at + 1 }
}

/// Returns where the LF stands that ends a comment, or a lone CR.
fn comment_end(text: &[u8], at: usize) -> usize {
    let end =
        text[at..].iter().position(|octet| matches!(octet, b'\n' | b'\r')).map_or(text.len(), |length| at + length);
    if text[end..].starts_with(b"\r\n") { end + 1 } else { end }
}

/// A token that begins with a quote ends with it; within another one a quoted part may hold anything, as in
/// `alpn="h2,h3"` (RFC 9460 section 2.1).
fn token_end(text: &[u8], start: usize) -> Result<usize, Fault> {
    if text[start] == b'"' {
        return quote_end(text, start);
    }
    let mut at = start;
    while let Some(&octet) = text.get(at) {
        at = match octet {
            b' ' | b'\t' | b'\n' | b'\r' | b';' | b'(' | b')' => break,
            b'"' => quote_end(text, at)?,
            b'\\' => escape_end(text, at)?,
            _ => at + 1,
        };
    }
    Ok(at)
}

fn quote_end(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start + 1;
    loop {
        at = match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => escape_end(text, at)?,
            Some(b'\n' | b'\r') | None => {
                return Err(Fault { at: start, problem: "this quote is not closed on its line" });
            }
            Some(_) => at + 1,
        };
    }
}

fn escape_end(text: &[u8], at: usize) -> Result<usize, Fault> {
    match text.get(at + 1) {
        Some(b'\n' | b'\r') | None => Err(Fault { at, problem: "this backslash has nothing to escape on its line" }),
        Some(_) => Ok(at + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<&str> {
        line(text.as_bytes(), 0).unwrap().tokens.into_iter().map(|token| &text[token.span]).collect()
    }

    #[test]
    fn comments_and_parentheses_are_not_tokens() {
        assert_eq!(tokens("a A 1.2.3.4 ; b (c"), ["a", "A", "1.2.3.4"]);
        assert_eq!(tokens("a SOA (b;x )\r\n 1)2\n"), ["a", "SOA", "b", "1", "2"]);
        assert_eq!(tokens(""), [""; 0]);
    }

    #[test]
    fn quotes_and_escapes_hide_what_they_hold() {
        assert_eq!(tokens(r#"a TXT "b ; ( \" c""d" e\;\ f"#), ["a", "TXT", r#""b ; ( \" c""#, r#""d""#, r"e\;\ f"]);
        assert_eq!(tokens(r#"a SVCB 1 . alpn="h2 ;" b"#), ["a", "SVCB", "1", ".", r#"alpn="h2 ;""#, "b"]);
    }

    #[test]
    fn a_line_ends_where_it_says() {
        for (text, end) in [("a\nb", 2), ("a\r\nb", 3), ("a\rb", 2), ("a", 1), ("a (\n)\nb", 6), (";x\r\n", 4)] {
            assert_eq!(line(text.as_bytes(), 0).unwrap().end, end, "{text:?}");
        }
    }

    #[test]
    fn a_carriage_return_behind_a_comment_belongs_to_it() {
        for (text, at) in
            [("a\r\n", Some(1)), ("a\rb", Some(1)), ("a (\r\n)\r\n", Some(3)), ("\r\n", Some(0)), (";x\rb", Some(2))]
        {
            assert_eq!(line(text.as_bytes(), 0).unwrap().carriage_return, at, "{text:?}");
        }
        for text in ["a\n", ";x\r\n", "a (;x\r\n)\n"] {
            assert_eq!(line(text.as_bytes(), 0).unwrap().carriage_return, None, "{text:?}");
        }
    }

    #[test]
    fn what_is_left_open_is_a_fault_at_its_place() {
        for (text, at) in [("a (\n\n", 2), ("a )", 2), ("a \"b\nc\"", 2), ("a b\\", 3), ("a b\\\nc", 3)] {
            assert_eq!(line(text.as_bytes(), 0).unwrap_err().at, at, "{text:?}");
        }
    }
}
