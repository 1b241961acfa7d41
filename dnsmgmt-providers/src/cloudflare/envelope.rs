//! The envelope around every answer, and what the codes in it mean.

use dnsmgmt_core::provider::{ProviderError, Reaction};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::api::{BUDGET, wait_for_budget};
use super::pages::PageInfo;
use crate::http::Answered;

const TOKEN: &str = "check the API token: it needs the permission Zone / DNS / Edit for this zone, and Zone / Zone / Read where the \
                     zone is given by name";

const COMMENT: &str =
    "shorten the comment: the Free plan takes 100 characters, the others 500, all of them on one line";

/// An answer's envelope.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Envelope<T> {
    success: bool,
    errors: Option<Vec<Complaint>>,
    pub(super) result: Option<T>,
    pub(super) result_info: Option<PageInfo>,
}

/// One error of an answer; the cause may be in the chain, below a general code.
#[derive(Debug, Deserialize)]
struct Complaint {
    code: Option<i64>,
    message: Option<String>,
    error_chain: Option<Vec<Self>>,
}

/// An error, with the API's codes for it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ProviderError,
    codes: Vec<i64>,
}

impl Failure {
    /// Returns whether the API itself said no to what was asked, so that nothing of it was made and other requests may fare
    /// better. That the zone is not found (7003) is no such answer, and neither is one without a code: that was somebody else.
    pub(super) fn is_refusal(&self) -> bool {
        self.error.reaction == Reaction::Refused && !self.codes.is_empty() && !self.codes.contains(&7003)
    }

    /// Returns whether there is no record of that id.
    pub(super) fn is_gone(&self) -> bool {
        self.is_refusal() && self.codes.contains(&81044)
    }

    /// Returns whether the same record is there already.
    pub(super) fn is_there(&self) -> bool {
        self.is_refusal() && self.codes.iter().any(|code| matches!(code, 81057 | 81058))
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { error, codes: Vec::new() }
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Reads an answer that says that it succeeded; anything else is an error. `success` decides: a code alone may be a message.
pub(super) fn open<'a, T: Deserialize<'a>>(answered: &'a Answered, doing: &str) -> Result<Envelope<T>, Failure> {
    if !answered.status.is_success() {
        return Err(failure(answered, doing));
    }
    match serde_json::from_str::<Envelope<T>>(&answered.body) {
        Ok(envelope) if envelope.success => Ok(envelope),
        Err(error) if complaints(answered).is_none() => Err(malformed(answered, doing, error).into()),
        _ => Err(failure(answered, doing)),
    }
}

/// Reads an answer whose result is needed.
pub(super) fn result<'a, T: Deserialize<'a>>(answered: &'a Answered, doing: &str) -> Result<T, Failure> {
    open(answered, doing)?.result.ok_or_else(|| malformed(answered, doing, "`result` is missing").into())
}

/// Returns the error of an answer that is not what it should be.
pub(super) fn malformed(answered: &Answered, doing: &str, why: impl std::fmt::Display) -> ProviderError {
    let mut error = answered.malformed(doing, why);
    error.answered += &ray(answered);
    error
}

fn failure(answered: &Answered, doing: &str) -> Failure {
    let complaints = complaints(answered);
    let mut error = answered.failure(doing);
    let mut codes = Vec::new();
    if let Some(complaints) = &complaints {
        complaints.iter().for_each(|complaint| complaint.collect(&mut codes));
        error.reaction = reaction(error.reaction, answered.status, &codes);
    }
    if let Reaction::Busy { retry_after } = &mut error.reaction {
        *retry_after = retry_after.or_else(|| wait_for_budget(answered));
    }
    if let Some(complaints) = complaints.filter(|complaints| !complaints.is_empty()) {
        let words = complaints.iter().map(Complaint::words).collect::<Vec<_>>().join("; ");
        error.answered = format!("{}: {words}", answered.status);
    }
    error.answered += &ray(answered);
    error.hint = hint(error.reaction, &codes, &error.answered).map(Into::into).or(error.hint);
    Failure { error, codes }
}

/// Returns the errors of an answer that says that it did not succeed.
fn complaints(answered: &Answered) -> Option<Vec<Complaint>> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_str(&answered.body).ok()?;
    (!envelope.success).then(|| envelope.errors.unwrap_or_default())
}

impl Complaint {
    fn collect(&self, codes: &mut Vec<i64>) {
        codes.extend(self.code);
        self.error_chain.iter().flatten().for_each(|cause| cause.collect(codes));
    }

    fn words(&self) -> String {
        let message = self.message.as_deref().unwrap_or_default();
        let mut words = message.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(code) = self.code {
            words += &format!(" ({code})");
        }
        for cause in self.error_chain.iter().flatten() {
            words += &format!(": {}", cause.words());
        }
        words
    }
}

/// Returns the reaction to a `success` of `false`: the status decides where it says more than "no".
fn reaction(by_status: Reaction, status: StatusCode, codes: &[i64]) -> Reaction {
    let says_more = matches!(by_status, Reaction::Busy { .. } | Reaction::Unreachable | Reaction::Unauthorized);
    let about_the_token = codes.iter().any(|code| matches!(code, 6003 | 6103 | 6111 | 9106 | 9109 | 10000 | 10001));
    match by_status {
        _ if status.is_redirection() || says_more => by_status,
        _ if about_the_token => Reaction::Unauthorized,
        _ => Reaction::Refused,
    }
}

/// Returns what a person can do about it.
fn hint(reaction: Reaction, codes: &[i64], words: &str) -> Option<&'static str> {
    match reaction {
        Reaction::Busy { .. } => Some(BUDGET),
        Reaction::Refused | Reaction::Unauthorized => codes
            .iter()
            .find_map(|code| hint_for(*code))
            .or_else(|| (reaction == Reaction::Unauthorized).then_some(TOKEN))
            // No code for it is documented.
            .or_else(|| words.to_ascii_lowercase().contains("comment").then_some(COMMENT))
            .or_else(|| codes.contains(&1004).then_some("mend what the API found wrong with the record")),
        _ => None,
    }
}

fn hint_for(code: i64) -> Option<&'static str> {
    Some(match code {
        6003 | 6103 | 6111 | 9106 => "the API cannot read the token: copy it anew, without quotes or line breaks",
        9109 | 10000 | 10001 => TOKEN,
        7003 => "check the zone id, and that the configured address is the API's with nothing behind `/client/v4`",
        81044 => "list again: somebody else removed the record",
        81045 => "the zone has as many records as its plan allows: remove some, or take a larger plan",
        81053 => "a CNAME cannot stand beside an A, AAAA or CNAME of the same name: remove what is there first",
        81054 => "a CNAME stands at that name, and nothing can be beside it: remove it first",
        81056 => "NS records delegate that name to other servers: change the record there, or remove them first",
        81057 | 81058 => "the record is there already: list again",
        9003 | 9004 | 9041 => {
            "ask for the record without proxy: Cloudflare proxies A, AAAA and CNAME alone, and only to public addresses"
        }
        9021 => "give a TTL of 60 to 86400 seconds (from 30 on the Enterprise plan), or leave it to Cloudflare",
        9300 => "the zone's plan allows no more tags: remove the record's tags in the dashboard",
        _ => return None,
    })
}

/// Returns what Cloudflare's support finds the answer by.
fn ray(answered: &Answered) -> String {
    let ray = answered.headers.get("cf-ray").and_then(|ray| ray.to_str().ok());
    ray.map_or_else(String::new, |ray| format!(" [cf-ray {ray}]"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;

    use super::*;

    fn answered(status: u16, body: &str) -> Answered {
        let mut headers = HeaderMap::new();
        headers.insert("cf-ray", "8f1-FRA".parse().unwrap());
        Answered { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into(), is_to_question: true }
    }

    fn refused(status: u16, code: i64) -> Failure {
        let body = format!(r#"{{"success":false,"errors":[{{"code":{code},"message":"said no"}}],"result":null}}"#);
        open::<IgnoredAny>(&answered(status, &body), "try").unwrap_err()
    }

    #[test]
    fn every_code_has_its_reaction_and_a_hint() {
        use Reaction::{Refused, Unauthorized};
        for (status, code, reaction, hint) in [
            (404, 81044, Refused, "list again"),
            (400, 81045, Refused, "plan"),
            (400, 81053, Refused, "CNAME"),
            (400, 81054, Refused, "CNAME"),
            (400, 81056, Refused, "NS"),
            (400, 81057, Refused, "already"),
            (400, 81058, Refused, "already"),
            (400, 1004, Refused, "mend"),
            (400, 9003, Refused, "without proxy"),
            (400, 9004, Refused, "without proxy"),
            (400, 9041, Refused, "without proxy"),
            (400, 9021, Refused, "86400"),
            (400, 9300, Refused, "tags"),
            (404, 7003, Refused, "zone id"),
            (400, 6003, Unauthorized, "copy it anew"),
            (403, 9109, Unauthorized, "Zone / DNS / Edit"),
            (400, 10000, Unauthorized, "Zone / DNS / Edit"),
            (403, 12345, Unauthorized, "Zone / DNS / Edit"),
            (200, 81054, Refused, "CNAME"),
        ] {
            let failure = refused(status, code);
            assert_eq!(failure.error.reaction, reaction, "{code}");
            assert!(failure.error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{code}: {:?}", failure.error);
            assert!(failure.error.answered.contains(&format!("said no ({code}) [cf-ray 8f1-FRA]")), "{failure:?}");
        }
        assert!(refused(404, 81044).is_gone());
        assert!(refused(400, 81057).is_there() && refused(400, 81058).is_there());
        assert!(!refused(400, 9021).is_gone() && !refused(400, 9021).is_there());
        assert!(refused(400, 9021).is_refusal());
        assert!(!refused(404, 7003).is_refusal() && !refused(403, 81044).is_gone());
        assert!(!open::<IgnoredAny>(&answered(404, "not found"), "try").unwrap_err().is_refusal());
    }

    #[test]
    fn an_error_is_read_whatever_stands_in_the_place_of_the_result() {
        let body = r#"{"success":false,"errors":[{"code":81045,"message":null,"error_chain":null}],"result":{}}"#;
        assert!(open::<Vec<u8>>(&answered(200, body), "try").unwrap_err().codes.contains(&81045));
    }

    #[test]
    fn the_cause_is_found_in_the_chain() {
        let body = r#"{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error","error_chain":[
            {"code":9021,"message":"Invalid TTL."}]}],"messages":[],"result":null}"#;
        let failure = open::<IgnoredAny>(&answered(400, body), "create a record").unwrap_err();
        let text = failure.error.to_string();
        assert_eq!(
            text,
            "could not create a record: 400 Bad Request: DNS Validation Error (1004): Invalid TTL. (9021) [cf-ray 8f1-FRA]"
        );
        assert!(failure.error.hint.unwrap().contains("86400"));
    }

    #[test]
    fn a_code_among_the_messages_of_a_success_is_no_error() {
        let body = r#"{"result":{"id":"1"},"success":true,"errors":[],"messages":[{"code":10000,"message":"valid"}]}"#;
        assert!(open::<IgnoredAny>(&answered(200, body), "verify").is_ok());
    }

    #[test]
    fn what_is_no_envelope_is_malformed_or_the_status_s_own_error() {
        for body in ["", "<html>", "{\"success\":tr", "[]", "{}", "null"] {
            let error = open::<IgnoredAny>(&answered(200, body), "list").unwrap_err().error;
            assert_eq!(error.reaction, Reaction::Malformed, "{body}");
            assert!(error.answered.contains("8f1-FRA"));
            assert_eq!(
                open::<IgnoredAny>(&answered(502, body), "list").unwrap_err().error.reaction,
                Reaction::Unreachable
            );
        }
        let missing = answered(200, r#"{"success":true}"#);
        assert_eq!(result::<IgnoredAny>(&missing, "list").unwrap_err().error.reaction, Reaction::Malformed);
    }

    #[test]
    fn too_many_requests_is_told_by_the_status_and_says_how_long_to_wait() {
        let busy = |seconds| Reaction::Busy { retry_after: Some(Duration::from_secs(seconds)) };
        let body = r#"{"success":false,"errors":[{"code":10000,"message":"slow down"}]}"#;
        let mut answer = answered(429, body);
        answer.headers.insert("ratelimit", r#""default";r=0;t=30"#.parse().unwrap());
        assert_eq!(open::<IgnoredAny>(&answer, "list").unwrap_err().error.reaction, busy(30));
        answer.headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(open::<IgnoredAny>(&answer, "list").unwrap_err().error.reaction, busy(7));
        let none = open::<IgnoredAny>(&answered(429, "<html>"), "list").unwrap_err().error;
        assert_eq!(none.reaction, Reaction::Busy { retry_after: None });
        assert!(none.hint.unwrap().contains("1200"));
    }
}
