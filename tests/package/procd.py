"""Stand-in of procd's ubus object `service`, which starts, ends and respawns processes.

As with the real one, a service that is set again with the same command and parameters goes on running, whatever files
it has loaded, and triggers run scripts when an event comes.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ubus
import ubus.connection

LOG = Path("/tmp/log")  # noqa: S108  # the router's own
PATIENCE = 5.0  # seconds between TERM and KILL, as procd's term_timeout
RESPAWN = 5.0


@dataclass
class Instance:
    """One process of a service, with the parameters that its init script has set."""

    asked: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = None
    due: float | None = 0.0  # when it shall be started

    def update(self) -> None:
        """Start the instances that are due, and record those that have ended."""
        if self.process and self.process.poll() is not None:
            respawn = self.asked.get("respawn")
            self.process = None
            self.due = None if respawn is None else time.monotonic() + float([*respawn, 0, RESPAWN][1] or RESPAWN)
        if self.due is not None and self.due <= time.monotonic():
            self.due = None
            with LOG.open("ab") as log:
                self.process = subprocess.Popen(self.asked["command"], env=self.environment(), stdout=log, stderr=log)

    def environment(self) -> dict[str, str]:
        """A jail hands on only what was set for the service (procd's jail/jail.c); PYTHON... is what we run on here."""
        handed = {name: value for name, value in os.environ.items() if "jail" not in self.asked or "PYTHON" in name}
        set_: dict[str, str] = self.asked.get("env", {})
        return handed | set_

    def end(self) -> None:
        """Send TERM without waiting: the next instance may start while this one still ends."""
        if self.process:
            self.process.terminate()
            ENDING.append((self.process, time.monotonic() + PATIENCE))


@dataclass
class Service:
    """Its instances and triggers."""

    instances: dict[str, Instance] = field(default_factory=dict)
    triggers: list[Any] = field(default_factory=list)


SERVICES: dict[str, Service] = {}
ENDING: list[tuple["subprocess.Popen[bytes]", float]] = []


def set_(handler: Any, data: dict[str, Any]) -> None:
    service = SERVICES.setdefault(data["name"], Service())
    service.triggers = data.get("triggers", [])
    wanted = data.get("instances", {})
    for name in [name for name in service.instances if wanted.get(name) != service.instances[name].asked]:
        service.instances.pop(name).end()
    for name, asked in wanted.items():
        service.instances.setdefault(name, Instance(asked)).update()
    handler.reply({})


def delete(handler: Any, data: dict[str, Any]) -> None:
    for instance in SERVICES.pop(data["name"], Service()).instances.values():
        instance.end()
    handler.reply({})


def signal_(handler: Any, data: dict[str, Any]) -> None:
    for instance in SERVICES.get(data["name"], Service()).instances.values():
        if instance.process:
            instance.process.send_signal(data.get("signal", signal.SIGHUP))
            if data.get("signal") == signal.SIGKILL:
                instance.process.wait()
    handler.reply({})


def list_(handler: Any, data: dict[str, Any]) -> None:
    def listed(instance: Instance) -> dict[str, Any]:
        instance.update()
        return {"running": instance.process is not None, "pid": instance.process.pid if instance.process else 0}

    chosen = {name: service for name, service in SERVICES.items() if data.get("name", name) == name}
    handler.reply(
        {name: {"instances": {k: listed(v) for k, v in each.instances.items()}} for name, each in chosen.items()}
    )


def event(handler: Any, data: dict[str, Any]) -> None:
    """Run the scripts of the triggers that fit."""
    for service in SERVICES.values():
        for kind, action, _ in service.triggers:
            condition, script = (action[1], action[2]) if action[0] == "if" else (None, action[0])
            fits = condition is None or data["data"].get(condition[1]) == condition[2]
            if kind == data["type"] and fits:
                subprocess.Popen(script[1:])  # it will call us: who waits for it here waits for ever
    handler.reply({})


def get_data(handler: Any, _: dict[str, Any]) -> None:
    handler.reply({})


def main() -> None:
    """Serve until the router is switched off."""
    vars(ubus.connection)["_fits"] = lambda _data, _signature: True  # procd is C: its arguments are optional
    ubus.connect()
    methods = {"set": set_, "delete": delete, "signal": signal_, "list": list_, "event": event, "get_data": get_data}
    ubus.add("service", {name: {"method": method, "signature": {}} for name, method in methods.items()})
    while True:
        ubus.loop(100)
        for service in SERVICES.values():
            for instance in service.instances.values():
                instance.update()
        for process, patience in ENDING:
            if process.poll() is None and time.monotonic() > patience:
                process.kill()


if __name__ == "__main__":
    main()
