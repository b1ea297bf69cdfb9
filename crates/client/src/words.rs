//! How the commands speak: a line a fact, its name in front.

/// Width of the names.
const NAME_WIDTH: usize = 16;

/// Prints a fact.
pub fn say(name: &str, fact: impl std::fmt::Display) {
    println!("{name:<NAME_WIDTH$}{fact}");
}

/// A time in seconds, and beyond two minutes in larger units as well.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (
        seconds / 86_400,
        seconds % 86_400 / 3_600,
        seconds % 3_600 / 60,
    );
    let larger = match (days, hours) {
        _ if seconds < 120 => return format!("{seconds} s"),
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    };
    format!("{seconds} s ({larger})")
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_in_units_that_people_use() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (125, "125 s (2 min)"),
            (5_100, "5100 s (1 h 25 min)"),
            (302_400, "302400 s (3 d 12 h)"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
