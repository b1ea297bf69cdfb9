use alloc::{collections::VecDeque, vec, vec::Vec};

/// The positions that robust winnowing selects (Schleimer, Wilkerson and Aiken, 2003), ascending: in each
/// window of `w` consecutive hashes the minimum, of equal ones the rightmost. Fewer than `w` hashes are one
/// window.
///
/// Any `w` consecutive positions hold a selected one, so a copy of `w + k - 1` tokens is always found.
pub fn winnow(hashes: &[u64], w: usize) -> Vec<usize> {
    let rightmost_minimum = |window: &[u64]| {
        let minimum = window.iter().min()?;
        window.iter().rposition(|hash| hash == minimum)
    };
    if hashes.len() < w {
        return rightmost_minimum(hashes).map_or_else(Vec::new, |position| vec![position]);
    }
    // Positions whose hash is below every later one of the window: the front is the window's minimum.
    let mut queue: VecDeque<(usize, u64)> = VecDeque::new();
    let mut selected: Vec<usize> = Vec::new();
    for (position, hash) in hashes.iter().enumerate() {
        while queue.back().is_some_and(|(_, last)| last >= hash) {
            queue.pop_back();
        }
        queue.push_back((position, *hash));
        let window_end = position.saturating_add(1);
        if queue
            .front()
            .is_some_and(|(first, _)| first.saturating_add(w) < window_end)
        {
            queue.pop_front();
        }
        if window_end < w {
            continue;
        }
        if let Some((minimum, _)) = queue.front()
            && selected.last() != Some(minimum)
        {
            selected.push(*minimum);
        }
    }
    selected
}
