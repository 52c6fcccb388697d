//! What a seed is about: runs differ in what there is of everything and in what goes wrong, so that each of them goes
//! deep somewhere.

use stdx::Random;

/// The measures of one run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: usize,
    pub(crate) directories: usize,
    pub(crate) topics: usize,
    pub(crate) partitions: usize,
    pub(crate) producers: usize,
    pub(crate) fetchers: usize,
    pub(crate) members: usize,
    pub(crate) offsets_partitions: i32,
    /// `millstream.acks.all.fsync`.
    pub(crate) acks_all_fsync: bool,
    /// Segments are so much smaller than the configuration says, whose least is a mebibyte.
    pub(crate) shrink: u32,
    pub(crate) index_interval_bytes: u32,
    /// How often each kind of step comes, against the others.
    pub(crate) weights: Weights,
}

/// How often each kind of step comes.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) produce: usize,
    pub(crate) fetch: usize,
    pub(crate) group: usize,
    pub(crate) admin: usize,
    pub(crate) flush: usize,
    pub(crate) chore: usize,
    pub(crate) deliver: usize,
    pub(crate) time: usize,
    pub(crate) fault: usize,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut upto = |least: usize, most: usize| least + random.below(most - least + 1);
        Self {
            steps: upto(150, 700),
            directories: upto(1, 2),
            topics: upto(1, 3),
            partitions: upto(1, 3),
            producers: upto(1, 4),
            fetchers: upto(1, 3),
            members: upto(0, 6),
            offsets_partitions: upto(1, 2) as i32,
            acks_all_fsync: upto(0, 9) > 0,
            shrink: [512, 1024, 2048][upto(0, 2)],
            index_interval_bytes: [0, 100, 400, 4096][upto(0, 3)] as u32,
            weights: Weights {
                produce: upto(5, 30),
                fetch: upto(2, 15),
                group: upto(5, 40),
                admin: upto(0, 4),
                flush: upto(3, 30),
                chore: upto(1, 8),
                deliver: upto(8, 40),
                time: upto(3, 15),
                fault: upto(0, 3),
            },
        }
    }
}
