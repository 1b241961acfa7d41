//! The domains that a webhook is responsible for.

use dnsmgmt_core::name::Name;
use serde::Deserialize;

/// A domain filter by the names that external-dns reads and writes (`endpoint/domain_filter.go`); its published OpenAPI has
/// another one, which its code does not read. Empty means every domain.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DomainFilter {
    /// Domains with all below them; with a dot in front only what is below.
    #[serde(deserialize_with = "list")]
    include: Vec<String>,
    /// Domains that are not meant, in the same form.
    #[serde(deserialize_with = "list")]
    exclude: Vec<String>,
    /// Regular expressions of Go, which are not evaluated here.
    regex_include: String,
    regex_exclude: String,
}

/// Go writes a list that was never made as `null`.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl DomainFilter {
    /// Checks that names below the zone are within the filter. The error is what the webhook says, and what to do.
    pub(super) fn cover(&self, zone: &Name) -> Result<(), (String, String)> {
        if !self.is_within_lists(zone, true) {
            return Err((
                format!("its domain filter does not cover the zone {zone}: {}", self.shown()),
                "configure a zone that it covers, or add this one to the webhook's domain filter".into(),
            ));
        }
        Ok(())
    }

    /// Returns the zone where the filter names exactly one.
    pub(super) fn only_zone(&self) -> Result<Name, (String, String)> {
        let zones: Vec<Name> = self.include.iter().filter_map(|entry| domain(entry)).collect();
        match &zones[..] {
            [zone] if self.include.len() == 1 && !self.has_regex() => Ok(zone.clone()),
            _ => Err((
                format!("its domain filter does not name exactly one zone: {}", self.shown()),
                "say which zone is meant: `zone` in the file, `WEBHOOK_ZONE`, or --zone".into(),
            )),
        }
    }

    /// Returns why no record can be made at the name.
    pub(super) fn objection(&self, name: &Name) -> Option<String> {
        (!self.is_within_lists(name, false))
            .then(|| format!("the webhook's domain filter does not cover {name}: {}", self.shown()))
    }

    /// Returns what a person should know about the filter.
    pub(super) fn surprise(&self) -> Option<String> {
        self.has_regex().then(|| {
            format!(
                "the webhook's domain filter is a regular expression, which is not evaluated here, so a change outside it is \
                 noticed only afterwards: {}",
                self.shown()
            )
        })
    }

    fn has_regex(&self) -> bool {
        !self.regex_include.is_empty() || !self.regex_exclude.is_empty()
    }

    /// Regular expressions count over the lists (`DomainFilter.Match`).
    fn is_within_lists(&self, name: &Name, is_zone: bool) -> bool {
        let matches = |entries: &[String], below_counts: bool| {
            entries.iter().any(|entry| {
                domain(entry).is_some_and(|domain| {
                    name.is_within(&domain) && (*name != domain || !entry.trim().starts_with('.') || below_counts)
                })
            })
        };
        self.has_regex()
            || ((self.include.is_empty() || matches(&self.include, is_zone)) && !matches(&self.exclude, false))
    }

    fn shown(&self) -> String {
        let mut parts = Vec::new();
        for (word, entries) in [("includes", &self.include), ("excludes", &self.exclude)] {
            if !entries.is_empty() {
                parts.push(format!("it {word} {}", entries.join(", ")));
            }
        }
        for (word, regex) in [("includes", &self.regex_include), ("excludes", &self.regex_exclude)] {
            if !regex.is_empty() {
                parts.push(format!("it {word} what matches `{regex}`"));
            }
        }
        if parts.is_empty() { "it names none".into() } else { parts.join("; ") }
    }
}

fn domain(entry: &str) -> Option<Name> {
    let entry = entry.trim();
    Name::parse(entry.strip_prefix('.').unwrap_or(entry)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(json: &str) -> DomainFilter {
        serde_json::from_str(json).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_zone_is_covered_by_its_own_name_by_one_above_and_by_no_filter() {
        for json in [
            "{}",
            r#"{"include":null}"#,
            r#"{"include":["lab.example"]}"#,
            r#"{"include":["other.org","Example."]}"#,
            r#"{"include":[".lab.example"]}"#,
            r#"{"regexInclude":"nothing of ours"}"#,
            r#"{"filters":["other.org"]}"#,
        ] {
            assert_eq!(filter(json).cover(&name("lab.example")), Ok(()), "{json}");
        }
        for json in [
            r#"{"include":["other.org"]}"#,
            r#"{"include":["a.lab.example"]}"#,
            r#"{"include":["b.example"]}"#,
            r#"{"exclude":["lab.example"]}"#,
            r#"{"include":["example"],"exclude":["example"]}"#,
        ] {
            assert!(filter(json).cover(&name("lab.example")).is_err(), "{json}");
        }
    }

    #[test]
    fn names_outside_the_filter_are_objected_to() {
        let filter = filter(r#"{"include":[".lab.example"],"exclude":["secret.lab.example"]}"#);
        assert_eq!(filter.objection(&name("a.lab.example")), None);
        for outside in ["lab.example", "secret.lab.example", "a.secret.lab.example"] {
            let objection = filter.objection(&name(outside)).unwrap();
            assert!(objection.ends_with("it includes .lab.example; it excludes secret.lab.example"), "{objection}");
        }
    }

    #[test]
    fn the_only_zone_is_the_one_that_the_filter_names() {
        assert_eq!(filter(r#"{"include":["lab.example"]}"#).only_zone(), Ok(name("lab.example")));
        for json in ["{}", r#"{"include":["a.example","b.example"]}"#, r#"{"regexInclude":"example"}"#] {
            assert!(filter(json).only_zone().is_err(), "{json}");
        }
    }
}
