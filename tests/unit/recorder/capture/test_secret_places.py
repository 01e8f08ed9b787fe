"""What a picture must not show: where password fields are, were, or passed."""

from overt.desktop.types import Rect
from overt.recorder.capture.secretplaces import Places, SecretPlaces

REF, OTHER = ("app", "/1"), ("app", "/2")
HERE, THERE = Rect(10, 10, 50, 10), Rect(10, 110, 50, 10)
SECOND_NS = 1_000_000_000


def _told(*answers: Places) -> SecretPlaces:
    places = SecretPlaces()
    for one in answers:
        places.add(one)
    return places


def test_nothing_is_hidden_where_no_field_was_met() -> None:
    assert SecretPlaces().during(5, 9) == []
    assert _told(Places(1, {}), Places(7, {})).during(5, 6) == []


def test_a_picture_before_the_word_of_the_field_hides_it_too() -> None:
    assert _told(Places(9, {REF: HERE})).during(5, 6) == [HERE]


def test_a_picture_after_the_last_answer_is_not_known() -> None:
    places = _told(Places(1, {REF: HERE}))
    assert places.has_fields
    assert places.during(5, 6) is None
    places.add(Places(5, {REF: HERE}))
    assert places.during(5, 6) is None, "asked before the pixels were taken"
    places.add(Places(6, None))
    assert places.during(5, 6) is None, "an answer that did not come tells nothing"
    places.add(Places(7, {REF: HERE}))
    assert places.during(5, 6) == [HERE]


def test_a_field_that_moved_is_hidden_along_its_way() -> None:
    places = _told(Places(1, {REF: HERE}), Places(9, {REF: THERE, OTHER: HERE}))
    assert places.during(5, 6) == [Rect(10, 10, 50, 110), HERE]


def test_a_field_that_goes_is_hidden_up_to_then_and_told_once() -> None:
    places = _told(Places(1, {REF: HERE}))
    assert places.add(Places(9, {})) == [HERE]
    assert places.during(5, 6) == [HERE]
    assert not places.has_fields
    assert places.during(20, 21) == []
    assert places.add(Places(30, {})) == []


def test_the_answer_before_a_picture_is_kept_however_old() -> None:
    places = _told(Places(1, {REF: HERE}))
    places.add(Places(100 * SECOND_NS, {REF: HERE}))
    places.add(Places(101 * SECOND_NS, {}))
    assert places.during(100 * SECOND_NS + 1, 100 * SECOND_NS + 2) == [HERE]
    assert places.during(50 * SECOND_NS, 50 * SECOND_NS + 1) == [HERE]
