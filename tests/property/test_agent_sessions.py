"""The trees of the SDK's session managers: every id is its own session, found again, wherever its store begins."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from carefile.core.deciding.agent_sessions import keys_of, prefixes_of
from carefile.core.deciding.classification import classify, session_tree
from carefile.core.filing.layout import Layout, owner_of, session_object_key
from carefile.core.filing.names import decode_sub_path
from carefile.core.model import Kind, Source
from lambdas.adapters import contracts
from tests.property.strategies import segments

RULES, LAYOUT = contracts.rules(), Layout()
# Ids as gateways give them, and those that try to be a part of the tree.
ids = st.one_of(
    segments.filter(bool),
    st.sampled_from(["session", "context", "scopes", "agent", "session_1", "a=2Eb", "=2E"]),
)
prefixes = st.lists(
    st.one_of(
        segments, st.sampled_from(["sessions", "session", "session_x", "documents", "Ana_7", "medical-notes"])
    ),
    max_size=3,
).map(lambda parts: "".join(f"{part}/" for part in parts))
stores = st.sampled_from(
    ["session/{}/scopes/agent", "session/{}/scopes/multiAgent", "context/{}/scopes/agent"]
)
snapshots = st.builds(
    lambda prefix, store, id, agent: (
        prefix,
        id,
        f"{prefix}{store.format(id)}/{agent}/snapshots/snapshot_latest.json",
    ),
    prefixes,
    stores,
    ids,
    ids,
)


def fits(*keys: str) -> bool:
    return all(len(key.encode()) <= 1024 for key in keys)


@given(snapshots)
def test_a_snapshot_is_found_again_in_its_folder_by_the_id_of_its_session(made: tuple[str, str, str]) -> None:
    prefix, id, key = made
    assume(fits(key) and "scopes" not in key.removeprefix(prefix).split("/")[3:] and id not in (".", ".."))
    found = classify(key, (), RULES)
    assert found.kind is Kind.SESSION
    assert found.session is not None
    assert found.session.session_id == f"session_{id}"
    assert prefix + found.session.sub_path == key
    folder = next(LAYOUT.folders(found, Source("landing", key)))
    place = session_object_key(folder, found.session)
    assert place.startswith(folder)
    assert not {".", ".."} & set(place.split("/"))
    shown = decode_sub_path(place.removeprefix(folder))
    if fits(folder + found.session.sub_path + "=" * 64):
        assert key in keys_of(found.session.tree, shown)
    assert any(key.startswith(part) for part in prefixes_of(found.session.tree))
    assert session_tree(key, RULES) == found.session.tree


@given(snapshots, snapshots)
def test_two_sessions_have_two_owners_and_the_two_folders_of_one_store_have_one(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assume(fits(one[2], other[2]))
    assume(all("scopes" not in key.removeprefix(prefix).split("/")[3:] for prefix, _, key in (one, other)))
    owners = [
        owner_of(classify(key, (), RULES), Source("landing", key)).owner_id for _, _, key in (one, other)
    ]
    assert (owners[0] == owners[1]) == (one[:2] == other[:2])
