//! What was met: a simulation in which nothing happens finds nothing.

use std::fmt;
use std::ops::AddAssign;

macro_rules! coverage {
    ($($(#[$doc:meta])* $name:ident: $word:literal,)*) => {
        /// How often what was met.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Coverage {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Coverage {
            /// What was never met.
            pub fn missing(&self) -> Vec<&'static str> {
                let met = [$((self.$name, $word),)*];
                met.into_iter().filter(|(count, _)| *count == 0).map(|(_, word)| word).collect()
            }

            /// As [`fmt::Display`] writes it.
            pub fn parse(line: &str) -> Self {
                let mut coverage = Self::default();
                for (count, word) in line.split(", ").filter_map(|part| part.split_once(' ')) {
                    match word {
                        $($word => coverage.$name = count.parse().unwrap_or_default(),)*
                        _ => {}
                    }
                }
                coverage
            }
        }

        impl AddAssign for Coverage {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl fmt::Display for Coverage {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let counts = [$(format!("{} {}", self.$name, $word),)*];
                formatter.write_str(&counts.join(", "))
            }
        }
    };
}

coverage! {
    /// Calls that took access away and that every node confirmed.
    confirmed: "revocations confirmed",
    /// Calls that took access away and for which a node was waited out.
    waited_out: "revocations waited out",
    /// Revocations that were repeated while they were under way.
    repeated: "revocations repeated",
    /// Calls that gave access back.
    granted: "grants",
    /// Hosts that were killed.
    crashes: "crashes",
    /// Hosts that were killed while a revocation was under way.
    crashes_in_revocation: "crashes in a revocation",
    /// Links that were cut, both ways or one.
    partitions: "partitions",
    /// Links on which everything waited.
    held: "held links",
    /// Links that were slow.
    slow: "slow links",
    /// Databases that were slow for a while.
    slow_disks: "slow databases",
    /// Steps of transactions that took long, and commits whose outcome nobody learnt.
    steps: "bad steps",
    /// Messages that somebody got.
    deliveries: "deliveries",
    /// Answers to reads.
    reads: "reads",
    /// Sends that were acknowledged.
    sends: "sends",
    /// Sends that were refused.
    refused: "refused sends",
    /// Sends of which nobody knows.
    unknown: "unknown sends",
    /// Streams that said that they hold.
    holding: "streams holding",
    /// Streams that were ended for good.
    cut: "streams cut",
    /// Hand-overs that nodes recorded.
    handed: "hand-overs",
    /// What the judges looked at.
    judged: "cases judged",
}
