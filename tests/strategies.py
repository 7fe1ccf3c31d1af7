"""Words and sections for hypothesis: what a user can write, and nonsense."""

from hypothesis import settings
from hypothesis import strategies as st

from offload.config.choices.offload_tables import PACKAGES
from offload.model.sections.section import Section
from random_routers import HOSTILE, WORDS

gate = settings(max_examples=3 * settings().max_examples)  # for what builds nft text or reads a user's files

PLAUSIBLE = sorted(
    {word for words in WORDS.values() for word in words} | {"lan", "wan", "guest", "br-lan", "eth+", "*"}
)
any_text = st.text(st.characters(), max_size=40)
values = st.one_of(
    st.sampled_from(PLAUSIBLE),
    st.sampled_from(HOSTILE),
    any_text,
    st.text('0123456789abcdefx:./-!+*{}"; \n', max_size=300),
)
option_values = st.one_of(values, st.lists(values, max_size=4).map(tuple))


def sections(package: str) -> st.SearchStrategy[tuple[Section, ...]]:
    """Any sections of a package: known and unknown types, options of the right and of every other name."""
    tables = PACKAGES[package]
    names = sorted({option for table in tables.values() for option in table})
    options = st.dictionaries(st.one_of(st.sampled_from(names), any_text), option_values, max_size=6)
    section = st.builds(
        Section, st.just(package), st.one_of(st.sampled_from(sorted(tables)), any_text), any_text, any_text, options
    )
    return st.lists(section, max_size=6).map(tuple)
