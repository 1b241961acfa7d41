//! Joyride's labels: names of the host on which the container runs.

use super::text::host_names;
use super::{Answer, Ask, Attributes, Container, Content};

pub(super) fn asks(container: &Container, key: &'static str) -> Result<Vec<Ask>, String> {
    let Some(text) = container.labels.get(key) else { return Ok(Vec::new()) };
    let ask = |name| Ask {
        name,
        because: key.into(),
        rtype: None,
        content: Content::Address(Answer::Host),
        attributes: Attributes::default(),
    };
    Ok(host_names(key, text, false)?.into_iter().map(ask).collect())
}
