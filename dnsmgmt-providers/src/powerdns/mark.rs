//! Comments of ours. The server's comments belong to an RRset, ours to a value: so ours begin with the value that they are about,
//! and their account says whose they are. A person's comments are none of ours, whatever they say.

use dnsmgmt_core::record::{RecordData, RecordType};

use super::rrset::Comment;

/// The account of our comments.
pub(super) const ACCOUNT: &str = "dnsmgmt";
const AFTER_VALUE: &str = ": ";

/// Returns our comment about a value.
pub(super) fn of<'a>(data: &RecordData, comments: &'a [Comment]) -> Option<&'a str> {
    comments.iter().find_map(|comment| about(data, comment)).filter(|text| !text.is_empty())
}

/// Puts our comment about a value in the place of the one that is there; an empty one only takes that away. The same text again gets
/// a later time, so that others see that the value came anew.
pub(super) fn set(comments: &mut Vec<Comment>, data: &RecordData, text: Option<&str>) {
    let was = comments.iter().find(|comment| about(data, comment).is_some()).cloned();
    comments.retain(|comment| about(data, comment).is_none());
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let content = format!("{data}{AFTER_VALUE}{text}");
        let modified_at = was.filter(|was| was.content == content).and_then(|was| was.modified_at).map(|time| time + 1);
        comments.push(Comment { content, account: ACCOUNT.into(), modified_at });
    }
}

/// Returns the value that a comment of ours is about: the shortest beginning that reads as one and is spelled as we do.
pub(super) fn value(rtype: &RecordType, comment: &Comment) -> Option<RecordData> {
    let content = Some(&comment.content).filter(|_| comment.account == ACCOUNT)?;
    content.match_indices(AFTER_VALUE).find_map(|(end, _)| {
        let data = RecordData::parse(rtype, &content[..end]).ok()?;
        (data.to_string() == content[..end]).then_some(data)
    })
}

/// Returns what a comment says about the value, nothing where it is about another.
fn about<'a>(data: &RecordData, comment: &'a Comment) -> Option<&'a str> {
    let content = Some(&comment.content).filter(|_| comment.account == ACCOUNT)?;
    content.strip_prefix(&data.to_string())?.strip_prefix(AFTER_VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(rtype: &str, text: &str) -> RecordData {
        RecordData::parse(&rtype.parse().unwrap(), text).unwrap()
    }

    #[test]
    fn a_comment_comes_back_for_the_value_that_it_is_about() {
        for (rtype, text) in [
            ("A", "10.0.0.1"),
            ("AAAA", "fd00::"),
            ("CNAME", "target.example"),
            ("TXT", r#""a: \"b\": c""#),
            ("TXT", "\"\""),
            ("CAA", r#"0 issue "x: y""#),
            ("SRV", "0 5 5060 sip.example"),
        ] {
            let (data, mut comments) = (data(rtype, text), Vec::new());
            for said in ["ours: and more", ": ", "ü"] {
                set(&mut comments, &data, Some(said));
                assert_eq!(comments.len(), 1);
                assert_eq!(of(&data, &comments), Some(said), "{text}");
                assert_eq!(value(&data.rtype(), &comments[0]).as_ref(), Some(&data), "{text}");
            }
        }
    }

    #[test]
    fn other_comments_stay_as_they_are() {
        let (one, two) = (data("A", "10.0.0.1"), data("A", "10.0.0.2"));
        let note = Comment { content: "10.0.0.1: ask Ann".into(), account: "ann".into(), modified_at: Some(7) };
        let mut comments = vec![note.clone()];
        assert_eq!(of(&one, &comments), None, "it is a person's");
        set(&mut comments, &one, Some("ours"));
        set(&mut comments, &two, Some("ours too"));
        set(&mut comments, &one, None);
        assert_eq!((of(&one, &comments), of(&two, &comments)), (None, Some("ours too")));
        assert_eq!(comments[0], note);
    }
}
