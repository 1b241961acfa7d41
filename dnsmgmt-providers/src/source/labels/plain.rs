//! Every container below one suffix, by its own name and address, without a label.

use super::text::host_name;
use super::{Ask, Container, Content, Dialect, Rules, own};

pub(super) fn asks(container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    let Some(suffix) = &rules.suffix else { return Ok(Vec::new()) };
    let name = host_name(&format!("{}.{suffix}", container.name), false)?;
    let attributes = match rules.dialects.contains(&Dialect::Own) {
        true => own::attributes(container)?,
        false => super::Attributes::default(),
    };
    Ok(vec![Ask { name, because: "its name".into(), rtype: None, content: Content::AddressIfAny, attributes }])
}
