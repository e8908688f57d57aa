"""Which pack has an id: none is ever left out, and a million take a few bytes each."""

from hypothesis import given
from hypothesis import strategies as st

from monthclose.adapters.dynamo.usage.ids import PackIds


@given(st.lists(st.tuples(st.text(max_size=6), st.integers(1, 2**20 - 1)), max_size=300))
def test_every_id_is_found_in_its_packs(added: list[tuple[str, int]]) -> None:
    ids = PackIds()
    for name, number in added:
        ids.add([name], number)
    for name, number in added:
        assert number in ids.find(name)
        assert sorted(ids.find(name)) == sorted({each for other, each in added if other == name})


def test_many_ids_take_few_bytes_each_and_others_are_not_found() -> None:
    ids = PackIds()
    for number in range(1, 51):
        ids.add([f"e{number}-{each}" for each in range(2_000)], number)
    assert ids.size <= 24 * 100_000
    assert ids.find("e50-1999") == [50]
    assert not any(ids.find(f"other-{each}") for each in range(1_000))
