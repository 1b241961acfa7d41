//! Waiting for a daemon to say that something changed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::Pin;

use bollard::errors::Error;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptionsBuilder;
use dnsmgmt_core::source::SourceError;
use futures_util::{Stream, StreamExt as _};

use super::Engine;
use super::engine::trouble;
use crate::source::failed;

/// What a daemon tells as it happens. It says only that it is time to look: what is true is said by the next listing alone.
pub struct Events {
    name: String,
    stream: Pin<Box<dyn Stream<Item = Result<EventMessage, Error>> + Send>>,
    /// What each container's health was last said to be: Podman says it after every check.
    health: BTreeMap<String, String>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Engine {
    /// Asks for what happens from now on by the daemon's own clock, so that nothing is missed until the connection stands: who lists
    /// after this call knows what was before.
    ///
    /// # Errors
    /// If the daemon does not say what time it is.
    pub async fn events(&self) -> Result<Events, SourceError> {
        let now = self.time().await?;
        let since = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
        let types = HashMap::from([("type", vec!["container", "network"])]);
        let options = EventsOptionsBuilder::default().since(&since).filters(&types).build();
        let stream = Box::pin(self.client().events(Some(options)));
        Ok(Events { name: self.name().to_owned(), stream, health: BTreeMap::new() })
    }
}

impl Events {
    /// Waits for an event that may change what containers want. It can be dropped and called again.
    ///
    /// # Errors
    /// If the daemon does not tell any more.
    pub async fn next(&mut self) -> Result<(), SourceError> {
        loop {
            match self.stream.next().await {
                Some(Ok(event)) if self.matters(&event) => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(trouble(&self.name, "follow its events", &error)),
                None => return Err(failed(&self.name, "it stopped telling its events")),
            }
        }
    }

    fn matters(&mut self, event: &EventMessage) -> bool {
        let action = event.action.as_deref().unwrap_or_default();
        match event.typ {
            Some(EventMessageTypeEnum::CONTAINER) if action.starts_with("health_status") => self.is_news(event, action),
            Some(EventMessageTypeEnum::CONTAINER) => {
                if matches!(action, "destroy" | "remove") {
                    self.health.remove(id(event));
                }
                changes_a_container(action)
            }
            Some(EventMessageTypeEnum::NETWORK) => matches!(action, "connect" | "disconnect"),
            _ => false,
        }
    }

    /// Returns whether a container's health is another than it was said to be before.
    fn is_news(&mut self, event: &EventMessage, action: &str) -> bool {
        let attributes = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref());
        let said = attributes.and_then(|attributes| attributes.get("health_status")).map_or("", String::as_str);
        let said = format!("{action} {said}");
        self.health.insert(id(event).to_owned(), said.clone()).is_none_or(|before| before != said)
    }
}

fn id(event: &EventMessage) -> &str {
    event.actor.as_ref().and_then(|actor| actor.id.as_deref()).unwrap_or_default()
}

/// Docker's names of what can happen to a container, and Podman's where they are others (`died`, `remove`, `restarting`). What runs in
/// one (`exec_start`), which a health check does every few seconds, is none of them.
fn changes_a_container(action: &str) -> bool {
    matches!(
        action,
        "create"
            | "start"
            | "restart"
            | "restarting"
            | "stop"
            | "kill"
            | "die"
            | "died"
            | "oom"
            | "destroy"
            | "remove"
            | "pause"
            | "unpause"
            | "rename"
            | "update"
            | "init"
            | "cleanup"
    )
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;
    use futures_util::stream;

    use super::*;

    fn event(typ: EventMessageTypeEnum, action: &str) -> EventMessage {
        let actor = EventActor { id: Some("f00d".into()), attributes: None };
        EventMessage { typ: Some(typ), action: Some(action.into()), actor: Some(actor), ..EventMessage::default() }
    }

    fn events() -> Events {
        Events { name: "Docker".into(), stream: Box::pin(stream::empty()), health: BTreeMap::new() }
    }

    #[test]
    fn what_happens_to_containers_matters_by_dockers_names_and_podmans() {
        let mut events = events();
        for action in ["create", "start", "die", "died", "destroy", "remove", "pause", "unpause", "rename"] {
            assert!(events.matters(&event(EventMessageTypeEnum::CONTAINER, action)), "{action}");
        }
        for action in ["connect", "disconnect"] {
            assert!(events.matters(&event(EventMessageTypeEnum::NETWORK, action)), "{action}");
        }
    }

    #[test]
    fn what_runs_in_containers_and_what_is_made_of_images_does_not_matter() {
        let mut events = events();
        for action in ["exec_create: /bin/true", "exec_start: /bin/true", "exec_die", "attach", "top", "commit", ""] {
            assert!(!events.matters(&event(EventMessageTypeEnum::CONTAINER, action)), "{action}");
        }
        assert!(!events.matters(&event(EventMessageTypeEnum::NETWORK, "create")));
        assert!(!events.matters(&event(EventMessageTypeEnum::VOLUME, "create")));
        assert!(!events.matters(&EventMessage::default()));
    }

    #[test]
    fn health_matters_when_it_changes() {
        let mut events = events();
        let said = ["healthy", "healthy", "unhealthy", "unhealthy", "healthy"];
        let mattered = said
            .map(|health| events.matters(&event(EventMessageTypeEnum::CONTAINER, &format!("health_status: {health}"))));
        assert_eq!(mattered, [true, false, true, false, true]);
    }

    #[tokio::test]
    async fn a_stream_that_ends_is_an_error_that_names_the_daemon() {
        let said = events().next().await.unwrap_err().to_string();
        assert!(said.contains("stopped telling"), "{said}");
    }
}
