//! Any bytes in any file: opened, cut, refused, but never a panic, and never a record that was not written.

use std::path::Path;

use log::disk::Disk as _;
use log::{Origin, Recovery};
use proptest::prelude::*;
use protocol::Offset;

use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_files(
        file: prop::sample::Index,
        at: prop::sample::Index,
        garbage in prop::collection::vec(any::<u8>(), 1..40),
        cut: bool,
        clean: bool,
        recovery_point in 0i64..50,
    ) {
        let (disk, mut log) = new_log(small());
        for sequence in 0..10 {
            append(&mut log, of_producer(1, 0, sequence * 2, 2, true));
            append_marker(&mut log, marker(1, 0, sequence % 2 == 0, 0));
        }
        let written = bytes(&log.read(Offset(0), u64::MAX, true, Offset(30)).unwrap());
        log.close().unwrap();
        let names = files(&disk);
        let target = disk.open(&Path::new(DIR).join(file.get(&names)), false).unwrap();
        let at = at.index(target.len().unwrap() as usize + 1) as u64;
        target.write_at(&garbage, at).unwrap();
        if cut {
            target.set_len(at).unwrap();
        }
        let recovery = Recovery { clean_shutdown: clean, recovery_point: Offset(recovery_point), ..Recovery::default() };
        if let Ok((mut log, _)) = try_open(&disk, small(), recovery) {
            let end = log.log_end_offset();
            if let Ok(read) = log.read(Offset(0), u64::MAX, true, end)
                && !clean
                && recovery_point == 0
            {
                prop_assert!(written.starts_with(&bytes(&read)));
            }
            // The end of a log that says it was closed is what its last batch says: up to two thousand million more.
            for offset in (0..end.get()).take(50).chain(end.get().saturating_sub(10)..end.get()) {
                let _ = log.read(Offset(offset), 100, true, end);
            }
            let _ = log.offset_for_timestamp(log::Source::Disk, NOW.unix_ms);
            let _ = log.aborted_transactions(Offset(0), end);
            let _ = log.append_as_leader(&mut plain(1), EPOCH, NOW, Origin::Client);
            let _ = log.truncate_to(Offset(end.get() / 2), NOW);
        }
    }

    #[test]
    fn any_bytes_as_batches(mut bytes in prop::collection::vec(any::<u8>(), 0..300), tail: bool) {
        let (_, mut log) = new_log(small());
        if tail {
            bytes = [plain(2), bytes].concat();
        }
        let _ = log.append_as_follower(&bytes, NOW);
        let _ = log.append_as_leader(&mut bytes, EPOCH, NOW, Origin::Client);
        everything(&log);
    }
}
