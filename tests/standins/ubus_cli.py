"""The program `ubus` over the stand-in: list, call, send and listen, printed as the real one prints them.

Options: -s SOCKET, -t SECONDS, -S (one line, no errors), -v. Commands: list [PATH], call PATH METHOD [JSON],
send EVENT [JSON], listen [PATTERN...]. What json-c reads and JSON does not have is a parse error here: quotes like
these 'a', comments, a comma at the end of a list, `True`.
"""

import argparse
import json
import re
import sys
from typing import Any

import ubus
from ubus.connection import Connection
from ubus.wire import NOT_UTF8, SENTENCES, Status, Type, blob

TYPE_NAMES = {
    Type.INT8: "Boolean",
    Type.INT32: "Integer",
    Type.STRING: "String",
    Type.ARRAY: "Array",
    Type.TABLE: "Table",
}
PARSE_ERROR = 12
USAGE = "Usage: ubus [<options>] <command> [arguments...]\n"  # of the real one's text the first line
MISUSED = 254  # -2, also where a call ends with the status 2: then the usage stands behind the error
BYTE = re.compile("[\udc80-\udcff]")  # one that is not UTF-8, as Python has it in arguments
WORDS = {"list": range(2), "call": range(2, 4), "send": range(1, 3)}  # how many a command takes


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    options = _options(arguments)
    if not options.words:
        sys.stderr.write(USAGE)
        return 1
    command, *options.words = options.words
    try:
        ubus.connect(options.socket)
    except OSError:
        if not options.simple:
            sys.stderr.write("Failed to connect to ubus\n")
        return 255
    try:
        known = command in COMMANDS and len(options.words) in WORDS.get(command, [len(options.words)])
        code = COMMANDS[command](options, ubus._connected()) if known else MISUSED
    except KeyboardInterrupt:
        code = 0
    finally:
        ubus.disconnect(deregister=False)
    if code == MISUSED:
        sys.stderr.write(USAGE)
    return code


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("ubus")
    parser.add_argument("-s", dest="socket", default="")
    parser.add_argument("-t", dest="timeout", type=int, default=30)
    parser.add_argument("-S", dest="simple", action="store_true")
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("words", nargs="*")
    return parser.parse_args(arguments)


def _list(options: argparse.Namespace, connection: Connection) -> int:
    status, found = connection.request("lookup", path=options.words[0] if options.words else "*")
    for each in found:
        if options.simple or not options.verbose:
            print(each["path"])
            continue
        print(f"'{each['path']}' @{each['object']:08x}")
        for method, signature in each["methods"].items():
            types = {name: TYPE_NAMES.get(Type(kind), "(unknown)") for name, kind in signature.items()}
            print(f'\t"{method}":{_json(types, None)}')
    return _failed(options, status) if options.words else 0


def _call(options: argparse.Namespace, connection: Connection) -> int:
    path, method, *rest = options.words
    try:
        data = _read(rest[0]) if rest else {}
    except (ValueError, TypeError):
        return _refused(options, PARSE_ERROR, "Parsing message data failed")
    status, found = connection.request("lookup", path=path)
    if status != Status.OK:
        return _failed(options, status)
    target = found[-1]["object"]
    timeout = options.timeout or None
    status, replies = connection.request("invoke", timeout, object=target, method=method, data=data)
    for reply in replies:
        print(_json(reply, None if options.simple else 0))
    return _refused(options, status, SENTENCES[Status(status)]) if status else 0


def _send(options: argparse.Namespace, connection: Connection) -> int:
    event, *rest = options.words
    status, _ = connection.request("send", event=event, data=_read(rest[0]) if rest else {})
    return _failed(options, status)


def _listen(options: argparse.Namespace, _connection: Connection) -> int:
    def heard(event: str, data: Any) -> None:
        print(f'{{ "{event}": {_json(data, None)} }}', flush=True)

    for pattern in options.words or ["*"]:
        ubus.listen((pattern, heard))
    ubus.loop()
    return 0


def _read(text: str) -> dict[str, Any]:
    """The JSON that an argument begins with; what follows it is ignored, as by json-c."""
    found, _ = json.JSONDecoder(strict=False).raw_decode(BYTE.sub(NOT_UTF8, text.lstrip()))
    return blob(found)


def _failed(options: argparse.Namespace, status: int) -> int:
    if status and not options.simple:
        sys.stderr.write(f"Command failed: {SENTENCES[Status(status)]}\n")
    return status


def _refused(options: argparse.Namespace, status: int, sentence: str) -> int:
    """A call that failed: in a script the message names the whole command, and the exit code is negative."""
    if options.simple or sys.stderr.isatty():
        return _failed(options, status)
    sys.stderr.write(f"Command failed: ubus {' '.join(['call', *options.words])} ({sentence})\n")
    return 256 - status


def _json(value: Any, level: int | None) -> str:
    """JSON as libubox prints it; `level` is the depth of indentation, None for one line."""
    if isinstance(value, (dict, list)):
        deeper = None if level is None else level + 1
        begin, end = ("", "") if deeper is None else ("\n" + "\t" * deeper, "\n" + "\t" * (deeper - 1))
        colon = ":" if level is None else ": "
        items = (
            [
                (json.dumps(key, ensure_ascii=False) + colon if key else "") + _json(each, deeper)
                for key, each in value.items()
            ]
            if isinstance(value, dict)
            else [_json(each, deeper) for each in value]
        )
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return f"{opening}{begin}{(',' + begin).join(items)}{end}{closing}"
    return f"{value:f}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


COMMANDS = {"list": _list, "call": _call, "send": _send, "listen": _listen}

if __name__ == "__main__":
    # bytes of arguments are printed as they were given
    sys.stderr.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a program has a TextIOWrapper there
    sys.exit(main(sys.argv[1:]))
