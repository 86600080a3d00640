//! Colours, and what stands for them where there are none.

use ratatui::style::{Color, Modifier, Style};

/// Whether there are colours; what matters is said in words as well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) color: bool,
}

impl Paint {
    fn of(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    pub(super) fn good(self) -> Style {
        self.of(Color::Green)
    }

    pub(super) fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// On its way, or not as it should be for long.
    pub(super) fn warm(self) -> Style {
        self.of(Color::Yellow)
    }

    pub(super) fn faint(self) -> Style {
        if self.color {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    pub(super) fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn chosen() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// That of a backend's state.
    pub(super) fn state(self, state: &str) -> Style {
        match state {
            "ok" => self.good(),
            "slow" | "short" => self.warm().add_modifier(Modifier::BOLD),
            _ => self.bad(),
        }
    }

    /// That of a server's stage; one that is ready and does not serve is worth a look.
    pub(super) fn stage(self, stage: &str, serving: bool) -> Style {
        match stage {
            "ready" if serving => self.good(),
            "maint" | "off" | "unknown" => self.faint(),
            _ => self.warm(),
        }
    }
}
