//! What would surprise a person who looks at the rewrites.

use std::collections::BTreeSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderError;
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::RecordSet;

use super::api::Api;
use super::rewrite::{Rewrite, Spelling};

/// Returns what keeps all rewrites from being answered.
pub(super) async fn settings(api: &Api) -> Result<Vec<String>, ProviderError> {
    let mut findings = Vec::new();
    if api.rewrites_enabled().await? == Some(false) {
        findings.push("Rewrites are switched off in AdGuard Home, so none of them is answered.".into());
    }
    if !api.filtering_enabled().await? {
        findings.push("Filtering is switched off in AdGuard Home, and without it no rewrite is answered.".into());
    }
    Ok(findings)
}

/// Returns what stands out among the entries.
pub(super) fn entries(rewrites: &[Rewrite]) -> Vec<String> {
    let mut findings: Vec<String> = rewrites.iter().flat_map(of_one).collect();
    let records: RecordSet = rewrites.iter().cloned().filter_map(|rewrite| rewrite.into_entry().ok()).collect();
    findings.extend(records.iter().filter_map(|record| duplicate(record).or_else(|| tombstone(record))));
    findings.extend(silenced(rewrites));
    findings
}

fn of_one(rewrite: &Rewrite) -> Vec<String> {
    let spelling = &rewrite.spelling;
    let mut findings = Vec::new();
    if let Some(why) = spelling.refused_target() {
        findings.push(format!(
            "AdGuard Home v0.107.79 and later do not start with the rewrite `{spelling}`: {why}. Delete it in AdGuard Home \
             under Filters > DNS rewrites before upgrading."
        ));
    }
    if let Some(why) = spelling.never_answered() {
        findings.push(format!("The rewrite `{spelling}` is never answered: {why}."));
    } else if rewrite.enabled == Some(false) {
        findings.push(format!("The rewrite `{spelling}` is switched off."));
    }
    findings
}

fn duplicate(record: &Record) -> Option<String> {
    let copies = record.handles.len();
    (copies > 1).then(|| format!("The rewrite `{record}` is stored {copies} times."))
}

fn tombstone(record: &Record) -> Option<String> {
    record
        .name()
        .is_tombstone()
        .then(|| format!("The rewrite `{record}` is what a deletion left behind; the next change removes it."))
}

/// CNAMEs go before addresses, even a wildcard before an exact name (`rewrites.go`, `Compare`), and so does what the server takes
/// for a CNAME and we cannot read as one.
fn silenced(rewrites: &[Rewrite]) -> Vec<String> {
    let answering =
        rewrites.iter().filter(|rewrite| rewrite.enabled != Some(false) && rewrite.spelling.never_answered().is_none());
    let (cnames, others): (Vec<&Rewrite>, Vec<&Rewrite>) = answering.partition(|rewrite| rewrite.spelling.is_cname());
    let addresses: RecordSet = others.into_iter().filter_map(|rewrite| rewrite.clone().into_entry().ok()).collect();
    let cnames: BTreeSet<&Spelling> = cnames.into_iter().map(|rewrite| &rewrite.spelling).collect();
    cnames.into_iter().filter_map(|cname| silenced_by(cname, &addresses)).collect()
}

fn silenced_by(cname: &Spelling, addresses: &RecordSet) -> Option<String> {
    let domain = Name::parse(&cname.domain).ok()?;
    let mut silenced = addresses.iter().filter(|record| *record.name() == domain || domain.covers(record.name()));
    let first = silenced.next()?;
    let more = match silenced.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("The rewrite `{cname}` silences `{first}`{more}: AdGuard Home answers a CNAME before any address."))
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::Spelling;
    use super::*;

    /// Domain, answer and whether it answers.
    type Stored = (&'static str, &'static str, Option<bool>);

    fn found(stored: &[Stored]) -> Vec<String> {
        let rewrite = |&(domain, answer, enabled): &Stored| Rewrite {
            spelling: Spelling { domain: domain.into(), answer: answer.into() },
            enabled,
        };
        entries(&stored.iter().map(rewrite).collect::<Vec<_>>())
    }

    #[test]
    fn ordinary_entries_are_not_worth_a_word() {
        let on = Some(true);
        assert_eq!(
            found(&[
                ("a.example", "10.0.0.1", on),
                ("a.example", "fd00::1", on),
                ("*.example", "10.0.0.2", on),
                ("b.example", "a.example", None),
                ("b.other", "A", None),
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_surprise_is_one_sentence_that_names_the_entry() {
        let cases: [(&[Stored], &str); 14] = [
            (&[("a.example", "host.example.", None)], "do not start with the rewrite `a.example -> host.example.`"),
            (
                &[("a.example", "10.0.0.1:80", None)],
                "Delete it in AdGuard Home under Filters > DNS rewrites before upgrading.",
            ),
            (&[("a.example", "010.0.0.1", None)], "is a number"),
            (&[("*", "10.0.0.1", None)], "`* -> 10.0.0.1` is never answered: a bare `*` stands for no domain"),
            (
                &[("a.example.", "10.0.0.1", None)],
                "`a.example. -> 10.0.0.1` is never answered: its domain ends in a dot.",
            ),
            (&[("bücher.example", "10.0.0.1", None)], "letters beyond ASCII"),
            (&[("a.example ", "10.0.0.1", None)], "a blank"),
            (&[("a.example", "10.0.0.1", Some(false))], "`a.example -> 10.0.0.1` is switched off."),
            (
                &[("a.example", "fd00::1", None), ("a.example", "FD00::1", None)],
                "`a.example AAAA fd00::1` is stored 2 times.",
            ),
            (&[("1.tombstone.invalid", "10.0.0.1", None)], "what a deletion left behind"),
            (
                &[
                    ("*.example", "host.other", None),
                    ("a.example", "10.0.0.1", None),
                    ("b.c.example", "10.0.0.1", None),
                ],
                "`*.example -> host.other` silences `a.example A 10.0.0.1` and 1 more",
            ),
            (&[("a.example", "host.other", None), ("a.example", "10.0.0.1", None)], "silences `a.example A 10.0.0.1`:"),
            (
                &[("*.example", "a b.other", None), ("a.example", "10.0.0.1", None), ("a.example.example", "A", None)],
                "`*.example -> a b.other` silences `a.example A 10.0.0.1`:",
            ),
            (
                &[("a.example", "a.example", None), ("a.example", "fd00::1", None)],
                "`a.example -> a.example` silences `a.example AAAA fd00::1`:",
            ),
        ];
        for (stored, sentence) in cases {
            let findings = found(stored);
            assert!(matches!(&findings[..], [one] if one.contains(sentence)), "{sentence}: {findings:?}");
        }
        assert_eq!(found(&[("", "", None)]).len(), 2);
        assert_eq!(found(&[("*.example", "10.0.0.1:80", None), ("a.example", "10.0.0.1", None)]).len(), 2);
    }

    #[test]
    fn a_cname_that_is_never_answered_or_switched_off_silences_nothing() {
        assert_eq!(found(&[("*.example.", "host.other", None), ("a.example", "10.0.0.1", None)]).len(), 1);
        let findings = found(&[("*.example", "host.other", Some(false)), ("a.example", "10.0.0.1", Some(true))]);
        assert_eq!(findings, ["The rewrite `*.example -> host.other` is switched off."]);
    }
}
