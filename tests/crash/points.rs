//! The rows F1 to F14 one by one: what a death at each place must leave behind.
