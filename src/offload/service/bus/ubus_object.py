"""The ubus objects `offload` (for scripts) and `luci.offload` (for LuCI), made from one table of methods.

There are two, because python-ubus requires exactly the arguments of a method's signature, and LuCI's calls have one
more, `ubus_rpc_session`.
"""

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from time import process_time
from typing import Any

from offload.errors import OffloadError, StartingError, UsageError
from offload.nouns import dataclass
from offload.service.bus import methods, totals
from offload.service.bus.explaining import flow_list
from offload.service.engine import Engine

SESSION = "ubus_rpc_session"
LARGEST_REPLY = 900_000  # bytes of blobmsg; ubusd drops a client that sends more than 1 MiB
VALUE = 12  # bytes that blobmsg takes at most for a value besides those of its JSON: type, lengths, fill bytes
Json = dict[str, Any]
Signature = Mapping[str, str]
Method = tuple[Signature, Callable[[Json], Json]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A ubus method: its function, and its arguments as {name: ubus type}; all are required."""

    answer: methods.Answering
    arguments: Signature


def _on_use(module: str, name: str) -> methods.Answering:
    # The function of a module that is imported at the first call, as it would cost other verbs of the command time.
    def answered(engine: Engine, given: methods.Given) -> Json:
        reply: Json = getattr(import_module(f"offload.service.{module}"), name)(engine, given)
        return reply

    return answered


METHODS: Mapping[str, Verb] = {
    "status": Verb(methods.status, {}),
    "zones": Verb(methods.zones, {}),
    "metrics": Verb(methods.metrics, {}),
    "totals": Verb(totals.totals, {}),
    "check": Verb(_on_use("checking.check", "check"), {}),
    "reload": Verb(methods.reload, {}),
    "set": Verb(_on_use("bus.choices", "set_zone"), {"zone": "string", "mode": "string"}),
    "set_pair": Verb(_on_use("bus.choices", "set_pair"), {"src": "string", "dest": "string", "mode": "string"}),
    "flows": Verb(flow_list.list_flows, {"query": "table"}),
    "explain": Verb(_on_use("bus.explaining.explanations", "explain"), {"query": "table"}),
    "preview": Verb(_on_use("bus.previews", "preview"), {"query": "table"}),
    "flush": Verb(methods.flush, {"query": "table"}),
    "cut": Verb(_on_use("bus.cut", "end"), {"query": "table"}),
    "exempt_add": Verb(methods.exempt_add, {"match": "table", "timeout": "integer"}),
    "exempt_list": Verb(methods.exempt_list, {}),
    "exempt_delete": Verb(methods.exempt_delete, {"id": "integer"}),
    "exempt_remove": Verb(_on_use("bus.choices", "exempt_remove"), {"name": "string"}),
    "firewall": Verb(methods.firewall, {"action": "string"}),
    "takeover": Verb(_on_use("bus.takeover", "takeover"), {}),
    "giveback": Verb(_on_use("bus.takeover", "giveback"), {}),
}


def objects(engine: Engine) -> dict[str, dict[str, Method]]:
    """The methods of both ubus objects: `{object: {method: ({argument: type}, function)}}`.

    A function takes all arguments as one dict, gives the reply, and never raises. In `luci.offload` each method has one
    more argument, `ubus_rpc_session`, which is not used.
    """
    made: dict[str, dict[str, Method]] = {"offload": {}, "luci.offload": {}}
    for name, verb in METHODS.items():
        reply = partial(answer, engine, verb)
        made["offload"][name] = (verb.arguments, reply)
        made["luci.offload"][name] = ({**verb.arguments, SESSION: "string"}, reply)
    return made


def answer(engine: Engine, verb: Verb, given: Mapping[str, Any]) -> Json:
    """The reply to a call of `verb` with these arguments. An exception becomes `{"ok": False, "error": sentence}`.

    `"usage": True` is added if an argument is not valid, `"starting": True` while the service has not read the router
    yet. An exception that is no OffloadError is also written to stderr. `fitting` cuts a reply that is too large for
    ubus. The processor time of the call is added to `engine.connections.work`.
    """
    began = process_time()
    try:
        return fitting(verb.answer(engine, given))
    except StartingError as refusal:
        return {"ok": False, "error": str(refusal), "starting": True}
    except UsageError as refusal:
        return {"ok": False, "error": str(refusal), "usage": True}
    except OffloadError as refusal:
        return {"ok": False, "error": str(refusal)}
    except Exception as fault:  # noqa: BLE001 - one bad call must not end the service, nor go unanswered
        sys.stderr.write(f"offload: a fault of ours: {fault!r}\n")
        return {"ok": False, "error": f"a fault of offload itself: {type(fault).__name__}"}
    finally:
        engine.connections.work += process_time() - began


def fitting(reply: Json) -> Json:
    """The reply, cut if its blobmsg, the form that ubus carries, may be larger than LARGEST_REPLY (900,000) bytes.

    While it may, the longest list among the reply's values loses its second half. Then `left_off` is added: by key, how
    many items that list lost. Without a list to halve, a reply with an error is given instead.
    """
    lost: dict[str, int] = {}
    while _most_bytes(reply) > LARGEST_REPLY:
        lists = {key: value for key, value in reply.items() if isinstance(value, list) and value}
        if not lists:
            return {"ok": False, "error": "the answer is larger than ubus carries"}
        key = max(lists, key=lambda each: len(json.dumps(lists[each])))
        kept = len(lists[key]) // 2
        lost[key] = lost.get(key, 0) + len(lists[key]) - kept
        reply = reply | {key: lists[key][:kept], "left_off": lost}
    return reply


def _most_bytes(reply: Json) -> int:
    # Short values take up to four times their JSON. Before each value stands one of the marks; those within texts only
    # raise the bound.
    text = json.dumps(reply)
    return len(text) + VALUE * sum(map(text.count, ",[{"))
