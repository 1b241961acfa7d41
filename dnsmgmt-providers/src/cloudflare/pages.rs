//! Pages: how much of a list was read, and whether that is all of it.

use serde::Deserialize;

/// Where a page stands in a list, as the server says it.
#[derive(Debug, Deserialize)]
pub(super) struct PageInfo {
    per_page: Option<usize>,
    count: Option<usize>,
    total_count: Option<usize>,
    total_pages: Option<usize>,
}

/// The pages of a list that were read so far.
///
/// A server may give less than it says a page has, so a short page alone ends no list: the server's counts have to agree.
#[derive(Debug)]
pub(super) struct Pages {
    /// How many entries a page is asked to have.
    asked: usize,
    filtered: bool,
    read: usize,
    entries: usize,
    total: Option<usize>,
    drifted: bool,
}

impl Pages {
    /// Returns a list of which nothing was read. The counts of a filtered one may be those of the list without the filter.
    pub(super) fn new(asked: usize, filtered: bool) -> Self {
        Self { asked, filtered, read: 0, entries: 0, total: None, drifted: false }
    }

    /// Adds a page of so many entries, and returns whether the list ends with it, or what is wrong with it.
    pub(super) fn ends(&mut self, info: &PageInfo, found: usize) -> Result<bool, String> {
        self.drifted |= self.read > 0 && info.total_count != self.total;
        self.total = info.total_count;
        self.read += 1;
        self.entries += found;
        if let Some(count) = info.count.filter(|count| *count != found) {
            return Err(format!("page {} says that it has {count} entries, and has {found}", self.read));
        }
        if found == 0 {
            return self.ends_empty(info);
        }
        let size = info.per_page.unwrap_or(self.asked);
        let is_last = info.total_pages.is_some_and(|pages| self.read >= pages);
        Ok((found < size || is_last) && !self.promises_more(info, found < size))
    }

    /// Returns whether entries came or went meanwhile, so that one may have slipped to a page that was read before.
    pub(super) fn drifted(&self) -> bool {
        self.drifted
    }

    /// Returns whether the list has more entries than these, as far as that can be known.
    pub(super) fn lacks(&self, distinct: usize) -> bool {
        !self.filtered && self.total.is_some_and(|total| distinct < total)
    }

    fn promises_more(&self, info: &PageInfo, short: bool) -> bool {
        let pages = info.total_pages.is_some_and(|pages| self.read < pages);
        if !self.filtered {
            return pages || self.lacks(self.entries);
        }
        // Where the pages are as many as entries without the filter fill, they say nothing about a short page.
        let unfiltered = info.total_count.zip(info.per_page).map(|(total, size)| total.div_ceil(size.max(1)));
        pages && self.total.is_none_or(|total| self.entries < total) && !(short && unfiltered == info.total_pages)
    }

    fn ends_empty(&self, info: &PageInfo) -> Result<bool, String> {
        let more = match info.total_count {
            Some(_) => self.lacks(self.entries),
            None => !self.filtered && info.total_pages.is_some_and(|pages| self.read <= pages),
        };
        match more && !self.drifted {
            false => Ok(true),
            true => Err(match self.total {
                Some(total) => format!("page {} is empty after {} of {total} entries", self.read, self.entries),
                None => format!("page {} is empty, and there are more", self.read),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> PageInfo {
        serde_json::from_str(text).unwrap()
    }

    /// Reads pages of so many entries, and returns after how many the list ends.
    fn ends_after(filtered: bool, pages: &[(usize, &str)]) -> Result<Option<usize>, String> {
        let mut read = Pages::new(5000, filtered);
        for (index, (found, text)) in pages.iter().enumerate() {
            if read.ends(&info(text), *found)? {
                return Ok(Some(index + 1));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_list_ends_with_a_short_or_empty_or_last_page() {
        let hundred = r#"{"per_page":100,"count":100,"total_count":250}"#;
        let rest = r#"{"per_page":100,"count":50,"total_count":250}"#;
        assert_eq!(ends_after(false, &[(100, hundred), (100, hundred), (50, rest)]), Ok(Some(3)));
        assert_eq!(ends_after(false, &[(0, r#"{"per_page":100,"count":0}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(false, &[(0, r#"{"count":0,"total_count":0,"total_pages":0}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(false, &[(0, r#"{"count":0,"total_count":0,"total_pages":1}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(false, &[(100, r#"{"per_page":100,"total_pages":1}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(false, &[(7, "{}")]), Ok(Some(1)));
        assert_eq!(ends_after(false, &[(5000, "{}")]), Ok(None));
        assert!(ends_after(false, &[(99, r#"{"per_page":100,"count":100}"#)]).is_err());
    }

    #[test]
    fn a_short_page_ends_no_list_that_has_more() {
        for more in [
            r#"{"per_page":5000,"count":100,"total_count":250,"total_pages":3}"#,
            r#"{"per_page":5000,"count":100,"total_count":250}"#,
            r#"{"per_page":5000,"count":100,"total_pages":3}"#,
        ] {
            assert_eq!(ends_after(false, &[(100, more)]), Ok(None), "{more}");
            let empty = more.replace("\"count\":100", "\"count\":0");
            assert!(ends_after(false, &[(100, more), (0, &empty)]).is_err(), "{more}");
        }
        assert!(ends_after(false, &[(0, r#"{"per_page":5000,"count":0,"total_count":1200}"#)]).is_err());
        assert!(ends_after(false, &[(0, r#"{"per_page":5000,"count":0,"total_pages":2}"#)]).is_err());
    }

    #[test]
    fn a_list_that_shrinks_meanwhile_is_no_fault_of_the_server() {
        let (first, then) = (r#"{"per_page":100,"total_count":101}"#, r#"{"per_page":100,"total_count":100}"#);
        assert_eq!(ends_after(false, &[(100, first), (0, then)]), Ok(Some(2)));
        let mut read = Pages::new(100, false);
        assert!(!read.ends(&info(first), 100).unwrap() && !read.drifted());
        assert!(read.ends(&info(then), 0).unwrap() && read.drifted());
    }

    #[test]
    fn the_counts_of_a_filtered_list_may_be_those_of_all() {
        assert_eq!(ends_after(true, &[(1, r#"{"per_page":5000,"total_count":12000,"total_pages":3}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(true, &[(0, r#"{"per_page":5000,"total_count":12000,"total_pages":3}"#)]), Ok(Some(1)));
        assert_eq!(ends_after(true, &[(1, r#"{"per_page":5000,"total_count":12000}"#)]), Ok(Some(1)));
        let cut = r#"{"per_page":5000,"total_count":250,"total_pages":3}"#;
        assert_eq!(
            ends_after(true, &[(100, cut), (100, cut)]),
            Ok(None),
            "the server's pages are smaller than it says"
        );
        assert_eq!(ends_after(true, &[(100, cut), (100, cut), (50, cut)]), Ok(Some(3)));
    }
}
