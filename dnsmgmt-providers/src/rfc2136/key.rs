//! TSIG keys (RFC 8945), and the files of BIND and Knot that hold them.

use std::fmt;
use std::sync::Arc;

use dnsmgmt_core::name::Name;
use domain::tsig::{Algorithm, Key, KeyName};
use domain::utils::base64;
use secrecy::{ExposeSecret as _, SecretString};

/// The algorithms that a key may be for, the usual one first.
pub const ALGORITHMS: [&str; 3] = ["hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// A key with which messages are signed: its name, its algorithm and its secret, which nothing shows.
#[derive(Clone)]
pub struct TsigKey {
    name: Name,
    algorithm: Algorithm,
    key: Arc<Key>,
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({} {})", self.name, self.algorithm)
    }
}

impl TsigKey {
    /// Returns the key of that name; the algorithm is one of [`ALGORITHMS`], the secret is in base 64.
    pub fn new(name: &str, algorithm: &str, secret: &SecretString) -> Result<Self, KeyError> {
        let bad_name = || KeyError::Name { name: name.into() };
        let name = Name::parse(name).ok().filter(|name| !name.is_root()).ok_or_else(bad_name)?;
        let key_name: KeyName = name.with_dot().parse().map_err(|_| bad_name())?;
        let spelled = algorithm.trim_end_matches('.').to_ascii_lowercase();
        let known = ALGORITHMS.contains(&spelled.as_str()).then(|| spelled.parse::<Algorithm>().ok()).flatten();
        let algorithm = known.ok_or_else(|| KeyError::Algorithm { algorithm: algorithm.into() })?;
        let octets: Vec<u8> = base64::decode(secret.expose_secret().trim()).map_err(|_| KeyError::Secret)?;
        if octets.is_empty() {
            return Err(KeyError::Secret);
        }
        let key = Key::new(algorithm, &octets, key_name, None, None).map_err(|_| KeyError::Secret)?;
        Ok(Self { name, algorithm, key: Arc::new(key) })
    }

    /// Reads a key from the text of a file: BIND's `key "NAME" { algorithm ...; secret ...; };`, as `tsig-keygen` writes it, or Knot's
    /// list `key:` of `id`, `algorithm` and `secret`, as `keymgr` writes it. Where there are several, `name` chooses.
    pub fn from_file(text: &SecretString, name: Option<&str>) -> Result<Self, KeyError> {
        let text = text.expose_secret();
        let keys = if text.contains('{') { of_bind(text) } else { of_knot(text) };
        let keys = keys.ok_or(KeyError::File)?;
        let wanted =
            name.map(|name| Name::parse(name).map_err(|_| KeyError::Name { name: name.into() })).transpose()?;
        let is_meant =
            |key: &&Written| wanted.as_ref().is_none_or(|name| Name::parse(&key.name).ok().as_ref() == Some(name));
        let names = || keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>().join(", ");
        let mut meant = keys.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(key), None) => Self::new(&key.name, &key.algorithm, &key.secret),
            (None, _) => Err(KeyError::NoSuchKey { names: names() }),
            (Some(_), Some(_)) => Err(KeyError::SeveralKeys { names: names() }),
        }
    }

    /// Returns the key's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn key(&self) -> Arc<Key> {
        self.key.clone()
    }
}

/// A key as a file has it.
struct Written {
    name: String,
    algorithm: String,
    secret: SecretString,
}

impl Written {
    fn of(name: Option<String>, algorithm: Option<String>, secret: Option<String>) -> Option<Self> {
        Some(Self { name: name?, algorithm: algorithm?, secret: secret?.into() })
    }
}

/// Nothing for a text that is no list of keys. Other statements of a configuration are passed over.
fn of_bind(text: &str) -> Option<Vec<Written>> {
    let mut words = words(text)?.into_iter();
    let (mut keys, mut depth) = (Vec::new(), 0_usize);
    while let Some(word) = words.next() {
        match word.as_str() {
            "key" if depth == 0 => {
                let name = words.next()?;
                (words.next()? == "{").then_some(())?;
                let (mut algorithm, mut secret) = (None, None);
                loop {
                    match words.next()?.as_str() {
                        "algorithm" => algorithm = Some(words.next()?),
                        "secret" => secret = Some(words.next()?),
                        ";" => {}
                        "}" => break,
                        _ => return None,
                    }
                }
                keys.push(Written::of(Some(name), algorithm, secret)?);
            }
            "{" => depth += 1,
            "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// Returns the words and the signs `{`, `}` and `;` of BIND's configuration, without its comments. Nothing if a quote or a comment
/// is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") || first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if rest.starts_with("/*") {
            rest = rest[2..].split_once("*/")?.1;
        } else if first == '"' {
            let (word, after) = rest[1..].split_once('"')?;
            words.push(word.to_owned());
            rest = after;
        } else if first.is_whitespace() {
            rest = rest.trim_start();
        } else if matches!(first, '{' | '}' | ';') {
            words.push(first.to_string());
            rest = &rest[1..];
        } else {
            let end =
                rest.find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"')).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    Some(words)
}

/// Nothing for a text that is no list of keys. Other sections of a configuration are passed over.
fn of_knot(text: &str) -> Option<Vec<Written>> {
    let lines = text.lines().map(without_comment).filter(|line| !line.trim().is_empty());
    let section = lines.skip_while(|line| line.trim_end() != "key:").skip(1);
    let (mut keys, mut item): (Vec<Written>, Option<[Option<String>; 3]>) = (Vec::new(), None);
    let mut finish = |item: Option<[Option<String>; 3]>| {
        let Some([name, algorithm, secret]) = item else { return Some(()) };
        keys.push(Written::of(name, algorithm, secret)?);
        Some(())
    };
    for line in section.take_while(|line| line.starts_with([' ', '\t', '-'])) {
        let line = line.trim();
        let field = match line.strip_prefix('-') {
            Some(first) => {
                finish(item.replace([None, None, None]))?;
                first.trim_start()
            }
            None => line,
        };
        let (field, value) = field.split_once(':')?;
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        let [name, algorithm, secret] = item.as_mut()?;
        match field.trim() {
            "id" => *name = Some(value),
            "algorithm" => *algorithm = Some(value),
            "secret" => *secret = Some(value),
            _ => {}
        }
    }
    finish(item)?;
    (!keys.is_empty()).then_some(keys)
}

fn without_comment(line: &str) -> &str {
    match line.find('#') {
        Some(at) if at == 0 || line[..at].ends_with([' ', '\t']) => &line[..at],
        _ => line,
    }
}

/// Why there is no key. No text of a file stands in it but the names of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a key's name.
    #[error("`{name}` is not the name of a TSIG key, which is a domain name")]
    Name {
        /// As it was given.
        name: String,
    },
    /// Not an algorithm that we sign with.
    #[error("`{algorithm}` is not an algorithm for TSIG keys here; there are {}", ALGORITHMS.join(", "))]
    Algorithm {
        /// As it was given.
        algorithm: String,
    },
    /// A secret that is not base 64, or empty.
    #[error("the TSIG secret is not in base 64, as `tsig-keygen` and `keymgr` write it")]
    Secret,
    /// A file that is not one of keys.
    #[error(
        "no key is in it: expected BIND's `key \"NAME\" {{ algorithm ...; secret ...; }};` or Knot's `key:` with `id`, `algorithm` and `secret`"
    )]
    File,
    /// A file without the key.
    #[error("the key that is named is not in it; it has {names}")]
    NoSuchKey {
        /// Those that it has.
        names: String,
    },
    /// A file with several keys, of which none is named.
    #[error("several keys are in it: {names}; name one")]
    SeveralKeys {
        /// Those that it has.
        names: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND: &str = "// of ours\nkey \"One.\" {\n\talgorithm hmac-sha256; # usual\n\tsecret \"c2VjcmV0c2VjcmV0\";\n};\n/* and */ \
                        key two { secret c2VjcmV0; algorithm HMAC-SHA512; };\noptions { directory \"/\"; };\n";
    const KNOT: &str = "# hmac-sha256:one:c2VjcmV0c2VjcmV0\nserver:\n    listen: ::1@53\n\nkey:\n  - id: one.\n    algorithm: hmac-sha256\n    \
                        secret: \"c2VjcmV0c2VjcmV0\"  # here\n- id: two\n  algorithm: hmac-sha384\n  secret: c2VjcmV0\nzone:\n  - domain: example\n";

    fn read(text: &str, name: Option<&str>) -> Result<String, KeyError> {
        TsigKey::from_file(&text.into(), name).map(|key| format!("{key:?}"))
    }

    #[test]
    fn the_files_of_both_servers_are_read() {
        assert_eq!(read(BIND, Some("one")).unwrap(), "TsigKey(one hmac-sha256)");
        assert_eq!(read(BIND, Some("TWO.")).unwrap(), "TsigKey(two hmac-sha512)");
        assert_eq!(read(KNOT, Some("one")).unwrap(), "TsigKey(one hmac-sha256)");
        assert_eq!(read(KNOT, Some("two")).unwrap(), "TsigKey(two hmac-sha384)");
    }

    #[test]
    fn what_is_no_key_is_said_without_its_secret() {
        for (text, name) in [
            (BIND, None),
            (KNOT, Some("three")),
            ("key a { secret hunter2; };", None),
            ("key a { algorithm hmac-sha256; secret \"hunter2; };", None),
            ("key a { algorithm hmac-sha256; secret hunter2!; };", None),
            ("key a { algorithm hmac-md5; secret aHVudGVyMg==; };", None),
            ("key:\n  - id: a\n    secret: hunter2\n", None),
            ("hunter2", None),
            ("", None),
        ] {
            let error = read(text, name).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let key = TsigKey::new("a", "hmac-sha256", &"aHVudGVyMg==".into()).unwrap();
        assert_eq!(format!("{key:?}"), "TsigKey(a hmac-sha256)");
    }
}
