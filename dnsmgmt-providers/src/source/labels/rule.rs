//! The hosts that a rule of Traefik's lets in.
//!
//! Read whole, as Traefik reads it (Traefik docs, "Rules & Priority"): a host that stands behind a `!`, directly or around a
//! bracket, is one that is kept out.

use dnsmgmt_core::name::Name;

use super::shown;
use super::text::host_name;

/// How deep brackets may stand in each other.
const DEEPEST: usize = 64;

/// Returns the hosts of `Host(...)` and `HostSNI(...)` in the order of the rule, each once. A rule without them has none, and so has
/// `` HostSNI(`*`) ``, which means every host. The older form `Host:a.example,b.example;PathPrefix:/` is read too.
///
/// # Errors
/// If it is no rule, or a host in it is no host name: a sentence without the rule's place.
pub fn hosts(rule: &str) -> Result<Vec<Name>, String> {
    let wrong = |why: String| format!("{} is not a rule of Traefik's: {why}", shown(rule));
    let found = if is_old(rule) { old(rule) } else { Parser::new(rule).whole().map_err(wrong)? };
    let mut names = Vec::new();
    for host in found.iter().filter(|host| *host != "*") {
        let name = host_name(host, false)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The form of Traefik 1.
fn is_old(rule: &str) -> bool {
    let word = rule.split_once(':').map_or("", |(word, _)| word.trim());
    !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

fn old(rule: &str) -> Vec<String> {
    let hosts = rule.split(';').filter_map(|part| part.split_once(':')).filter(|(word, _)| is_host(word.trim()));
    hosts.flat_map(|(_, list)| super::text::words(list)).map(str::to_owned).collect()
}

/// Traefik knows its matchers in any case. `HostHeader` is what Traefik 2 also called `Host`.
fn is_host(word: &str) -> bool {
    ["Host", "HostSNI", "HostHeader"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    hosts: Vec<String>,
}

impl<'a> Parser<'a> {
    fn new(rule: &'a str) -> Self {
        Self { rest: rule, depth: 0, hosts: Vec::new() }
    }

    fn whole(mut self) -> Result<Vec<String>, String> {
        self.either(true)?;
        match self.peek() {
            None => Ok(self.hosts),
            Some(next) => Err(format!("`{}` was not expected", next.escape_debug())),
        }
    }

    /// `a || b`; `lets_in` is whether what matches is let in.
    fn either(&mut self, lets_in: bool) -> Result<(), String> {
        self.both(lets_in)?;
        while self.take("||") {
            self.both(lets_in)?;
        }
        Ok(())
    }

    fn both(&mut self, lets_in: bool) -> Result<(), String> {
        self.one(lets_in)?;
        while self.take("&&") {
            self.one(lets_in)?;
        }
        Ok(())
    }

    fn one(&mut self, mut lets_in: bool) -> Result<(), String> {
        while self.take("!") {
            lets_in = !lets_in;
        }
        if self.take("(") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(format!("more than {DEEPEST} brackets stand in each other"));
            }
            self.either(lets_in)?;
            self.depth -= 1;
            return self.expect(")");
        }
        let word = self.word()?;
        let arguments = self.arguments()?;
        if lets_in && is_host(word) {
            if arguments.is_empty() {
                return Err(format!("`{word}()` names no host"));
            }
            self.hosts.extend(arguments);
        }
        Ok(())
    }

    fn word(&mut self) -> Result<&'a str, String> {
        self.peek();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("a matcher such as `Host(...)` is missing".into());
        }
        self.rest = rest;
        Ok(word)
    }

    fn arguments(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.quoted()?);
            if self.take(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }

    /// In backquotes nothing is escaped; in quotes a backslash takes what follows as it is.
    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.peek().filter(|c| matches!(c, '`' | '"' | '\''));
        let quote = quote.ok_or("an argument stands in quotes or backquotes")?;
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' if quote != '`' => escaped = true,
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err("a quote is not closed".into())
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.take(token) {
            true => Ok(()),
            false => Err(format!("`{token}` is missing")),
        }
    }
}
