//! The mark that we leave in the comments of our records, where a provider keeps comments.

/// The text of the mark where none is configured.
pub const DEFAULT_TEMPLATE: &str = "managed by dnsmgmt, owner {owner}";

/// What stands in a template for the owner id.
pub const OWNER: &str = "{owner}";

/// The mark of one database: a text that names its owner id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMark {
    comment: String,
}

impl OwnMark {
    /// Returns the mark of an owner id, `owner_id`, in the text of `template`.
    pub fn new(template: &str, owner_id: &str) -> Result<Self, OwnMarkError> {
        check_template(template)?;
        if !is_owner_id(owner_id) {
            return Err(OwnMarkError::Owner { owner_id: owner_id.into() });
        }
        Ok(Self { comment: template.replacen(OWNER, owner_id, 1) })
    }

    /// Returns the comment, nothing where it has more characters than `limit`: a mark that is cut off names somebody else.
    pub fn comment(&self, limit: usize) -> Option<String> {
        (self.comment.chars().count() <= limit).then(|| self.comment.clone())
    }
}

/// Returns the owner id that a comment names in the text of `template`, nothing where it is another text.
pub fn owner_in(template: &str, comment: &str) -> Option<String> {
    let (before, after) = template.split_once(OWNER)?;
    let owner_id = comment.strip_prefix(before)?.strip_suffix(after)?;
    is_owner_id(owner_id).then(|| owner_id.into())
}

/// Checks that a template says where the owner id stands, once, on one line.
pub fn check_template(template: &str) -> Result<(), OwnMarkError> {
    match template.matches(OWNER).count() {
        _ if template.contains(char::is_control) => Err(OwnMarkError::Control),
        // Providers trim comments, and the mark would not be found again.
        _ if template.trim() != template => Err(OwnMarkError::Blank),
        1 => Ok(()),
        0 => Err(OwnMarkError::NoOwner),
        _ => Err(OwnMarkError::Owners),
    }
}

/// Returns whether the text can be an owner id: 1 to 63 of the characters A-Z a-z 0-9 - _ .
pub fn is_owner_id(text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    (1..=63).contains(&text.len()) && text.bytes().all(plain)
}

/// Why there is no mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnMarkError {
    /// The owner id has no place.
    #[error("the comment does not contain `{OWNER}`, which stands for the owner id")]
    NoOwner,
    /// The owner id has several places.
    #[error("the comment contains `{OWNER}` more than once")]
    Owners,
    /// It is not one line of text.
    #[error("the comment has more than one line, or control characters")]
    Control,
    /// It would not come back as it was sent.
    #[error("the comment begins or ends with a blank")]
    Blank,
    /// The owner id cannot be told from the text around it.
    #[error("`{owner_id}` is not an owner id, which is 1 to 63 of the characters A-Z a-z 0-9 - _ .")]
    Owner {
        /// What was to be one.
        owner_id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_names_an_owner() {
        let comment = OwnMark::new(DEFAULT_TEMPLATE, "9f0c2a7d51e86b34").unwrap().comment(100).unwrap();
        assert_eq!(comment, "managed by dnsmgmt, owner 9f0c2a7d51e86b34");
        assert_eq!(owner_in(DEFAULT_TEMPLATE, &comment).as_deref(), Some("9f0c2a7d51e86b34"));
        for other in [
            "",
            "managed by dnsmgmt, owner ",
            "managed by dnsmgmt, owner a b",
            "Managed by dnsmgmt, owner a",
            "x managed by dnsmgmt, owner a",
            "managed by dnsmgmt, owner {owner}",
        ] {
            assert_eq!(owner_in(DEFAULT_TEMPLATE, other), None, "{other}");
        }
        assert_eq!(owner_in("[{owner}]", "[a]").as_deref(), Some("a"));
        assert_eq!(owner_in("ab{owner}ba", "aba"), None, "the fixed parts do not overlap");
    }

    #[test]
    fn a_mark_that_does_not_fit_is_none() {
        let mark = OwnMark::new("ü{owner}", "ab").unwrap();
        assert_eq!(mark.comment(3).as_deref(), Some("üab"), "characters count, not octets");
        assert_eq!(mark.comment(2), None);
    }

    #[test]
    fn templates_and_owner_ids_that_could_not_be_read_back_are_refused() {
        assert_eq!(check_template("ours"), Err(OwnMarkError::NoOwner));
        assert_eq!(check_template("{owner} {owner}"), Err(OwnMarkError::Owners));
        assert_eq!(check_template("a\n{owner}"), Err(OwnMarkError::Control));
        assert_eq!(check_template("{owner} "), Err(OwnMarkError::Blank));
        for owner_id in ["", "a b", "ü", "{owner}", &"a".repeat(64)] {
            assert!(OwnMark::new(DEFAULT_TEMPLATE, owner_id).is_err(), "{owner_id}");
        }
    }
}
