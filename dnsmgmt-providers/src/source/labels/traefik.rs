//! The rules of Traefik's routers, as labels: names of the host on which Traefik listens.

use super::text::flag;
use super::{Ask, Attributes, Container, Dialect, Rules, rule, shown, trafego};

pub(super) fn asks(container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    // Traefik reads its labels without regard to case.
    let labels = container.labels.iter().map(|(key, text)| (key, key.to_ascii_lowercase(), text));
    let labels: Vec<_> = labels.filter(|(_, lower, _)| lower.starts_with("traefik.")).collect();
    if let Some((key, _, text)) = labels.iter().find(|(_, lower, _)| lower == "traefik.enable")
        && !is_enabled(key, text)?
    {
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

/// Traefik takes a digit and a letter for it too (Go's `strconv.ParseBool`).
fn is_enabled(key: &str, text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "t" | "T" => Ok(true),
        "0" | "f" | "F" => Ok(false),
        _ => flag(key, text),
    }
}

/// `traefik.http.routers.NAME.rule`, `traefik.tcp.routers.NAME.rule`, and of Traefik 1 `traefik.frontend.rule` and
/// `traefik.SEGMENT.frontend.rule`.
fn is_rule(key: &str) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    matches!(parts[..], ["traefik", "http" | "tcp", "routers", .., "rule"] if parts.len() >= 5)
        || matches!(parts[..], ["traefik", "frontend", "rule"] | ["traefik", _, "frontend", "rule"])
}
