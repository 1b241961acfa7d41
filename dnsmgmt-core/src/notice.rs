//! Whether somebody is told of trouble: once, and not at every run.

use std::time::Duration;

use crate::fnv::Fnv;

/// For how long nobody is told again of trouble that stays the same.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// What somebody was told of last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What tells this trouble from others: see [`mark`].
    pub trouble: String,
    /// For how long it had been observed when they were told.
    pub observed: Duration,
}

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// The trouble is over.
    Well,
    /// The trouble that they know of is there still.
    Reminder,
    /// There is trouble that they do not know of.
    Trouble,
}

impl News {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Reminder => "reminder",
            Self::Trouble => "trouble",
        }
    }
}

/// Decides what somebody is told who was `told` of trouble last, unless all was well since: of other trouble at once, of the same after a
/// day, and once that it is over. `trouble` is what there is now, `observed` for how long trouble has been observed by now.
pub fn news(told: Option<&Told>, trouble: Option<&str>, observed: Duration) -> Option<News> {
    match (told, trouble) {
        (None, None) => None,
        (Some(_), None) => Some(News::Well),
        (Some(told), Some(trouble)) if told.trouble == trouble => {
            (observed.saturating_sub(told.observed) >= PAUSE).then_some(News::Reminder)
        }
        (_, Some(_)) => Some(News::Trouble),
    }
}

/// Returns what is the same as long as the same things are in trouble, in whatever order and however often each is named.
pub fn mark<'t>(troubles: impl IntoIterator<Item = &'t str>) -> String {
    let mut troubles: Vec<&str> = troubles.into_iter().collect();
    troubles.sort_unstable();
    troubles.dedup();
    let mut hash = Fnv::new();
    for trouble in troubles {
        hash.add(trouble.as_bytes());
        hash.add(&[0]);
    }
    format!("{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60;

    /// Lets runs be so many hours apart, each with this trouble, and returns what somebody is told.
    fn told(hours: u64, troubles: &[&[&str]]) -> Vec<Option<News>> {
        let mut last: Option<Told> = None;
        let told = troubles.iter().enumerate().map(|(run, troubles)| {
            let observed = Duration::from_secs(run as u64 * hours * HOUR);
            let trouble = (!troubles.is_empty()).then(|| mark(troubles.iter().copied()));
            let news = news(last.as_ref(), trouble.as_deref(), observed);
            match (news, trouble) {
                (Some(News::Well), _) => last = None,
                (Some(_), Some(trouble)) => last = Some(Told { trouble, observed }),
                _ => {}
            }
            news
        });
        told.collect()
    }

    #[test]
    fn who_was_told_is_told_again_when_it_differs_and_when_it_is_well() {
        use News::{Trouble, Well};
        let (a, both, well): (&[&str], &[&str], &[&str]) = (&["a"], &["a", "b"], &[]);
        assert_eq!(told(1, &[well, well]), [None, None]);
        assert_eq!(told(1, &[a, a, a, well, well]), [Some(Trouble), None, None, Some(Well), None]);
        assert_eq!(told(1, &[a, both, both, a]), [Some(Trouble), Some(Trouble), None, Some(Trouble)]);
        assert_eq!(told(1, &[a, well, a]), [Some(Trouble), Some(Well), Some(Trouble)], "it came back");
    }

    #[test]
    fn the_same_trouble_is_told_again_after_a_day() {
        let same: [&[&str]; 6] = [&["a"]; 6];
        let reminder = Some(News::Reminder);
        assert_eq!(told(12, &same), [Some(News::Trouble), None, reminder, None, reminder, None]);
        assert_eq!(told(24, &same[..3]), [Some(News::Trouble), reminder, reminder]);
    }

    #[test]
    fn trouble_is_told_from_other_trouble_whatever_its_order() {
        assert_eq!(mark(["a", "b", "a"]), mark(["b", "a"]));
        assert_ne!(mark(["a", "b"]), mark(["ab"]));
        assert_ne!(mark(["a"]), mark([]));
    }
}
