//! What is to be learnt: plants, told apart by measurements.
//!
//! A *class* is a disease of a crop; each *variety* of it looks different, as from another region. The base model knows
//! common classes from public samples; what each region looks like, only the contributors know. The last class is rare:
//! few have it, and many ask for it.

use crate::random::Random;

/// Measurements of a sample.
pub(crate) const FEATURES: usize = 16;
/// Classes.
pub(crate) const CLASSES: usize = 6;
/// The class that few have samples of.
pub(crate) const RARE_CLASS: usize = CLASSES - 1;

/// Deviation of a class's centre, of a variety's from it, and of a sample from that, in the network's units.
const CLASS_SPREAD: f64 = 0.5;
const VARIETY_SPREAD: f64 = 1.0;
const SAMPLE_SPREAD: f64 = 0.7;
/// A measurement is a byte: its zero, and its steps in a unit.
const ZERO: f64 = 128.0;
const STEPS: f64 = 32.0;

/// A sample, and what it is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Example {
    /// The measurements.
    pub(crate) features: [u8; FEATURES],
    /// Its class, below [`CLASSES`].
    pub(crate) label: usize,
}

impl Example {
    /// The measurements as the network takes them.
    pub(crate) fn inputs(&self) -> [f32; FEATURES] {
        self.features
            .map(|value| ((f64::from(value) - ZERO) / STEPS) as f32)
    }

    /// A line of a table: measurements and label.
    pub(crate) fn line(&self) -> String {
        let cells = self.features.iter().map(u8::to_string);
        let cells: Vec<_> = cells.chain([self.label.to_string()]).collect();
        cells.join(",")
    }
}

/// A variety of a class.
#[derive(Debug, Clone)]
struct Variety {
    class: usize,
    centre: [f64; FEATURES],
}

/// The varieties.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    classes: Vec<[f64; FEATURES]>,
    varieties: Vec<Variety>,
}

impl Task {
    /// A task with a variety for each of `classes`, in their order.
    pub(crate) fn new(seed: u64, classes: &[usize]) -> Self {
        let mut random = Random::new(seed, "task");
        let mut around = |centre: [f64; FEATURES], spread: f64| {
            centre.map(|coordinate| coordinate + spread * random.normal())
        };
        let centres: Vec<_> = (0..CLASSES)
            .map(|_| around([0.0; FEATURES], CLASS_SPREAD))
            .collect();
        let varieties = classes
            .iter()
            .map(|class| Variety {
                class: *class,
                centre: around(centres[*class], VARIETY_SPREAD),
            })
            .collect();
        Self {
            classes: centres,
            varieties,
        }
    }

    /// A sample of a variety, rightly labelled.
    pub(crate) fn sample(&self, variety: usize, random: &mut Random) -> Example {
        let Variety { class, centre } = &self.varieties[variety];
        measured(*centre, *class, random)
    }

    /// A public sample of a class: of no region, and never of the rare class.
    pub(crate) fn public_sample(&self, random: &mut Random) -> Example {
        let class = random.below(RARE_CLASS);
        measured(self.classes[class], class, random)
    }
}

/// A sample around a centre.
fn measured(centre: [f64; FEATURES], label: usize, random: &mut Random) -> Example {
    let features = centre.map(|coordinate| {
        let value = coordinate + SAMPLE_SPREAD * random.normal();
        // The conversion saturates.
        (ZERO + STEPS * value).round() as u8
    });
    Example { features, label }
}
