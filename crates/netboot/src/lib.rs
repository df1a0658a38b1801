//! Boots machines over the network: from the first DISCOVER to a menu, an ISO image, an iSCSI disk
//! or WinPE.
//!
//! ```text
//!   packet ─► wire ─► logic ──────────► wire ─► packet
//!                       │   ▲
//!     config ─► policy ─┘   └ state, time       events ─► log, timeline
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | [`wire`] | how packets are spelt: DHCP, TFTP, neighbour discovery of IPv6; no decisions |
//! | [`client`] | what a DHCP message says about its sender: program, platform, UUID |
//! | [`config`] | the configuration file: a section is a module with its check |
//! | [`event`] | what happened, for the log and the timeline |
//! | [`policy`] | what the configuration means for a client: boot file, menus, scripts, logins |
//! | [`logic`] | what is answered: pure functions of packet, configuration, state and time |
//! | [`files`] | where files come from: folders, memory, layers of these |
//! | [`net`] | the network interface, sockets, and ways to wait for them |
//! | [`dhcp`] | sockets, clock and lease log around `logic::dhcp` |
//! | `ipv6` | the socket around `logic::ipv6`, which ends the wait for a router |
//! | [`tftp`], [`http`] | how files are sent: one bounded task for each transfer |
//! | [`timeline`] | events put together: each machine's boot, where it stopped, and why |
//! | [`watch`] | boots for people: a page, an API, metrics |
//! | [`serve`] | the process: its ports, rights, content and services |
//!
//! A module uses only modules above it in this table.
//!
//! Everything that arrives from the network is hostile until proven otherwise: no packet makes this crate
//! panic, hang or use memory without bound, and each packet that gets no answer has a reason that is
//! reported.
//!
//! # Promises
//! | Promise | Tests that hold it |
//! |---|---|
//! | No packet makes it panic; the parsers have no unsafe code | `no_bytes_make_it_panic`, `no_option_makes_it_panic`, `any_bytes_are_read_or_refused_and_what_is_read_survives`, `an_address_longer_than_chaddr_is_refused`, `overloaded_fields_are_read_in_the_order_of_rfc_3396`, `an_overload_without_meaning_is_refused`; fuzz targets `dhcp_server`, `tftp_transfer`, `lease_log` |
//! | Files beneath the folders only, read-only, whatever the name's spelling; nothing is written | `no_spelling_leads_upwards`, `encoded_names`, `links_within_the_folder_are_followed_and_no_others`, `refusals_say_why_and_nothing_about_paths`, `curl_finds_no_way_out_of_the_folder`, `tftp_hpa_is_told_what_it_may_not` |
//! | A client is served whatever others hold | `an_address_that_floods_gives_way_before_one_that_does_not`, `an_honest_client_is_let_in_at_each_moment_of_a_flood`, `connections_without_a_request_never_keep_one_out`, `idle_connections_give_way_and_then_the_slowest_and_then_requests_wait`, `each_connection_is_let_in_and_the_oldest_of_the_address_that_has_most_is_closed`, `an_honest_client_is_served_before_while_and_after_others_do_their_worst` |
//! | Memory is bounded: transfers, windows, connections, leases, clients watched; slow readers are given up | `a_flood_leaves_room_for_those_that_answer`, `one_client_does_not_take_all`, `windows_are_bounded_in_all_and_given_back`, `connections_are_bounded`, `a_reader_that_takes_nothing_is_given_up`, `a_head_that_never_ends_is_given_up`, `a_flood_of_new_clients_leaves_room_for_known_ones`, `huge_options_are_read_whole_and_answered_within_the_limit_of_the_client`, `memory_is_bounded`, `pools_stay_in_their_network` |
//! | To an address that may be forged goes one block, three times at most; a repeated acknowledgement multiplies nothing | `until_the_client_answers_the_first_packet_is_sent_again_twice_whatever_was_asked`, `until_the_client_answers_one_packet_is_on_its_way`, `duplicates_are_not_answered_with_duplicates`, `a_client_that_acknowledges_each_block_of_a_window_does_not_multiply_traffic`, `a_repeated_request_begins_no_second_transfer` |
//! | It receives on one interface, answers no network that is not configured, and is a proxy where another server gives addresses | `another_interface_gets_no_answer`, `a_relay_of_no_configured_network_gets_no_answer`, `beside_another_server_it_is_a_proxy`, `beside_another_server_it_gives_addresses_by_force_only` |
//! | It alters no image and no file | `images_are_as_they_were_after_they_were_served` |
//! | Every file served is hashed, off the path of requests, and the log says what it is and when it has changed | `every_file_served_is_hashed_once_and_a_changed_one_is_noticed`, `a_file_written_in_place_is_another`, `parts_and_made_files_have_digests_of_their_own`, `the_log_says_what_was_served_and_what_has_changed`, `what_each_client_and_each_entry_gets_is_shown` |
//! | What a client gets holds no path of the server's; no client writes lines of the log | `errors_hold_no_path`, `refusals_say_nothing_about_paths`, `a_file_that_cannot_be_read_on_ends_with_an_error_that_holds_no_path`, `no_client_writes_lines_of_its_own` |
//! | The configuration and the lease log are read as if a stranger had written them | `no_text_makes_it_panic`, `an_unknown_key_is_refused_wherever_it_stands`, `all_errors_of_a_file_are_found_at_once_each_where_it_is`, `the_number_of_errors_of_shape_is_bounded`, `no_line_makes_it_panic`, `damage_is_named_and_passed_over`, `a_crash_at_any_byte_loses_only_the_line_that_it_tore` |
//! | Once its ports are open it has no more rights than a named user, and sees only the folders that it serves | `it_is_safe_to_leave_on` |
//!
//! A version of a file is known by device, inode, length and times, so that one that is written within
//! the same tick of the file system's clock and keeps its length is taken for the one before. Where the
//! hash of a file is to be the first thing known of it, `serve --check` reads them all.
//!
//! The only secrets are those of logins to iSCSI targets (`[serve.login]`) and the key of `[serve.tls]`. No
//! folder that is served may hold them, and each machine gets only its own login.

pub mod client;
pub mod config;
pub mod dhcp;
mod digest;
pub mod event;
pub mod files;
pub mod http;
mod ipv6;
pub mod logic;
mod meter;
pub mod net;
pub mod policy;
pub mod serve;
pub mod tftp;
pub mod timeline;
pub mod watch;
pub mod wire;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
