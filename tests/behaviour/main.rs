//! What must hold, shown on whole brokers: each runs in this process from configuration files, in
//! front of SS-MIX2 trees in temporary folders, and is asked over mutual TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

// Each behaviour uses a part of it.
#[allow(dead_code)]
mod simulators;

mod a_seeded_run;
mod audit_repository;
mod both_ways;
mod budgets;
mod cards;
mod correlation;
mod crowded;
mod documents_stream;
mod emergencies;
mod every_step_of_the_log;
mod floods;
mod home_links;
mod hostile_portals;
mod hostile_xml;
mod http2_floods;
mod http_framing;
mod interconnect_segment;
mod killed_at_any_moment;
mod lying_peers;
mod messages_and_assertions;
mod no_record_no_answer;
mod nothing_about_patients_in_operation;
mod one_person_or_nobody;
mod pairs;
mod pdq_queries;
mod peers_lie_and_die;
mod pix_queries;
mod planted_values_never_surface;
mod portal_time;
mod portals_without_homes;
mod reader_costs;
mod remembered;
mod replays;
mod slow_and_failing_peers;
mod slow_clients;
mod start_and_restart;
mod stored_queries;
mod who_asks;
mod withheld_leaves_no_trace;
mod xds_networks;
mod xds_sites;
