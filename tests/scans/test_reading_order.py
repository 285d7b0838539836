"""What is filled into a form stands beside its label in the text, whatever columns an engine sees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carefile.core.documents.recognition import Line, Word, beside_labels


def line(text: str, left: int, top: int, height: int = 20, *, begins: bool = False) -> Line:
    words, x = [], left
    for word in text.split():
        words.append(Word(word, (x, top, x + 10 * len(word), top + height), 90))
        x += 10 * len(word) + 10
    return Line(tuple(words), begins)


def texts(*lines: Line) -> list[str]:
    return [it.text for it in beside_labels(lines)]


def test_a_label_is_followed_by_what_stands_beside_it() -> None:
    labels = [line("Patient name:", 0, 0), line("MRN:", 0, 40), line("Ward:", 0, 80)]
    values = [line("Ana Ruiz", 400, 2), line("4711-0815", 400, 41)]
    assert texts(*labels, *values) == ["Patient name: Ana Ruiz", "MRN: 4711-0815", "Ward:"]


def test_the_nearest_is_taken_and_each_once() -> None:
    found = texts(line("MRN:", 0, 0), line("second", 800, 0), line("first", 300, 0), line("Old MRN:", 0, 4))
    assert found == ["MRN: first", "Old MRN: second"]


def test_columns_of_prose_and_labels_beside_labels_stay_as_they_are() -> None:
    prose = [line("left one", 0, 0), line("left two", 0, 40), line("right one", 400, 0)]
    assert texts(*prose) == [it.text for it in prose]
    labels = [line("Name:", 0, 0), line("Born:", 400, 0)]
    assert texts(*labels) == ["Name:", "Born:"]


def test_what_stands_above_below_left_or_in_another_size_is_not_beside() -> None:
    label = line("MRN:", 300, 100)
    others = [
        line("above", 500, 60),
        line("below", 500, 140),
        line("left", 0, 100),
        line("GIANT", 500, 60, 100),
    ]
    assert texts(label, *others)[0] == "MRN:"


@given(
    st.lists(
        st.builds(
            line, st.sampled_from(["a:", "b", "c d", "e f:"]), st.integers(0, 500), st.integers(0, 200)
        ),
        max_size=30,
    )
)
def test_no_word_is_lost_or_said_twice(lines: list[Line]) -> None:
    def words(of: list[Line] | tuple[Line, ...]) -> list[Word]:
        return sorted((word for it in of for word in it.words), key=repr)

    assert words(beside_labels(lines)) == words(lines)
