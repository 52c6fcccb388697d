//! What goes wrong: the process ends, the power goes, at any operation of the disk; the disk is full, or fails.

use super::event::End;
use super::scene::Scene;
use super::world::World;

/// What is about to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// At an operation of the disk that was chosen, the process ends so.
    stops: Option<End>,
    /// Which operation of the disk fails.
    fails_at: Option<u64>,
    full: bool,
}

impl Faults {
    /// Says whether something may fail in this step.
    pub(crate) fn begin_step(&self, scene: &mut Scene) {
        let fails = self.fails_at.is_some_and(|at| at >= scene.disk.operations());
        scene.faulty = fails || self.full || self.stops.is_some();
    }

    /// How the process has ended, if it met the operation that was chosen.
    pub(crate) fn has_stopped(&self, scene: &Scene) -> Option<End> {
        self.stops.filter(|_| scene.disk.is_stopped())
    }

    /// What was armed is gone with the process.
    pub(crate) fn disarm(&mut self) {
        (self.stops, self.fails_at) = (None, None);
    }
}

impl World {
    /// Something goes wrong, or comes right.
    pub(crate) fn fault(&mut self) {
        if self.node.is_none() {
            return;
        }
        match self.scene.random.below(20) {
            0..3 => self.end(End::PowerLoss),
            3..5 => self.end(End::Kill),
            5..7 => self.end(End::Clean),
            7..12 => {
                let how = self.scene.pick(&[End::PowerLoss, End::PowerLoss, End::Kill]);
                let at = self.soon();
                self.scene.trace(format_args!("{how:?} at operation {at}"));
                self.scene.disk.stop_at(at);
                self.faults.stops = Some(how);
            }
            12..15 => {
                let at = self.soon();
                self.scene.trace(format_args!("operation {at} fails"));
                self.scene.disk.fail_at(at);
                self.faults.fails_at = Some(at);
            }
            15..17 => {
                let room = self.scene.random.below(2_000) as u64;
                self.scene.trace(format_args!("the disk has room for {room} bytes"));
                self.scene.disk.set_capacity_bytes(self.scene.disk.used_bytes() + room);
                self.faults.full = true;
            }
            _ => {
                self.scene.disk.set_capacity_bytes(u64::MAX);
                self.faults.full = false;
            }
        }
    }

    fn soon(&mut self) -> u64 {
        let most = self.scene.pick(&[3, 20, 100]);
        self.scene.disk.operations() + self.scene.random.below(most) as u64
    }

    /// The process ends.
    pub(crate) fn end(&mut self, how: End) {
        let Some(node) = self.node.take() else { return };
        let how = match how {
            End::Clean => match node.stop(&mut self.scene) {
                true => End::Clean,
                false => End::Kill,
            },
            how => how,
        };
        let how = self.faults.has_stopped(&self.scene).unwrap_or(how);
        self.die(how);
    }
}
