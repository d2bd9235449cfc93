//! Importers: to come.
