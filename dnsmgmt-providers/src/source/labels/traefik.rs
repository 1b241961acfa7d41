//! The rules of Traefik's routers, as labels: names of the host on which Traefik listens.

use super::{Ask, Attributes, Container, Dialect, Rules, rule, shown, trafego};

pub(super) fn asks(container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    // Traefik reads its labels without regard to case.
    let labels = container.labels.iter().map(|(key, text)| (key, key.to_ascii_lowercase(), text));
    let labels: Vec<_> = labels.filter(|(_, lower, _)| lower.starts_with("traefik.")).collect();
    let is_off = |(_, key, text): &(&String, String, &String)| key == "traefik.enable" && text.trim() == "false";
    if labels.iter().any(is_off) {
        return Ok(Vec::new());
    }
    let spoken = match rules.dialects.contains(&Dialect::Trafego) {
        true => trafego::Spoken::read(container, rules)?,
        false => trafego::Spoken::default(),
    };
    let mut asks = Vec::new();
    for (key, lower, text) in labels.iter().filter(|(_, lower, _)| is_rule(lower)) {
        let names = rule::hosts(text).map_err(|why| format!("label {}: {why}", shown(key)))?;
        for name in names {
            let attributes: Attributes = spoken.attributes.clone();
            let (rtype, content) = spoken.content(&name, None)?;
            asks.push(Ask { name, because: lower.clone(), rtype, content, attributes });
        }
    }
    Ok(asks)
}

/// `traefik.http.routers.NAME.rule`, `traefik.tcp.routers.NAME.rule`, and of Traefik 1 `traefik.frontend.rule` and
/// `traefik.SEGMENT.frontend.rule`.
fn is_rule(key: &str) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    matches!(parts[..], ["traefik", "http" | "tcp", "routers", .., "rule"] if parts.len() >= 5)
        || matches!(parts[..], ["traefik", "frontend", "rule"] | ["traefik", _, "frontend", "rule"])
}
