"""The commands that README.md and docs/ show, for tests that run them on a router in a folder and on a real kernel."""

import re
from pathlib import Path

README = Path(__file__).parents[1].joinpath("README.md").read_text()
PROGRAMS = ("offload", "ubus", "uci", "make", "opkg", "apk", "/etc/init.d/offload")
# Indented text that is no command begins otherwise. What comes after two blanks and # is the comment beside it.
COMMAND = re.compile(rf"^    (?:\$ )?((?:{'|'.join(PROGRAMS)})(?: .*?)?)\s*(?:  #.*)?$", re.MULTILINE)
DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    README,
    *(
        DOCS.joinpath(f"{name}.md").read_text()
        for name in ("choose", "hardware", "faq", "scripts", "metrics", "install", "troubleshooting", "performance")
    ),
]
COMMANDS = list(dict.fromkeys(command for page in PAGES for command in COMMAND.findall(page)))
EXEMPT = "\nconfig exempt\n\toption name 'Console'\n\tlist src_ip '192.168.1.50'\n"  # of the FAQ


def prepare(command: str, config: Path) -> None:
    """Write into /etc/config/offload, the file `config`, what a command needs that deletes something there."""
    if "Console" in command:
        with config.open("a") as file:
            file.write(EXEMPT)
