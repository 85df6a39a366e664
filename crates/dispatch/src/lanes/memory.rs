//! What is held in memory, by pool and shop, and who waits for some of it.

use sellvik_domain::Lane;

use super::pools::{Held, PerPool, Pool};
use super::shops::Slot;
use crate::bounds::{PoolBounds, SHOP_SHARE};

#[derive(Default)]
pub(super) struct Memory {
    all: Held,
    pools: PerPool<Held>,
    shops: Vec<ShopMemory>,
    /// Lanes that wait no longer, to be planned anew.
    freed: Vec<Lane>,
}

#[derive(Default, Clone)]
struct ShopMemory {
    all: Held,
    pools: PerPool<Share>,
    /// How many of its lanes are parked.
    parked: usize,
}

/// What one shop holds of a pool, and its lanes with something due that wait until it holds less.
#[derive(Default, Clone)]
struct Share {
    held: Held,
    parked: Vec<Lane>,
}

/// One part of a pool's memory.
fn bound(pool: Pool, of: u32) -> Held {
    let PoolBounds { deliveries, bytes, .. } = PoolBounds::of(pool);
    Held { deliveries: deliveries / of as usize, bytes: bytes / of as usize }
}

/// One part of all memory. A lane that comes to stand otherwise takes along what it holds, so that a pool
/// may hold more than its own for a while; all together never do.
fn bound_of_all(of: u32) -> Held {
    Pool::ALL.iter().fold(Held::default(), |sum, pool| sum.and(bound(*pool, of)))
}

fn fits(held: Held, bytes: usize, bound: Held) -> bool {
    held.deliveries < bound.deliveries && held.bytes + bytes <= bound.bytes
}

/// Deliveries of unknown size that may still come.
fn free(held: Held, bound: Held) -> u32 {
    let left = if held.bytes < bound.bytes { bound.deliveries.saturating_sub(held.deliveries) } else { 0 };
    u32::try_from(left).unwrap_or(u32::MAX)
}

impl Memory {
    /// There are so many slots for shops now.
    pub(super) fn shops(&mut self, slots: usize) {
        if self.shops.len() < slots {
            self.shops.resize(slots, ShopMemory::default());
        }
    }

    /// Whether the pool and the shop have room for one more delivery.
    pub(super) fn has_room(&self, shop: Slot, pool: Pool, bytes: usize) -> bool {
        fits(self.pools[pool], bytes, bound(pool, 1))
            && fits(self.all, bytes, bound_of_all(1))
            && fits(self.shops[shop.index()].pools[pool].held, bytes, bound(pool, SHOP_SHARE))
            && fits(self.shops[shop.index()].all, bytes, bound_of_all(SHOP_SHARE))
    }

    /// How many deliveries more the pool may hold.
    pub(super) fn free(&self, pool: Pool) -> u32 {
        free(self.pools[pool], bound(pool, 1)).min(free(self.all, bound_of_all(1)))
    }

    /// How many deliveries more the shop may hold.
    pub(super) fn free_of_shop(&self, shop: Slot, pool: Pool) -> u32 {
        let shop = &self.shops[shop.index()];
        free(shop.pools[pool].held, bound(pool, SHOP_SHARE))
            .min(free(shop.all, bound_of_all(SHOP_SHARE)))
            .min(self.free(pool))
    }

    pub(super) fn take(&mut self, shop: Slot, pool: Pool, held: Held) {
        self.all.add(held);
        self.pools[pool].add(held);
        let shop = &mut self.shops[shop.index()];
        shop.all.add(held);
        shop.pools[pool].held.add(held);
    }

    /// Lanes that wait for the shop's memory go on once half of it is free: not one delivery at a time.
    pub(super) fn give_back(&mut self, shop: Slot, pool: Pool, held: Held) {
        self.all.take_off(held);
        self.pools[pool].take_off(held);
        let shop = &mut self.shops[shop.index()];
        shop.all.take_off(held);
        shop.pools[pool].held.take_off(held);
        if shop.parked == 0 || free(shop.all, bound_of_all(SHOP_SHARE)) == 0 {
            return;
        }
        for pool in Pool::ALL {
            let share = &mut shop.pools[pool];
            if share.held.is_within(bound(pool, SHOP_SHARE * 2)) {
                shop.parked -= share.parked.len();
                self.freed.append(&mut share.parked);
            }
        }
    }

    /// A lane with something due waits until its shop, which holds all that it may, holds less.
    pub(super) fn park(&mut self, shop: Slot, pool: Pool, lane: Lane) {
        let shop = &mut self.shops[shop.index()];
        shop.parked += 1;
        shop.pools[pool].parked.push(lane);
    }

    pub(super) fn unpark(&mut self, shop: Slot, pool: Pool, lane: Lane) {
        let shop = &mut self.shops[shop.index()];
        let parked = &mut shop.pools[pool].parked;
        if let Some(at) = parked.iter().position(|parked| *parked == lane) {
            parked.swap_remove(at);
            shop.parked -= 1;
        }
    }

    /// Whether some lanes wait no longer.
    pub(super) fn has_freed(&self) -> bool {
        !self.freed.is_empty()
    }

    pub(super) fn freed(&mut self) -> Vec<Lane> {
        std::mem::take(&mut self.freed)
    }

    #[cfg(test)]
    pub(super) fn held(&self, pool: Pool) -> Held {
        self.pools[pool]
    }
}
