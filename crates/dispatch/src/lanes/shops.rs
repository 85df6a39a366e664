//! Which shops' lanes there are. A shop has a slot while it has lanes, so that what is kept per shop is
//! found by a number.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sellvik_domain::ShopId;

/// A shop's slot. The first is for lanes whose shop nobody has said yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(u32);

impl Slot {
    pub(super) const NOBODY: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Default)]
pub(super) struct Shops {
    slots: HashMap<ShopId, Slot, RandomState>,
    /// By slot, but for the first: the shop and how many lanes it has.
    taken: Vec<(ShopId, usize)>,
    free: Vec<Slot>,
}

impl Shops {
    /// One more lane of this shop.
    pub(super) fn join(&mut self, shop: ShopId) -> Slot {
        let slot = *self.slots.entry(shop).or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.taken.push((shop, 0));
                Slot(u32::try_from(self.taken.len()).unwrap_or(u32::MAX))
            })
        });
        let place = &mut self.taken[slot.index() - 1];
        *place = (shop, place.1 + 1);
        slot
    }

    /// One lane less. With its last lane a shop leaves its slot to another.
    pub(super) fn leave(&mut self, slot: Slot) {
        if slot == Slot::NOBODY {
            return;
        }
        let (shop, lanes) = &mut self.taken[slot.index() - 1];
        *lanes = lanes.saturating_sub(1);
        if *lanes == 0 {
            self.slots.remove(shop);
            self.free.push(slot);
        }
    }

    /// Slots in use or once used, the first included.
    pub(super) fn len(&self) -> usize {
        self.taken.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_keeps_its_slot_while_it_has_lanes_and_leaves_it_to_another() {
        let (mut shops, [a, b, c]) = (Shops::default(), [1, 2, 3].map(|n| ShopId::new([n; 16])));
        let first = shops.join(a);
        assert_ne!(first, Slot::NOBODY);
        assert_eq!(shops.join(a), first);
        let second = shops.join(b);
        assert_ne!(second, first);
        shops.leave(first);
        assert_eq!(shops.join(a), first, "one of its lanes had stayed");
        shops.leave(first);
        shops.leave(first);
        shops.leave(Slot::NOBODY);
        assert_eq!(shops.join(c), first);
        assert_eq!((shops.join(c), shops.join(b), shops.len()), (first, second, 3));
    }
}
