"""The commands that README.md and docs/faq.md show, for the tests that run them: in a folder, and on a real kernel."""

import re
from pathlib import Path

README = Path(__file__).parents[1].joinpath("README.md").read_text()
PROGRAMS = ("offload", "ubus", "uci", "make", "opkg", "apk", "/etc/init.d/offload")
# Indented text that is no command begins otherwise. What comes after two blanks and # is the comment beside it.
COMMAND = re.compile(rf"^    (?:\$ )?((?:{'|'.join(PROGRAMS)}) .*?)\s*(?:  #.*)?$", re.MULTILINE)
FAQ = Path(__file__).parents[1].joinpath("docs/faq.md").read_text()
COMMANDS = list(dict.fromkeys(COMMAND.findall(README) + COMMAND.findall(FAQ)))
