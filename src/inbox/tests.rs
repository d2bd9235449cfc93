//! B1 to B13.

use super::*;
