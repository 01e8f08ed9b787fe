"""Recording starts by its owner's hand alone and stops by itself."""

from overt.recorder.capture.session import STALE_NS, Facts, Phase, Session

FINE = Facts()
HALTED = Facts(refusal="The programme is halted.")
UNSEEN = Facts(indicator_problem="The indicator cannot be seen.")


def _started() -> Session:
    session = Session()
    session.unlock(FINE)
    return session


def test_it_begins_stopped_and_no_good_news_starts_it() -> None:
    session = Session()
    assert session.tick(0, FINE).phase is Phase.STOPPED
    assert session.resume(FINE).phase is Phase.STOPPED
    assert session.unlock(FINE).records


def test_unlocking_does_not_help_against_a_refusal() -> None:
    state = Session().unlock(HALTED)
    assert state.phase is Phase.STOPPED
    assert state.reason == "The programme is halted."


def test_a_refusal_or_a_lost_indicator_stops_it_until_it_is_unlocked() -> None:
    for facts in (HALTED, UNSEEN):
        session = _started()
        assert not session.tick(1, facts).records
        assert not session.tick(2, FINE).records
        assert session.unlock(FINE).records


def test_a_pause_ends_by_time_or_by_hand() -> None:
    session = _started()
    session.pause(100)
    assert session.tick(99, FINE).phase is Phase.PAUSED
    assert session.tick(100, FINE).records
    session.pause(None)
    assert session.tick(1 << 60, FINE).phase is Phase.PAUSED
    assert session.resume(FINE).records


def test_a_pause_does_not_outlive_a_halt() -> None:
    session = _started()
    session.pause(100)
    assert session.tick(50, HALTED).phase is Phase.STOPPED
    assert session.tick(100, FINE).phase is Phase.STOPPED
    session = _started()
    session.pause(None)
    assert session.resume(HALTED).phase is Phase.STOPPED


def test_a_stopped_session_cannot_be_paused_into_life() -> None:
    session = _started()
    session.stop("You stopped it.")
    assert session.pause(10).phase is Phase.STOPPED
    assert session.tick(10, FINE).reason == "You stopped it."


def test_only_a_fresh_commit_proves_that_it_records() -> None:
    session = _started()
    assert not session.is_alive(0)
    session.committed(1000)
    assert session.is_alive(1000 + STALE_NS - 1)
    assert not session.is_alive(1000 + STALE_NS)
    session.pause(None)
    assert not session.is_alive(1001)
    session.resume(FINE)
    assert not session.is_alive(1001)  # what was written before proves nothing
    session.committed(2000)
    assert session.is_alive(2001)
    assert not session.is_stale(2001)
    assert session.is_stale(2000 + STALE_NS)
    session.unlock(FINE)
    assert session.last_commit_ns is None
