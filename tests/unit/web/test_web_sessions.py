"""Sessions and codes: secrets that the store never holds, and that end."""

from __future__ import annotations

from overt.web.sessions import CODE_LIFE_S, MemorySessions, Session, Sessions


class Watched(MemorySessions):
    """A store that shows what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Session] = {}

    def put(self, token_sha256: str, session: Session) -> None:
        self.seen[token_sha256] = session
        super().put(token_sha256, session)


def test_the_store_holds_hashes_alone() -> None:
    store = Watched()
    token = Sessions(store).start("Ada", 100)
    assert len(token) == 43  # 256 bits in base64url
    assert token not in store.seen
    assert all(len(name) == 64 for name in store.seen)


def test_tokens_differ() -> None:
    sessions = Sessions()
    assert len({sessions.start("Ada", 0) for _ in range(50)}) == 50


def test_a_code_lets_in_once_and_in_time() -> None:
    sessions = Sessions()
    code = sessions.code("Ada", 0)
    late = sessions.code("Ada", 0)
    token = sessions.enter(code, CODE_LIFE_S - 1)
    assert token
    found = sessions.find(token, CODE_LIFE_S)
    assert found
    assert found.subject == "Ada"
    assert sessions.enter(code, CODE_LIFE_S - 1) is None
    assert sessions.enter(late, CODE_LIFE_S) is None
    assert sessions.enter("", 0) is None


def test_a_code_is_no_session_and_a_session_no_code() -> None:
    sessions = Sessions()
    assert sessions.find(sessions.code("Ada", 0), 0) is None
    assert sessions.enter(sessions.start("Ada", 0), 0) is None


def test_sessions_end() -> None:
    sessions = Sessions(life_s=100)
    token = sessions.start("Ada", 0)
    assert sessions.find(token, 99)
    assert sessions.find(token, 100) is None
    other = sessions.start("Ada", 0)
    sessions.end(other)
    assert sessions.find(other, 1) is None
    assert sessions.find("", 0) is None


def test_renewal_keeps_the_day_of_login_as_its_bound() -> None:
    sessions = Sessions(life_s=100, longest_s=180)
    first = sessions.start("Ada", 0)
    assert sessions.renew(first, 49) is None
    second = sessions.renew(first, 60)
    assert second
    assert sessions.find(first, 69)
    assert sessions.find(first, 70) is None
    third = sessions.renew(second, 120)
    assert third
    assert sessions.find(third, 179)
    assert sessions.find(third, 180) is None
    assert sessions.renew(third, 170) is None


def test_a_secret_is_rotated_once() -> None:
    sessions = Sessions(life_s=100)
    first = sessions.start("Ada", 0)
    assert sessions.renew(first, 60)
    assert sessions.renew(first, 61) is None


def test_expired_sessions_are_forgotten() -> None:
    store = MemorySessions()
    sessions = Sessions(store, life_s=10)
    sessions.start("Ada", 0)
    sessions.start("Ada", 20)
    assert len(store._sessions) == 1
