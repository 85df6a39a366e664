//! The suite every backend must pass.
//!
//! A rule is a function that is given a fresh ledger. [`suite!`] is the list of them all and makes a test
//! of each, so a backend runs the whole list by one line: `suite!(open)`, where `open` makes a
//! [`fixtures::Backend`] that nothing has been written to. A rule that is not on the list is dead code,
//! which the compiler reports.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod claim;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod fixtures;
pub(crate) mod handover;
pub(crate) mod intake;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod notices;
pub(crate) mod panel;
pub(crate) mod publish;
pub(crate) mod purge;
pub(crate) mod redeliver;
pub(crate) mod search;
pub(crate) mod settle;
pub(crate) mod shops;
pub(crate) mod sweep;
pub(crate) mod webhooks;

/// Every rule, as a test of the backend that `$open` makes.
macro_rules! suite {
    ($open:ident) => {
        $crate::conformance::suite! { @rules $open
            shops {
                an_open_ledger_answers;
                a_closed_ledger_keeps_what_it_took_and_takes_no_more;
                a_shop_survives_as_it_was_written;
                a_subdomain_is_one_shops;
                an_update_cannot_take_anothers_subdomain;
                a_shops_name_is_left_set_or_cleared;
                a_walk_over_shops_holds_while_they_grow;
            }
            keys {
                a_key_is_found_by_its_hash;
                a_key_needs_its_shop;
                a_revoked_key_is_gone;
                another_shops_keys_are_out_of_reach;
                the_last_use_only_moves_on;
                a_walk_over_keys_holds_while_they_grow;
                a_key_has_a_thousand_requests_in_any_minute;
                a_clock_that_is_set_back_locks_no_key_out;
            }
            webhooks {
                a_webhook_survives_as_it_was_written;
                a_webhook_needs_its_shop;
                a_url_is_registered_once_in_a_shop;
                a_patch_cannot_take_a_registered_url;
                a_deleted_webhook_is_gone_and_its_url_free;
                a_shop_has_so_many_webhooks_and_no_more;
                another_shops_webhook_does_not_exist;
                a_patch_changes_what_it_names;
                re_enabling_clears_the_failure_count;
                a_walk_over_webhooks_holds_while_they_grow;
            }
            endpoints {
                an_endpoint_is_its_webhooks;
                an_endpoint_follows_every_change_at_once;
                a_webhook_deleted_while_disabled_stays_held;
                a_rotated_secret_signs_from_its_moment_on;
                a_rotation_while_one_is_pending_keeps_the_active_secret;
                a_shops_endpoints_are_each_their_own;
            }
            publish {
                an_event_goes_to_who_wants_it;
                every_change_of_a_webhook_holds_for_the_next_event;
                the_envelope_is_exact_and_data_untouched;
                a_repeated_event_is_answered_and_not_sent;
                an_id_is_remembered_even_if_nobody_wanted_the_event;
                a_refused_event_leaves_its_neighbours_alone;
                concurrent_publishes_are_all_kept;
                a_test_event_goes_to_one_webhook_even_a_disabled_one;
            }
            handover {
                without_an_intake_everything_waits;
                a_delivery_that_finds_room_is_handed_over_leased;
                a_delivery_that_finds_no_room_waits;
                what_waits_again_is_told;
            }
            claim {
                a_lane_gives_up_to_its_count_earliest_first;
                what_is_not_due_stays;
                a_long_lane_holds_back_no_other;
                lanes_are_counted_apart;
                overdue_retries_leave_half_of_a_claim_to_first_attempts;
                a_claim_says_which_lanes_failed_last;
                waiting_lanes_are_walked_in_order;
                a_held_lane_gives_its_tests_alone;
                concurrent_claims_share_nothing;
                a_claim_knows_how_far_its_delivery_has_come;
            }
            leases {
                a_lease_that_ran_out_is_claimed_anew;
                a_holder_who_is_too_late_leaves_the_log_alone;
                a_late_holder_is_heard_while_nobody_claimed;
                a_renewed_lease_holds;
                a_lost_lease_cannot_be_renewed;
                a_lost_hand_over_is_claimed_again;
                what_a_dead_node_held_is_claimed_again;
            }
            settle {
                a_success_is_final;
                a_retry_waits_for_its_moment;
                a_drop_is_final_and_says_why;
                every_attempt_stays_on_record_oldest_first;
                a_drop_without_an_attempt_keeps_the_last_one;
                an_attempt_without_an_answer_is_kept_as_it_was;
                failures_count_up_until_a_success;
                settlements_that_share_a_commit_are_all_counted;
                tests_leave_the_failure_count_alone;
                a_lease_settles_once;
                a_released_delivery_is_as_before;
                a_postponed_delivery_counts_no_attempt;
            }
            notices {
                a_drop_is_told_to_the_shops_other_webhooks;
                a_drop_that_nobody_hears_of_makes_no_event;
                a_drop_without_an_attempt_is_told_too;
            }
            deliveries {
                deliveries_are_listed_by_status_newest_first;
                a_walk_over_deliveries_holds_while_they_grow;
                a_leased_delivery_is_shown_as_due;
                deliveries_are_one_webhooks_of_one_shop;
                a_narrower_subscription_stops_no_delivery;
            }
            redeliver {
                a_failed_delivery_becomes_due_now;
                a_pending_delivery_becomes_due_now;
                an_attempt_under_way_is_the_redelivery;
                a_decided_delivery_is_made_anew;
                a_delivery_made_anew_is_handed_over;
                a_test_made_anew_stays_a_test;
                a_disabled_webhook_redelivers_nothing;
            }
            jobs {
                a_count_looks_and_leaves;
                a_job_takes_its_window_step_by_step;
                a_cap_brings_the_windows_end_forward;
                a_cap_within_one_moment_holds;
                a_webhook_has_one_job_running;
                a_job_over_nothing_has_ended;
                a_job_goes_on_after_a_restart;
                a_deleted_webhooks_job_has_ended;
                a_job_takes_the_status_it_names;
                jobs_are_an_enabled_webhooks_of_one_shop;
            }
            sweep {
                all_that_waits_is_dropped_in_bites;
                what_was_made_by_a_moment_is_dropped;
                a_drains_end_erases_the_secrets;
                a_drain_is_done_once_nothing_is_undecided;
                drains_end_in_bites;
            }
            panel {
                a_link_opens_a_session_once;
                a_link_opens_until_its_end_and_no_longer;
                a_link_opens_its_own_shop;
                a_link_needs_its_shop;
                concurrent_redeems_open_one_session;
                capabilities_survive_as_they_were_written;
                a_session_shows_its_shop_as_it_is_now;
                a_session_lasts_until_its_end_and_no_longer;
                ending_a_session_leaves_the_others;
                ending_all_of_a_shop_ends_its_links_too;
            }
            search {
                a_search_finds_what_meets_all_of_it;
                a_rare_type_is_searched_for_in_bounded_steps;
                other_shops_look_back_at_nothing;
                an_events_deliveries_are_found_by_its_id;
                an_events_deliveries_made_anew_are_found_too;
                what_ended_is_counted_by_the_hour;
                hours_are_told_of_several_webhooks_apart;
            }
            purge {
                what_is_old_is_removed;
                an_old_id_is_forgotten;
                an_event_stays_while_a_redelivery_needs_it;
                a_purge_takes_bounded_bites;
                an_event_outlives_its_deliveries;
            }
        }
    };
    (@rules $open:ident $($theme:ident { $($rule:ident;)+ })+) => {$(
        mod $theme {$(
            #[tokio::test]
            async fn $rule() {
                let mut ledger =
                    $crate::conformance::fixtures::Ledger::open(Box::new(super::$open())).await;
                $crate::conformance::$theme::$rule(&mut ledger).await;
            }
        )+}
    )+};
}
pub(crate) use suite;
