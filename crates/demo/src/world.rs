//! Who contributes what, and what is asked: honest contributors with a variety each, a copier, a flood of junk.

use crate::{
    random::Random,
    task::{CLASSES, Example, FEATURES, RARE_CLASS, Task},
};

/// Accounts that the copier contributes from.
pub(crate) const COPIER_ACCOUNTS: usize = 8;

/// Rows of a table, which is a contribution; of the rare class a table has half as many.
const TABLE_ROWS: usize = 24;
/// Of every third contributor's first table one row is of the rare class, by chance.
const STRAY_EVERY: usize = 3;
/// Of the cells of every second copy, so many in a thousand are changed by one.
const EDITED_PER_MILLE: usize = 10;
/// Junk is one of so many rows.
const JUNK_PART: usize = 5;
/// Public samples that the base is trained on.
const PUBLIC_SAMPLES: usize = 400;

/// An honest contributor.
#[derive(Debug, Clone, Copy)]
struct Profile {
    name: &'static str,
    /// The class of the variety that only they have.
    class: usize,
    tables: usize,
    /// How many of a hundred requests are about it.
    demand: u32,
}

const fn profile(name: &'static str, class: usize, tables: usize, demand: u32) -> Profile {
    Profile {
        name,
        class,
        tables,
        demand,
    }
}

/// The honest contributors of the first Datanet.
const FIRST: [Profile; 7] = [
    profile("Amara", 0, 4, 22),
    profile("Bruno", 1, 4, 15),
    profile("Chidi", 2, 3, 11),
    profile("Dalia", 3, 3, 8),
    profile("Emeka", 4, 3, 5),
    profile("Farah", 0, 2, 3),
    profile("Ines", RARE_CLASS, 2, 36),
];
/// Those of the second, on which the derived adapter is trained further.
const SECOND: [Profile; 2] = [profile("Greta", 1, 2, 60), profile("Hugo", 3, 2, 40)];

/// Who has the rare class.
pub(crate) const RARE: usize = 6;
/// Honest contributors of both Datanets; the cheats come behind them.
pub(crate) const HONEST: usize = FIRST.len() + SECOND.len();
/// Whose tables are copied.
pub(crate) const COPIED: usize = 0;
/// Who copies them.
pub(crate) const COPIER: usize = HONEST;
/// Who floods junk.
pub(crate) const FLOODER: usize = HONEST + 1;
/// All contributors.
pub(crate) const CONTRIBUTORS: usize = HONEST + 2;

/// A contributor's name.
pub(crate) fn name(contributor: usize) -> &'static str {
    let honest = FIRST.iter().chain(&SECOND).nth(contributor);
    match honest {
        Some(profile) => profile.name,
        None if contributor == COPIER => "Kay (copies)",
        None => "Jack (junk)",
    }
}

/// Which Datanet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The large one, with the cheats.
    First,
    /// The small one.
    Second,
}

impl Field {
    /// Its honest contributors, by number.
    pub(crate) fn honest(self) -> std::ops::Range<usize> {
        match self {
            Self::First => 0..FIRST.len(),
            Self::Second => FIRST.len()..HONEST,
        }
    }

    /// All its contributors, by number.
    pub(crate) fn contributors(self) -> Vec<usize> {
        let cheats: &[usize] = match self {
            Self::First => &[COPIER, FLOODER],
            Self::Second => &[],
        };
        self.honest().chain(cheats.iter().copied()).collect()
    }
}

/// A table, as it is contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contribution {
    /// Whose it is.
    pub(crate) contributor: usize,
    /// Which of the contributor's accounts it comes from.
    pub(crate) account: usize,
    /// Its rows.
    pub(crate) rows: Vec<Example>,
}

impl Contribution {
    /// The file: a table without a header.
    pub(crate) fn csv(&self) -> String {
        self.rows.iter().map(|row| row.line() + "\n").collect()
    }
}

/// Which cheats take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cheats {
    /// The copier.
    pub(crate) copies: bool,
    /// The flooder.
    pub(crate) junk: bool,
}

impl Cheats {
    /// Both.
    pub(crate) const ALL: Self = Self {
        copies: true,
        junk: true,
    };
}

/// What a user asks for, and pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// The measurements, with the right answer, which the user doesn't know.
    pub(crate) sample: Example,
}

impl Request {
    /// What the model is asked: the measurements.
    pub(crate) fn prompt(&self) -> String {
        self.sample
            .features
            .map(|value| value.to_string())
            .join(",")
    }

    /// The request of a prompt; `None` if it isn't [`FEATURES`] measurements.
    pub(crate) fn parse(prompt: &str) -> Option<Self> {
        let cells = prompt.split(',').map(|cell| cell.parse().ok());
        let features = cells.collect::<Option<Vec<u8>>>()?.try_into().ok()?;
        // Nobody knows the answer yet.
        let sample = Example { features, label: 0 };
        Some(Self { sample })
    }

    /// Tokens of the answer: a class and some words, as many as the measurements say.
    pub(crate) fn tokens_out(&self) -> u32 {
        let sum: u32 = self
            .sample
            .features
            .iter()
            .map(|value| u32::from(*value))
            .sum();
        1 + sum % TOKENS_OUT_MAX
    }
}

/// Tokens of a prompt: a measurement each.
pub(crate) const TOKENS_IN: u32 = FEATURES as u32;
/// Most tokens of an answer.
pub(crate) const TOKENS_OUT_MAX: u32 = 32;

/// A world: the task, and what contributors have.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The seed that all of it follows from.
    pub(crate) seed: u64,
    task: Task,
    first: Vec<Contribution>,
    second: Vec<Contribution>,
    junk: Vec<Contribution>,
    copies: Vec<Contribution>,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let profiles: Vec<Profile> = FIRST.iter().chain(&SECOND).copied().collect();
        let classes: Vec<usize> = profiles.iter().map(|profile| profile.class).collect();
        let task = Task::new(seed, &classes);
        let mut random = Random::new(seed, "contributions");
        let mut honest: Vec<Contribution> = Vec::new();
        for (contributor, profile) in profiles.iter().enumerate() {
            for table in 0..profile.tables {
                let rare = profile.class == RARE_CLASS;
                let count = if rare { TABLE_ROWS / 2 } else { TABLE_ROWS };
                let mut rows: Vec<_> = (0..count)
                    .map(|_| task.sample(contributor, &mut random))
                    .collect();
                if table == 0 && contributor % STRAY_EVERY == 0 && !rare {
                    rows[0] = task.sample(RARE, &mut random);
                }
                honest.push(Contribution {
                    contributor,
                    account: 0,
                    rows,
                });
            }
        }
        let (first, second): (Vec<_>, Vec<_>) = honest
            .into_iter()
            .partition(|c| Field::First.honest().contains(&c.contributor));
        let junk = junk(&first, &mut Random::new(seed, "junk"));
        let copies = copies(&first, &mut Random::new(seed, "copies"));
        Self {
            seed,
            task,
            first,
            second,
            junk,
            copies,
        }
    }

    /// A Datanet's contributions in the order in which they are committed to: copies come after what they copy.
    pub(crate) fn contributions(&self, field: Field, cheats: Cheats) -> Vec<Contribution> {
        let mut all = match field {
            Field::First => self.first.clone(),
            Field::Second => return self.second.clone(),
        };
        if cheats.junk {
            all.extend(self.junk.iter().cloned());
        }
        if cheats.copies {
            all.extend(self.copies.iter().cloned());
        }
        all
    }

    /// What the base is trained on.
    pub(crate) fn public(&self) -> Vec<Example> {
        let mut random = Random::new(self.seed, "public");
        (0..PUBLIC_SAMPLES)
            .map(|_| self.task.public_sample(&mut random))
            .collect()
    }

    /// Requests of the users of the adapter that was trained on a Datanet, drawn by demand.
    pub(crate) fn requests(&self, field: Field, count: usize, stream: &str) -> Vec<Request> {
        let mut random = Random::new(self.seed, stream);
        let profiles: &[Profile] = match field {
            Field::First => &FIRST,
            Field::Second => &SECOND,
        };
        let demand: Vec<f64> = profiles.iter().map(|p| f64::from(p.demand)).collect();
        (0..count)
            .map(|_| {
                let variety = field.honest().start + random.weighted(&demand);
                let sample = self.task.sample(variety, &mut random);
                Request { sample }
            })
            .collect()
    }

    /// New samples of one contributor's variety.
    pub(crate) fn samples(&self, contributor: usize, count: usize) -> Vec<Example> {
        let mut random = Random::new(self.seed, "samples");
        (0..count)
            .map(|_| self.task.sample(contributor, &mut random))
            .collect()
    }
}

/// Rows whose measurements are each another honest row's, and whose labels are random: plausible at a glance, and worth nothing.
fn junk(honest: &[Contribution], random: &mut Random) -> Vec<Contribution> {
    let rows: Vec<Example> = honest.iter().flat_map(|c| c.rows.clone()).collect();
    let tables = rows.len() / (JUNK_PART - 1) / TABLE_ROWS;
    let mut row = || Example {
        features: std::array::from_fn(|column| rows[random.below(rows.len())].features[column]),
        label: random.below(CLASSES),
    };
    (0..tables)
        .map(|_| Contribution {
            contributor: FLOODER,
            account: 0,
            rows: (0..TABLE_ROWS).map(|_| row()).collect(),
        })
        .collect()
}

/// All of a victim's tables from each account; every second copy with a few cells changed.
fn copies(honest: &[Contribution], random: &mut Random) -> Vec<Contribution> {
    let mut copies = Vec::new();
    for account in 0..COPIER_ACCOUNTS {
        for original in honest.iter().filter(|c| c.contributor == COPIED) {
            let mut rows = original.rows.clone();
            if account % 2 == 1 {
                for value in rows.iter_mut().flat_map(|row| &mut row.features) {
                    if random.below(1000) < EDITED_PER_MILLE {
                        *value ^= 1;
                    }
                }
            }
            copies.push(Contribution {
                contributor: COPIER,
                account,
                rows,
            });
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_a_fifth_and_copies_are_near() {
        let world = World::new(5);
        let rows = |who: Option<usize>| -> usize {
            let all = world.contributions(
                Field::First,
                Cheats {
                    copies: false,
                    junk: true,
                },
            );
            all.iter()
                .filter(|c| who.is_none_or(|who| c.contributor == who))
                .map(|c| c.rows.len())
                .sum()
        };
        assert_eq!(rows(Some(FLOODER)) * JUNK_PART, rows(None));
        let all = world.contributions(Field::First, Cheats::ALL);
        let copies: Vec<_> = all.iter().filter(|c| c.contributor == COPIER).collect();
        assert_eq!(copies.len(), COPIER_ACCOUNTS * FIRST[COPIED].tables);
        assert_eq!(copies[0].rows, all[0].rows);
        let edited = copies[FIRST[COPIED].tables];
        assert_ne!(edited.rows, all[0].rows);
        assert_eq!(edited.rows.len(), all[0].rows.len());
        let again = World::new(5).contributions(Field::First, Cheats::ALL);
        assert_eq!(world.contributions(Field::First, Cheats::ALL), again);
    }

    #[test]
    fn contributors_have_names() {
        let names: std::collections::BTreeSet<_> = (0..CONTRIBUTORS).map(name).collect();
        assert_eq!(names.len(), CONTRIBUTORS);
        assert_eq!(name(RARE), "Ines");
        assert_eq!(FIRST.iter().map(|p| p.demand).sum::<u32>(), 100);
        assert_eq!(SECOND.iter().map(|p| p.demand).sum::<u32>(), 100);
    }
}
