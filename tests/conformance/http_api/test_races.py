"""Those tests of tests/system/test_races.py that do not start fifty processes of a function."""

from tests.system.test_races import (  # noqa: F401
    test_a_change_against_the_end_leaves_it_ended,
    test_of_two_changes_with_the_same_if_match_exactly_one_wins,
    test_two_bodies_that_race_with_one_key_make_one_session,
)
