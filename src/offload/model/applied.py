"""What the last pass did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of a pass over config and router.

    `generation` counts passes that changed the kernel, `time` is when the last one did (ISO 8601, UTC; empty: not
    yet), `changes` how many transactions it sent, `error` the sentence of the one that failed: then the last good
    state stands.
    """

    generation: int = 0
    time: str = ""
    changes: int = 0
    error: str = ""
