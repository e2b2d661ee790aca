//! What is known about the event at hand: numbered things that have been come upon, or found out.
//!
//! Nothing is cleared between events: what was noted for another event is known by its epoch.

/// Which numbered things have been come upon in an epoch.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    epoch: u32,
    last: Vec<u32>,
}

impl Epochs {
    /// Makes ready for so many things.
    pub(super) fn reset(&mut self, things: usize) {
        self.epoch = 0;
        self.last.clear();
        self.last.resize(things, 0);
    }

    /// Makes room for so many things.
    pub(super) fn grow(&mut self, things: usize) {
        if self.last.len() < things {
            self.last.resize(things, 0);
        }
    }

    /// Begins the next epoch.
    pub(super) fn begin(&mut self) {
        if self.epoch == u32::MAX {
            self.reset(self.last.len());
        }
        self.epoch += 1;
    }

    /// Notes a thing; whether it is come upon for the first time in this epoch.
    pub(super) fn is_new(&mut self, thing: u32) -> bool {
        std::mem::replace(&mut self.last[thing as usize], self.epoch) != self.epoch
    }

    /// Whether a thing has been come upon in this epoch.
    pub(super) fn has(&self, thing: u32) -> bool {
        self.last[thing as usize] == self.epoch
    }
}

/// For numbered questions, whether the answer is yes, if that has been found out.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    epoch: u32,
    /// Twice the epoch, and one more if the answer is yes.
    known: Vec<u32>,
}

impl Verdicts {
    /// Makes ready for so many questions.
    pub(super) fn reset(&mut self, questions: usize) {
        self.epoch = 0;
        self.known.clear();
        self.known.resize(questions, 0);
    }

    /// Makes ready for the next event.
    pub(super) fn begin(&mut self) {
        if self.epoch == u32::MAX / 2 {
            self.reset(self.known.len());
        }
        self.epoch += 1;
    }

    pub(super) fn get(&self, question: u32) -> Option<bool> {
        let known = self.known[question as usize];
        (known / 2 == self.epoch).then_some(known % 2 == 1)
    }

    pub(super) fn set(&mut self, question: u32, answer: bool) {
        self.known[question as usize] = self.epoch * 2 + u32::from(answer);
    }
}
