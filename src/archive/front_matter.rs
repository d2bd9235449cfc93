//! front_matter: to come.
