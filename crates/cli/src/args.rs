//! The command line: what can be written, with its help. What it does is in `server` and `tools`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Kafka in one binary: the server and its tools.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, arg_required_else_help = true, max_term_width = 120)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a broker and controller.
    Server(ServerArgs),
    /// Start a node in a temporary folder, send a record through it, stop it.
    Demo,
    #[command(flatten)]
    Tool(Tool),
}

/// What `millstream server` is told.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServerArgs {
    /// A file of Kafka's server properties.
    #[arg(value_name = "FILE.properties")]
    pub(crate) file: Option<PathBuf>,
    /// A property that counts more than the file's.
    #[arg(long = "override", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) overrides: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// List, create, describe, alter and delete topics and their records.
    Topics(TopicsArgs),
    /// List, describe and delete groups, and move their offsets.
    Groups(GroupsArgs),
    /// Show and change the properties of topics, brokers and groups.
    Configs(ConfigsArgs),
    /// Send lines of standard input as records.
    Produce(ProduceArgs),
    /// Print records as they come.
    Consume(ConsumeArgs),
    /// Show the cluster, what its brokers serve, and their log directories.
    Cluster(ClusterArgs),
    /// Look at the files of logs, check them, and mend them. Works on the disk, without a node.
    Log(LogArgs),
}

/// What every tool takes.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Common {
    /// Brokers to ask first, separated by commas.
    #[arg(long, global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    pub(crate) bootstrap_server: String,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long to try before giving up, in milliseconds.
    #[arg(long, global = true, value_name = "MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout_ms: u64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// List topics.
    List {
        /// Leave out Kafka's own topics.
        #[arg(long)]
        exclude_internal: bool,
    },
    /// Create topics.
    Create {
        /// The topics' names.
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        /// How many partitions [default: the broker's num.partitions].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// How many replicas [default: the broker's default.replication.factor].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,
        /// A property of the topics.
        #[arg(long = "config", value_name = "KEY=VALUE", value_parser = key_value)]
        configs: Vec<(String, String)>,
        /// Succeed if a topic is there already.
        #[arg(long)]
        if_not_exists: bool,
        /// Only say whether it would work.
        #[arg(long)]
        validate_only: bool,
    },
    /// Describe topics: partitions, leaders, replicas.
    Describe {
        /// The topics' names [default: all].
        #[arg(value_name = "TOPIC")]
        topics: Vec<String>,
    },
    /// Add partitions to a topic.
    Alter {
        /// The topic's name.
        topic: String,
        /// How many partitions it shall have.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: i32,
        /// Only say whether it would work.
        #[arg(long)]
        validate_only: bool,
    },
    /// Delete topics with all their records.
    Delete {
        /// The topics' names.
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        /// Succeed if a topic is not there.
        #[arg(long)]
        if_exists: bool,
    },
    /// Show offsets of a topic's partitions.
    Offsets {
        /// The topic's name.
        topic: String,
        /// earliest, latest, max-timestamp, or milliseconds since 1970.
        #[arg(long, value_name = "TIME", default_value = "latest", value_parser = time)]
        time: Time,
    },
    /// Delete the oldest records of a topic.
    DeleteRecords {
        /// The topic's name.
        topic: String,
        /// The first offset to keep; `end` deletes all that is there.
        #[arg(long, value_name = "OFFSET", value_parser = offset_or_end)]
        before: i64,
        /// Only in these partitions [default: all].
        #[arg(long = "partition", value_name = "P")]
        partitions: Vec<i32>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: GroupsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// List groups.
    List,
    /// Describe groups: members, partitions, committed offsets and how far they are behind.
    Describe {
        /// The groups' ids.
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Delete groups that have no members.
    Delete {
        /// The groups' ids.
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Move the committed offsets of a group that has no members. Shows the plan; --execute carries it out.
    ResetOffsets(ResetOffsets),
    /// Delete committed offsets of a group.
    DeleteOffsets {
        /// The group's id.
        group: String,
        /// A topic, or some of its partitions.
        #[arg(long = "topic", required = true, value_name = "TOPIC[:P,...]", value_parser = topic_partitions)]
        topics: Vec<TopicPartitions>,
    },
}

#[derive(Debug, ClapArgs)]
#[command(group(clap::ArgGroup::new("to").required(true).args([
    "to_earliest", "to_latest", "to_current", "to_offset", "shift_by", "to_timestamp"])))]
#[command(group(clap::ArgGroup::new("which").required(true).args(["topics", "all_topics"])))]
pub(crate) struct ResetOffsets {
    /// The group's id.
    pub(crate) group: String,
    /// A topic, or some of its partitions.
    #[arg(long = "topic", value_name = "TOPIC[:P,...]", value_parser = topic_partitions)]
    pub(crate) topics: Vec<TopicPartitions>,
    /// All topics that the group has committed offsets of.
    #[arg(long)]
    pub(crate) all_topics: bool,
    /// To the oldest record.
    #[arg(long)]
    pub(crate) to_earliest: bool,
    /// To the end.
    #[arg(long)]
    pub(crate) to_latest: bool,
    /// To where it is, or the end where there is nothing committed.
    #[arg(long)]
    pub(crate) to_current: bool,
    /// To an offset.
    #[arg(long, value_name = "OFFSET")]
    pub(crate) to_offset: Option<i64>,
    /// By so many records, back if negative.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) shift_by: Option<i64>,
    /// To the first record at a time or later, in milliseconds since 1970.
    #[arg(long, value_name = "MS")]
    pub(crate) to_timestamp: Option<i64>,
    /// Do it, and not only show the plan.
    #[arg(long)]
    pub(crate) execute: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConfigsArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: ConfigsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigsCommand {
    /// Show properties.
    Describe {
        #[command(flatten)]
        target: ConfigTarget,
        /// Also those that nobody has set.
        #[arg(long)]
        all: bool,
        /// Only these properties.
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Set properties; others stay as they are.
    Set {
        #[command(flatten)]
        target: ConfigTarget,
        /// The properties.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_value)]
        configs: Vec<(String, String)>,
    },
    /// Set properties back to their defaults.
    Delete {
        #[command(flatten)]
        target: ConfigTarget,
        /// The properties.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

/// Whose properties.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct ConfigTarget {
    /// Of a topic.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Of one broker.
    #[arg(long, value_name = "ID")]
    pub(crate) broker: Option<i32>,
    /// Of all brokers.
    #[arg(long)]
    pub(crate) all_brokers: bool,
    /// Of a group.
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ProduceArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The topic.
    pub(crate) topic: String,
    /// What stands between key and value in a line; without it, lines are values.
    #[arg(long, value_name = "TEXT")]
    pub(crate) key_separator: Option<String>,
    /// A value that means null, so that a tombstone can be written.
    #[arg(long, value_name = "TEXT")]
    pub(crate) null_marker: Option<String>,
    /// A header for every record.
    #[arg(long = "header", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) headers: Vec<(String, String)>,
    /// The partition [default: by key, else in turn].
    #[arg(long, value_name = "P")]
    pub(crate) partition: Option<i32>,
    /// How many replicas must have a record before it counts as delivered.
    #[arg(long, value_name = "ACKS", default_value = "all", allow_hyphen_values = true)]
    pub(crate) acks: AcksArg,
    /// none, gzip, snappy, lz4 or zstd.
    #[arg(long, value_name = "CODEC", default_value = "none", value_parser = codec)]
    pub(crate) compression: client::Codec,
    /// How long a batch waits for more records, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub(crate) linger_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcksArg {
    /// Nobody.
    #[value(name = "0")]
    None,
    /// The leader.
    #[value(name = "1")]
    Leader,
    /// All replicas in sync.
    #[value(alias = "-1")]
    All,
}

#[derive(Debug, ClapArgs)]
#[command(group(clap::ArgGroup::new("start").args(["from_beginning", "offset", "timestamp", "from_end"])))]
pub(crate) struct ConsumeArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The topic.
    pub(crate) topic: String,
    /// Read as a member of this group and commit what was printed. With --from-beginning, where nothing is committed.
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["partitions", "offset", "timestamp", "from_end", "no_follow"])]
    pub(crate) group: Option<String>,
    /// Only these partitions.
    #[arg(long = "partition", value_name = "P")]
    pub(crate) partitions: Vec<i32>,
    /// Start at the oldest record [default: at what comes next].
    #[arg(long)]
    pub(crate) from_beginning: bool,
    /// Start at an offset.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) offset: Option<i64>,
    /// Start at the first record of a time or later, in milliseconds since 1970.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) timestamp: Option<i64>,
    /// Start so many offsets before the end of each partition.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) from_end: Option<i64>,
    /// Stop after so many records.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
    /// Stop at the end instead of waiting for more.
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Leave out records of transactions that are open or aborted.
    #[arg(long)]
    pub(crate) read_committed: bool,
    /// Print the key before the value.
    #[arg(long)]
    pub(crate) print_key: bool,
    /// Print headers.
    #[arg(long)]
    pub(crate) print_headers: bool,
    /// Print the timestamp.
    #[arg(long)]
    pub(crate) print_timestamp: bool,
    /// Print partition and offset.
    #[arg(long)]
    pub(crate) print_offset: bool,
    /// What stands between the parts of a line [default: a tab].
    #[arg(long, value_name = "TEXT", default_value = "\t", hide_default_value = true)]
    pub(crate) separator: String,
    /// What stands after each record [default: a newline].
    #[arg(long, value_name = "TEXT", default_value = "\n", hide_default_value = true)]
    pub(crate) delimiter: String,
    /// How keys, values and headers are printed: as they are, or in hexadecimal.
    #[arg(long, value_name = "ENCODING", default_value = "raw")]
    pub(crate) encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// Byte by byte.
    Raw,
    /// Two digits a byte.
    Hex,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Option<ClusterCommand>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Show id, controller and brokers (the default).
    Describe,
    /// Show the versions of each API that the brokers serve.
    ApiVersions,
    /// Show the log directories of the brokers.
    LogDirs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// Print JSON, an object a line, instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: LogCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print what is in files: batches, records, indexes, snapshots, checkpoints.
    ///
    /// Reads only, and may be used while a node runs; the end of a log that is being written may look torn then.
    Dump(LogDumpArgs),
    /// Check every batch, index, snapshot and checkpoint. Exit code 0: all is well; 1: something was found.
    ///
    /// Reads only. While a node uses the directory only what lies before the recovery point is checked, and the node cannot start
    /// on it while it is checked.
    Verify(LogVerifyArgs),
    /// Mend damaged partitions of a stopped node. Shows what would be done; --execute does it.
    ///
    /// Indexes are built anew. Bytes that are no batch are taken out of the log: their offsets are missing then, as after a compaction,
    /// and everything else keeps its own. What leaves the log is kept beside it in files with the suffix `.corrupt`. What lies past
    /// the recovery point is left to the next start, which cuts the log there.
    Repair(LogRepairArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogDumpArgs {
    /// Files, partitions' directories, or log directories (of which the checkpoints are shown).
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print the records of every batch.
    #[arg(long)]
    pub(crate) records: bool,
    /// Print the records of __consumer_offsets and __cluster_metadata as what they mean.
    #[arg(long)]
    pub(crate) decode: bool,
    /// Leave out batches that end before an offset.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) offset: Option<i64>,
    /// Stop after so many batches of each file.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogVerifyArgs {
    /// Log directories, or directories of partitions.
    #[arg(value_name = "DIR", default_value = "millstream-data")]
    pub(crate) paths: Vec<PathBuf>,
    /// How many partitions to check at the same time [default: as many as there are processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// How many findings of a partition to print; the others are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) max_findings: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogRepairArgs {
    /// Directories of partitions.
    #[arg(required = true, value_name = "PARTITION-DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Do it, and not only show the plan.
    #[arg(long)]
    pub(crate) execute: bool,
    /// End the log at the first damage, and set all that follows aside, instead of taking the damage out.
    #[arg(long)]
    pub(crate) cut: bool,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) client::OffsetSpec);

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicPartitions {
    pub(crate) topic: String,
    /// None is all.
    pub(crate) partitions: Option<Vec<i32>>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn topic_partitions(text: &str) -> Result<TopicPartitions, String> {
    // A topic's name has no colon.
    let (topic, partitions) = match text.split_once(':') {
        None => (text, None),
        Some((topic, list)) => {
            let parsed: Result<Vec<i32>, _> = list.split(',').map(str::parse).collect();
            (topic, Some(parsed.map_err(|_| "expected partitions as numbers: TOPIC:0,1,2".to_owned())?))
        }
    };
    if topic.is_empty() {
        return Err("the topic is missing".to_owned());
    }
    Ok(TopicPartitions { topic: topic.to_owned(), partitions })
}

fn time(text: &str) -> Result<Time, String> {
    use client::OffsetSpec;
    Ok(Time(match text {
        "earliest" => OffsetSpec::Earliest,
        "latest" => OffsetSpec::Latest,
        "max-timestamp" => OffsetSpec::MaxTimestamp,
        ms => match ms.parse() {
            Ok(ms @ 0..) => OffsetSpec::Timestamp(ms),
            _ => return Err("expected earliest, latest, max-timestamp or milliseconds".to_owned()),
        },
    }))
}

fn offset_or_end(text: &str) -> Result<i64, String> {
    match text {
        "end" => Ok(-1),
        offset => match offset.parse() {
            Ok(offset @ 0..) => Ok(offset),
            _ => Err("expected an offset or `end`".to_owned()),
        },
    }
}

fn codec(text: &str) -> Result<client::Codec, String> {
    client::Codec::from_name(text).ok_or_else(|| "expected none, gzip, snappy, lz4 or zstd".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    fn parse(line: &str) -> Result<Tool, clap::Error> {
        match Args::try_parse_from(line.split_whitespace())?.command {
            Command::Tool(tool) => Ok(tool),
            Command::Server(_) | Command::Demo => panic!("not a tool"),
        }
    }

    #[test]
    fn common_options_stand_anywhere() {
        for line in [
            "millstream topics --bootstrap-server b:1 list --json",
            "millstream topics list --json --bootstrap-server b:1",
        ] {
            let Ok(Tool::Topics(args)) = parse(line) else { panic!("{line}") };
            assert_eq!((args.common.bootstrap_server.as_str(), args.common.json), ("b:1", true));
        }
    }

    #[test]
    fn usage_is_checked() {
        let refused = |line: &str| match parse(line) {
            Ok(tool) => panic!("{line}: {tool:?}"),
            Err(error) => assert_eq!(error.exit_code(), 2, "{line}"),
        };
        refused("millstream topics");
        refused("millstream topics create");
        refused("millstream topics create t --partitions 0");
        refused("millstream topics create t --config novalue");
        refused("millstream groups reset-offsets g --to-earliest");
        refused("millstream groups reset-offsets g --topic t");
        refused("millstream groups reset-offsets g --topic t --to-earliest --to-latest");
        refused("millstream groups delete-offsets g --topic t:x");
        refused("millstream configs describe");
        refused("millstream configs describe --topic t --broker 1");
        refused("millstream consume t --group g --offset 3");
        refused("millstream consume t --from-beginning --offset 3");
        refused("millstream produce t --acks 2");
        refused("millstream produce t --compression lzma");
        refused("millstream topics offsets t --time yesterday");
        refused("millstream log dump");
        refused("millstream log repair --execute");
        refused("millstream log verify --jobs 0");
    }

    #[test]
    fn values_mean_what_they_say() {
        let Ok(Tool::Produce(args)) =
            parse("millstream produce t --acks -1 --header a=b=c --compression zstd")
        else {
            panic!("produce")
        };
        assert_eq!(args.acks, AcksArg::All);
        assert_eq!(args.headers, [("a".to_owned(), "b=c".to_owned())]);
        assert_eq!(args.compression, client::Codec::Zstd);
        let Ok(Tool::Groups(GroupsArgs { command: GroupsCommand::ResetOffsets(args), .. })) =
            parse("millstream groups reset-offsets g --topic t:1,2 --topic u --shift-by -5")
        else {
            panic!("reset-offsets")
        };
        let part = |topic: &str, partitions| TopicPartitions { topic: topic.to_owned(), partitions };
        assert_eq!(args.topics, [part("t", Some(vec![1, 2])), part("u", None)]);
        assert_eq!((args.shift_by, args.execute), (Some(-5), false));
        let Ok(Tool::Topics(TopicsArgs { command: TopicsCommand::DeleteRecords { before, .. }, .. })) =
            parse("millstream topics delete-records t --before end")
        else {
            panic!("delete-records")
        };
        assert_eq!(before, -1);
    }

    #[test]
    fn server_takes_a_file_and_overrides() {
        let line = ["millstream", "server", "a.properties", "--override", "a=b", "--override", "c="];
        let Ok(Args { command: Command::Server(args) }) = Args::try_parse_from(line) else {
            panic!("server")
        };
        assert_eq!(args.file, Some("a.properties".into()));
        assert_eq!(args.overrides, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]);
    }
}
