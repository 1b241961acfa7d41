//! What is told while an outage is replayed: aloud where somebody listens, and in any case where it does not end well.

use crate::outage::Outage;

#[derive(Debug)]
pub(crate) struct Tale {
    told: String,
    is_aloud: bool,
}

impl Tale {
    pub(crate) fn new(is_aloud: bool) -> Self {
        Self { told: String::new(), is_aloud }
    }

    /// Tells what the outage is.
    pub(crate) fn begin(&mut self, outage: &Outage) {
        let Outage { title, reported, happened, here, .. } = outage;
        self.tell(&format!("\n# {title}\n\n{}\n\n{}\n", happened.trim(), here.trim()));
        reported.iter().for_each(|place| self.tell(&format!("  {place}")));
    }

    /// Tells what a step is.
    pub(crate) fn step(&mut self, number: usize, what: &str) {
        self.tell(&format!("\n{number}. {what}"));
    }

    /// Tells a command with what it said, and its exit status.
    pub(crate) fn command(&mut self, line: &str, said: &str, status: Option<i32>) {
        self.tell(&format!("   $ {line}"));
        said.lines().for_each(|line| self.tell(&format!("   {line}")));
        match status {
            Some(0) => {}
            Some(status) => self.tell(&format!("   (exit status {status})")),
            None => self.tell("   (killed)"),
        }
    }

    /// Tells a line.
    #[expect(clippy::print_stdout, reason = "asked for with --nocapture")]
    pub(crate) fn tell(&mut self, line: &str) {
        if self.is_aloud {
            println!("{line}");
        }
        self.told.push_str(line);
        self.told.push('\n');
    }

    /// Returns all that was told.
    pub(crate) fn told(&self) -> &str {
        &self.told
    }
}
