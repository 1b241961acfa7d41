//! Why a program could not do its work, for people.

use anyhow::Error;
use dnsmgmt_core::name::NameError;
use dnsmgmt_core::provider::ProviderError;
use dnsmgmt_core::record::RecordError;
use dnsmgmt_core::source::SourceError;
use dnsmgmt_providers::connect::ConnectError;

use crate::exit::{Exit, UsageError};
use crate::log::{Level, NOTHING_MORE, say};

/// Says something on standard error, with the program's name before it.
pub fn complain(text: &str) {
    say(Level::Warning, text, &NOTHING_MORE);
}

/// Says on standard error why it could not run, with every cause and what to do next.
pub fn failed(error: &Error) -> Exit {
    say(Level::Error, &explained(error), &NOTHING_MORE);
    // A context is not among the causes, so the error itself is asked for it.
    let is_usage =
        error.is::<UsageError>() || error.chain().any(|cause| cause.is::<NameError>() || cause.is::<RecordError>());
    if is_usage { Exit::Usage } else { Exit::CouldNotRun }
}

/// Returns why something failed, with every cause, and below it what to do next.
pub(crate) fn explained(error: &Error) -> String {
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match error.chain().find_map(hint) {
        Some(hint) => format!("{text}\n  = help: {hint}"),
        None => text,
    }
}

fn hint<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    let of_source = cause.downcast_ref::<SourceError>().and_then(|error| error.hint.as_deref());
    of_source.or_else(|| provider_error(cause)?.hint.as_deref())
}

fn provider_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a ProviderError> {
    match cause.downcast_ref::<ConnectError>() {
        Some(error) => error.provider_error(),
        None => cause.downcast_ref(),
    }
}
