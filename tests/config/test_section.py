"""How sentences name a section, and its place in the file."""

import pytest

from offload.model.problems.problem import ProblemCode
from offload.model.sections.section import Section

LONG = "x" * 100


@pytest.mark.parametrize(
    ("kind", "identity", "options", "line", "title", "place"),
    [
        ("exempt", "@exempt[0]", {"name": "PlayStation"}, 12, "exempt 'PlayStation'", " line 12, exempt 'PlayStation'"),
        ("exempt", "@exempt[0]", {}, 12, "exempt (line 12)", " line 12, exempt @exempt[0]"),
        ("exempt", "@exempt[0]", {}, 0, "exempt @exempt[0]", ", exempt @exempt[0]"),
        ("exempt", "@exempt[0]", {"name": ("a", "b")}, 3, "exempt (line 3)", " line 3, exempt @exempt[0]"),
        ("exempt", "tv", {}, 3, "exempt 'tv'", " line 3, exempt 'tv'"),
        ("exempt", "tv", {"name": "TV"}, 3, "exempt 'TV'", " line 3, exempt 'TV'"),
        ("pair", "@pair[1]", {"src": "lan", "dest": "*"}, 7, "pair lan > *", " line 7, pair lan > *"),
        ("pair", "@pair[1]", {"src": "lan"}, 7, "pair (line 7)", " line 7, pair @pair[1]"),
        ("globals", "globals", {}, 1, "globals", " line 1, globals"),
        ("globals", "@globals[1]", {}, 9, "globals (line 9)", " line 9, globals @globals[1]"),
        ("zone", "@zone[0]", {"name": "a\x1b[2J"}, 2, "zone 'a?[2J'", " line 2, zone 'a?[2J'"),
        ("zone", "@zone[0]", {"name": LONG}, 2, f"zone '{LONG[:60]}...'", f" line 2, zone '{LONG[:60]}...'"),
    ],
)
def test_a_section_is_called_by_its_name_or_its_line(  # one case of a table
    kind: str, identity: str, options: dict[str, str | tuple[str, ...]], line: int, title: str, place: str
) -> None:
    section = Section("offload", kind, "cfg012345", identity, options, line)
    assert (section.title, section.place) == (title, f"/etc/config/offload{place}")


def test_a_problem_names_the_place_to_mend() -> None:
    problem = ProblemCode.BAD_PORT.at("offload", "@exempt[0]", "dest_port", value="x", consequence="it is left out")
    assert problem.place == "offload.@exempt[0].dest_port"
    placed = problem.of(Section("offload", "exempt", "cfg012345", "@exempt[0]", {"name": "PlayStation"}, 12))
    assert str(placed) == (
        "/etc/config/offload line 12, exempt 'PlayStation', dest_port: "
        "'x' is not a port or a range of ports (80, 8000-8080); it is left out"
    )
