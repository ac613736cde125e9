//! What every store must hold, whatever it is built on: one suite, run for each back end by a macro.

pub mod audit;
pub mod claims;
pub mod common;
pub mod cost;
pub mod damage;
pub mod duty;
pub mod follow;
pub mod ground;
pub mod guards;
pub mod hand_over;
pub mod house;
pub mod kept;
pub mod lanes;
pub mod looks;
pub mod mailbox;
pub mod not_due;
pub mod objections;
pub mod paused;
pub mod reading;
pub mod recovery;
pub mod register;
pub mod rekey;
pub mod retention;
pub mod said;
pub mod seek;
pub mod take_back;
pub mod time;
pub mod waiting;
pub mod ways;

/// Runs the suite for a back end: a name, and an expression that makes a [`common::House`].
#[macro_export]
macro_rules! store_contract {
    ($name:ident, $house:expr) => {
        $crate::store_contract!(@each $name, $house,
            guards: guards_compare_and_bump guards_of_what_is_written_move_too guards_move_within_a_batch
                repeats_get_the_first_verdict
                other_content_is_a_conflict what_was_forgotten_is_decided_anew_once_it_is_of_use a_repeat_by_id_is_the_same_delivery
                callers_at_once_have_one_effect a_batch_is_stored_whole_or_not_at_all
                what_failed_leaves_nothing;
            audit: the_nachweiskette_is_whole_after_deletion_and_retention
                persons_and_reasons_are_readable_to_who_was_recorded;
            lanes: a_lane_keeps_order_and_is_leased_once what_leaves_says_what_it_is what_an_attempt_leaves_is_found_by_the_next_one a_stale_fence_is_refused
                an_expired_lease_casts_doubt a_clock_that_jumps_back_frees_leases
                a_clock_that_goes_back_ends_pauses
                what_is_woken_runs_though_the_clock_went_back
                what_waits_by_order_is_told_by_what_it_waits_for a_parked_head_holds_its_lane_until_replayed what_a_person_says_arrived_is_sent a_retry_delays_the_whole_lane
                unordered_rows_do_not_wait_for_each_other a_row_leaves_only_after_another
                lanes_of_a_thousand excepted_destinations_are_not_touched destinations_take_turns
                a_destination_gets_no_more_lanes_than_wanted an_answer_goes_again an_answer_to_what_is_gone_goes_and_leaves_nothing
                a_crash_of_the_holder_frees_at_start a_lease_is_renewed_by_its_fence_only;
            follow: what_is_followed_is_looked_at_when_due_and_ends_once
                what_failed_waits_for_a_person_and_is_never_sent_again a_look_is_settled_under_its_duty_only
                what_comes_back_with_a_look_is_laid_down_with_it what_is_sent_again_is_followed_anew
                a_deletion_reaches_what_is_followed retention_takes_what_was_followed_along;
            hand_over: what_waits_for_nobody_goes_over_in_its_order what_had_reached_another_goes_over_once_more
                what_has_several_ways_goes_over_too only_what_is_new_hands_anything_over;
            take_back: what_has_not_left_is_taken_back_and_its_request_runs_again what_only_tells_may_have_left
                the_answer_to_what_is_withdrawn_goes_and_nothing_runs_again what_is_in_hand_is_not_withdrawn
                an_answer_that_lay_here_runs_anew what_may_have_left_is_not_taken_back
                what_went_on_by_another_way_is_here_where_nobody_saw_it
                what_certainly_did_not_arrive_is_here_again
                what_opens_a_notice_takes_an_answer_back what_must_not_be_handed_out_is_held_back what_is_objected_to_an_answer_is_told_until_it_ends
                what_an_entry_does_besides_does_not_hide_that_nothing_was_taken_back;
            ground: what_changes_a_record_takes_an_answer_back what_may_have_left_is_told_that_its_ground_has_ended
                what_says_less_of_a_register_takes_its_answers_back what_retention_removes_is_noted_with_what_rests_on_it;
            not_due: answers_that_may_not_leave_yet_are_found_in_their_order what_walking_through_answers_costs;
            cost: what_asking_for_answers_costs_a_commit;
            kept: what_a_commit_keeps_is_what_a_claim_would_get what_a_commit_keeps_is_settled_like_any_other
                a_commit_keeps_no_more_than_wanted_and_only_what_is_new a_lease_of_a_commit_runs_out
                a_lease_that_its_holder_does_not_know_of_ends_at_once;
            looks: what_was_asked_and_found_empty_is_kept_by_place_and_partner
                what_a_source_never_gets_to_ask_counts_from_its_start;
            mailbox: a_reader_sees_its_own_in_order_and_fetches_the_first_of_each_lane
                what_is_anothers_is_like_what_is_not_there one_reader_has_it_and_who_lost_the_answer_gets_it_again
                a_receipt_ends_its_own_row_only two_that_ask_at_once_are_handed_out_once
                what_is_given_back_comes_again_and_what_is_refused_waits_for_a_person
                what_was_handed_out_before_it_was_held_back_is_closed_by_its_receipt
                what_was_closed_while_its_mailbox_was_no_more_counts_when_that_is_back whether_anything_can_be_had_is_known_beside_any_page
                what_must_not_leave_yet_is_not_there_yet what_nobody_collects_in_time_is_found_unless_a_reader_has_it
                a_reader_keeps_what_it_has_when_the_house_starts_anew a_mailbox_does_not_keep_dispatch_awake
                only_what_was_handed_out_is_ended_and_only_once
                closing_delivers_the_vorgang_and_lets_go_what_waits_for_it;
            ways: what_waits_between_two_attempts_is_due_at_once_when_it_is_hastened
                a_row_that_is_refused_goes_on_by_its_next_way_in_the_same_act
                what_may_have_arrived_is_in_doubt_until_somebody_says what_a_person_sends_again_has_the_time_of_its_way_anew
                what_stays_on_its_way_has_more_time_once what_keeps_an_order_has_one_way
                a_mailbox_that_is_left_has_nothing_for_its_reader_any_more
                a_reader_who_fetches_in_the_moment_of_the_withdrawal_has_it_or_never_sees_it
                what_was_taken_back_goes_on_and_is_delivered_no_more
                    what_rows_may_be_sent_by_later_is_counted what_sent_a_row_is_found_by_its_id;
            paused: what_a_pause_held_has_the_time_that_it_took pauses_that_overlap_give_their_time_back_once;
            said: a_persons_word_that_it_did_not_arrive_moves_it_on_or_parks_it
                why_nothing_is_found_out_stands_with_the_row_until_something_is
                what_cannot_be_taken_back_waits_for_a_person_whose_word_counts_at_once
                what_a_receiver_closes_after_a_person_said_that_it_had_not_arrived_is_told;
            waiting: waiting_messages_are_woken waiting_messages_expire_and_finish
                what_comes_back_is_laid_down_with_its_row a_vorgang_is_delivered_when_its_answer_was_taken
                replayed_messages_run_again_once a_replay_settled_by_another_is_a_repeat
                timers_come_until_committed vorgaenge_change_and_are_found tombstones_stay_and_bar;
            duty: a_duty_is_held_by_one a_duty_is_renewed_by_its_fence_only a_duty_expires_and_its_fence_grows
                a_duty_is_given_back_at_once a_stale_fence_acts_no_more a_clock_that_jumps_back_frees_duties
                many_that_ask_at_once_are_answered_by_one;
            house: commands_are_taken_once pauses_hold_until_their_end notes_and_breakers_are_kept
                other_stage_key_and_version_are_refused essence_is_equal_for_equal_work;
            reading: what_is_kept_apart_and_was_answered_ends_by_a_persons_word
                an_original_is_written_for_two_persons_and_nobody_else reads_are_scoped_by_mandant_and_partner figures_count_what_is_there
                originals_are_shown_only_in_scope a_hash_only_message_keeps_no_content;
            seek: messages_are_found_by_what_is_known_of_them;
            register: akten_are_kept_with_their_vorgang bestaende_are_kept_and_guarded
                readers_of_a_bestand_do_not_hinder_each_other
                records_are_counted_and_read_page_by_page whoever_is_sought_is_found_by_key_or_day_once
                a_send_waits_for_its_time a_deletion_reaches_all_that_spoke_of_the_child
                what_is_forgotten_goes_with_what_it_sent_and_its_vorgang_stays
                what_leaves_after_a_deletion_goes_when_it_has_arrived;
            time: where_the_children_of_a_partner_were_born_is_counted
                the_newest_delivery_up_to_a_moment_is_known_whatever_its_verdict
                of_two_that_came_with_stamps_ahead_the_stamps_say_which_is_the_newest records_are_counted_as_of_a_moment
                it_is_remembered_whose_clock_was_ahead
                a_record_of_an_earlier_program_was_received_when_it_was_written
                what_was_issued_is_found_under_its_keys_and_goes_with_its_vorgang
                deliveries_are_forgotten_when_no_meldung_counts_them_and_the_newest_stays;
            objections: objections_are_found_under_their_keys who_looked_before_an_objection_looks_again
                the_same_content_counts_once objections_are_closed_by_every_way closings_of_one_batch_close_each_their_own
                objections_end_with_their_record
                objections_go_when_they_are_over;
            retention: settled_messages_go_with_their_month whole_months_go_and_the_next_one_stays
                what_nobody_came_for_goes_after_a_warning ended_vorgaenge_go_with_their_keys
                keys_outlive_their_messages_as_hashes
                two_runs_that_overlap_at_the_end_of_a_month_both_come_to_an_end what_a_wrong_clock_noted_holds_up_no_run records_go_on_the_eighteenth_birthday
                a_corrected_birthday_counts records_without_a_day_get_theirs tombstones_go_when_they_are_over logs_and_evidence_go_by_months
                commands_and_pauses_that_ended_go parts_of_what_went_are_collected two_at_once_do_it_once;
            rekey: letters_that_are_written_two_ways_are_met_after_it
                records_of_the_program_before_get_their_keys two_at_once_reach_each_record_once;
            recovery: what_was_deleted_since_is_deleted_again doubtful_rows_end_as_they_were_found
                a_database_older_than_its_keys_is_refused keys_older_than_the_database_are_refused
                keys_that_are_lost_are_told_and_what_they_sealed_is_taken_anew
                a_recovering_store_is_neither_copied_nor_opened_early no_bestand_is_fresh_after_a_recovery
                a_backup_is_read_back_whole;
            claims: an_empty_folder_is_no_folder_of_a_store_that_names_claims
                parts_go_round_in_bounded_memory damaged_claims_are_found small_and_empty_parts
                what_a_step_made_lies_sealed_with_its_row_and_is_bounded
                claims_nobody_needs_are_collected a_claim_that_everybody_let_go_goes_at_once a_claim_of_another_mandant_does_not_open;);
    };
    (@each $name:ident, $house:expr, $($part:ident: $($case:ident)*;)*) => {
        mod $name {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::store_contract::$part::$case(&$house).await;
            })*)*
        }
    };
}
