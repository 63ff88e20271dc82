"""Reservations of slots without Ray, for tests that set the free slots themselves."""

from firelib.train.driver.slot_reservation import SlotReservation


class UnlimitedSlots(SlotReservation):
    """Reserves any number of slots at once, except for the first `refused` times."""

    refused = 0

    def reserve(self, slots: int, seconds: float) -> bool:
        if self.refused:
            self.refused -= 1
            return False
        self.slots += slots
        return True
