//! Clocks that jump, zones that change, and days that no calendar has.
