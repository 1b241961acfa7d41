//! Zone files as people write them, changed in place, and what real servers say of the result.
#![cfg(feature = "zonefile")]

mod zonefile {
    mod conformance;
    pub(crate) mod file;
    mod layout;
    mod listing;
    mod many;
    mod random;
    mod refusals;
    mod servers;
}
