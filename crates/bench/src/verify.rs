//! Whether every event came to every webhook exactly as often as it should: once.

use anyhow::{bail, ensure};

use crate::sink::arrivals::Arrival;

/// Compares what came with the pairs of event and webhook that should have; sorts `came` by them.
pub(crate) fn exactly_once(
    came: &mut [Arrival],
    expected: impl Iterator<Item = (u32, u32)>,
) -> anyhow::Result<()> {
    came.sort_unstable();
    let mut expected: Vec<_> = expected.collect();
    expected.sort_unstable();
    let (mut missing, mut strange, mut repeated) = (0, 0, 0);
    let mut rest = came.iter().map(|one| (one.event, one.hook)).peekable();
    for pair in expected {
        while rest.next_if(|next| *next < pair).is_some() {
            strange += 1;
        }
        missing += usize::from(rest.next_if_eq(&pair).is_none());
        while rest.next_if_eq(&pair).is_some() {
            repeated += 1;
        }
    }
    strange += rest.count();
    if missing + strange + repeated > 0 {
        bail!("{missing} deliveries are missing, {repeated} came again, {strange} should not have come");
    }
    let mut ids: Vec<_> = came.iter().map(|one| one.delivery).collect();
    ids.sort_unstable();
    ids.dedup();
    ensure!(ids.len() == came.len(), "{} deliveries share an id with another", came.len() - ids.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(came: &[(u32, u32, u64)], expected: &[(u32, u32)]) -> Result<(), String> {
        let arrival = |&(event, hook, delivery): &(u32, u32, u64)| Arrival { event, hook, at: 0, delivery };
        let mut came: Vec<_> = came.iter().map(arrival).collect();
        exactly_once(&mut came, expected.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_missing_repeated_or_strange_is_told() {
        assert_eq!(check(&[(2, 0, 1), (1, 0, 2)], &[(1, 0), (2, 0)]), Ok(()));
        let told = |missing, again, strange| {
            Err(format!(
                "{missing} deliveries are missing, {again} came again, {strange} should not have come"
            ))
        };
        assert_eq!(check(&[(2, 0, 1)], &[(1, 0), (2, 0), (3, 0)]), told(2, 0, 0));
        assert_eq!(check(&[(1, 0, 1), (1, 0, 1), (1, 1, 2)], &[(1, 0), (1, 1)]), told(0, 1, 0));
        assert_eq!(check(&[(0, 0, 1), (1, 0, 2), (9, 0, 3)], &[(1, 0)]), told(0, 0, 2));
    }

    #[test]
    fn two_deliveries_with_one_id_are_told() {
        assert!(check(&[(1, 0, 7), (2, 0, 7)], &[(1, 0), (2, 0)]).is_err());
    }
}
