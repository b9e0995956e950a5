//! Tests of what a registry's entries become.
