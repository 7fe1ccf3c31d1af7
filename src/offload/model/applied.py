"""The outcomes of a pass and of a cut."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of a pass over config and router.

    `generation` counts passes that changed the kernel, `time` is when the last one did (ISO 8601, UTC; empty: not
    yet), `changes` how many transactions it sent, `returned` the tables whose flows all took the slow path for a
    moment, `error` the sentence of the one that failed: then the last good state stands. `loaded`: it loaded the
    firewall.
    """

    generation: int = 0
    time: str = ""
    changes: int = 0
    error: str = ""
    returned: tuple[str, ...] = ()
    loaded: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Connections that were to end, those that were ended, and the sentence of the first that could not be.

    The difference without an error were gone already.
    """

    asked: int = 0
    ended: int = 0
    error: str = ""
