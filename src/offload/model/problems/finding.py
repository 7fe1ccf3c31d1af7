"""The findings of `offload check`: what conflicts with offload on this router."""

from enum import Enum

from offload.model.problems.finding_form import Form, Severity
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its sentence, what offload has done about it, and how the user corrects it.

    `option`: the option of `config globals` that corrects the finding if it is set to 1; empty: none does.
    """

    code: "FindingCode"  # name for programs
    severity: Severity  # problem or notice
    text: str  # the sentence
    done: str = ""  # what offload did about it; empty for nothing
    remedy: str = ""  # what the user can do; empty for nothing
    option: str = ""


_SLOW = "the traffic it concerns stays on the slow path"
_EXEMPT = "set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic"


class FindingCode(Enum):
    """Every kind of finding. The name is the code in JSON, the value the Form of its sentences."""

    NO_FIREWALL = Form(
        Severity.PROBLEM, "no firewall is loaded: every packet is forwarded unchecked", "/etc/init.d/firewall start"
    )
    SHAPER = Form(
        Severity.PROBLEM,
        "{shaper} treats packets of {device}: software offload keeps that, hardware bypasses it",
        "set auto_software to 1 in /etc/config/offload, or choose software: offload pair {src} {dest} software",
        "traffic over {device} is in software at most",
        "auto_software",
    )
    SHAPER_BYPASSED = Form(
        Severity.PROBLEM,
        "{shaper} treats packets of {device}, and those of offloaded flows bypass it where the flowtable has {lower} "
        "below it, a device of a zone itself or of option device",
        "set auto_software to 1 in /etc/config/offload, without {lower} as option device: then only traffic of {lower} "
        "itself, not of {device}, stays slow",
        "the flowtable leaves {lower} out: only its own traffic stays slow",
    )
    SHAPER_ABSENT = Form(
        Severity.NOTICE,
        "/etc/config/{package} asks for a shaper on {network}, and there is none on {device} now",
        "/etc/init.d/{package} restart",
    )
    LIMITS_ABSENT = Form(
        Severity.NOTICE,
        "/etc/config/{package} asks for limits, and no rule of its tables limits anything now",
        "/etc/init.d/{package} restart",
    )
    RULE_LIMITS = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} limits rates: offloaded packets would not be limited",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    RULE_COUNTS = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} counts against a quota: offloaded packets would not count",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    RULE_PRIORITIES = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} gives priorities: offloaded packets would have none",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    RULE_DSCP = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} sets the DSCP: offloaded packets would keep their own",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    RULE_MARKS = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} sets marks that a qdisc or filter reads: offloaded packets have none",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    MARK_RESTORED = Form(
        Severity.PROBLEM,
        "a tc filter on {device} gives packets that leave the mark of their connection (connmark, ctinfo): behind "
        "masquerade offloaded packets get none",
        "set auto_exempt to 1 in /etc/config/offload, or restore the mark where packets come in",
        "connections that have a mark stay on the slow path",
        "auto_exempt",
    )
    RULE_TTL = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} sets the TTL or hop limit: offloaded packets bypass it",
        "set it in a chain of family netdev on the egress hook, which packets that software offloads meet; or keep the "
        "traffic slow with a config exempt",
    )
    RULE_CHANGES = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} changes headers of packets: of an offloaded flow it changes the "
        "first ones",
        "change them in a chain of family netdev on the egress hook, which packets that software offloads meet; or "
        "keep the traffic slow with a config exempt",
    )
    RULE_COPIES = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} copies packets (dup): of an offloaded flow it copies the first ones",
        "copy them in a chain of family netdev on the ingress hook, which packets that software offloads meet; or keep "
        "the traffic slow with a config exempt",
    )
    RULE_OFFLOADS = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} offloads flows itself (flow add), whatever is chosen here: modes, "
        "exempts and limits do not hold for these flows",
        "delete that rule and its flowtable",
    )
    RULE_QUEUES = Form(
        Severity.NOTICE,
        "a rule in chain {chain} of table {table} hands packets to a program: it sees those before the offload only",
        "give the zone an after_packets (30, say) where the program needs the first packets, or write a config exempt",
    )
    RULE_DROPS = Form(
        Severity.PROBLEM,
        "a rule in chain {chain} of table {table} drops packets behind the forward hook, or by what changes (length, "
        "TTL, flags, DSCP, content, chance; a connection's mark, label, timeout; ipset): offloaded packets bypass it",
        _EXEMPT,
        _SLOW,
        "auto_exempt",
    )
    RULE_TIMES = Form(
        Severity.NOTICE,
        "a rule in chain {chain} of table {table} drops at some times: offloaded packets bypass it",
        "start the service, which lets flows meet the rules again at such times: /etc/init.d/offload start",
        "flows meet the rules again when a time begins or ends",
    )
    RULE_BANS = Form(
        Severity.NOTICE,
        "a rule in chain {chain} of table {table} drops by a set (banIP and its kind): offloaded packets bypass "
        "elements that are added later",
        "start the service, which lets live flows meet the rules again: /etc/init.d/offload start",
        "live flows meet the rules again within a second of an element that a program adds, "
        "not of one that packets add",
    )
    LEGACY_TABLES = Form(
        Severity.NOTICE,
        "iptables-legacy has tables in the kernel ({tables}), whose rules are not read: offloaded packets bypass them",
        "iptables-legacy-save and ip6tables-legacy-save show the rules: load those that limit or drop live connections "
        "with nft or iptables-nft, or keep their traffic slow with a config exempt",
    )
    RULE_LOGS = Form(
        Severity.NOTICE,
        "a rule in chain {chain} of table {table} logs packets: of an offloaded connection it logs the first ones",
    )
    FILE_UNLOADED = Form(
        Severity.NOTICE,
        "{file} has rules that the firewall has not loaded yet: they {rules}, and offloaded packets would bypass them",
        "/etc/init.d/firewall reload, then offload check: it says what offload does about these rules",
    )
    FILE_UNREAD = Form(
        Severity.NOTICE,
        "the rules of {file}, which the firewall loads, are not known: {why}",
        "fw4 check: it says whether the firewall can be loaded with this file",
    )
    NOT_CUT = Form(
        Severity.NOTICE,
        "cut_refused ends no connection for rule {rule} of /etc/config/firewall: {options} cannot be read from a "
        "connection",
        "after a change of this rule: offload cut --host ADDRESS",
    )
    ROUTES_BY_MARK = Form(
        Severity.NOTICE,
        "routing rules choose by marks ({count}; pbr, mwan3): an offloaded flow keeps the route of its first packets",
        "",
        "when routes change, flows look theirs up anew within a second while the service runs",
    )
    ACCOUNTING_OFF = Form(
        Severity.NOTICE,
        "nf_conntrack_acct is 0: the bytes and packets of connections are not counted (here, nor by nlbwmon)",
        "sysctl -w net.netfilter.nf_conntrack_acct=1",
    )
    COUNTERS_FROZEN = Form(
        Severity.NOTICE,
        "the packets of hardware flows of {src} > {dest} are not counted, though they come in on {devices}: totals "
        "here and in nlbwmon are too small",
        "choose software where they matter: offload pair {src} {dest} software",
    )
    TIMEOUT_SHORT = Form(
        Severity.PROBLEM,
        "{setting} is {seconds} s, less than the {least} s after which an idle flow leaves the flowtable: its "
        "connection is forgotten then",
        "sysctl -w net.netfilter.{setting}={least}",
    )
    KERNEL_CUT = Form(
        Severity.NOTICE,
        "kernel {release} refuses to end offloaded connections (mended in 6.1.32 and 6.4): offload cut misses them",
        "offload flush first, then offload cut; or update OpenWrt",
    )
    KERNEL_TIMEOUT = Form(
        Severity.NOTICE,
        "kernel {release} may forget offloaded connections after 300 s (6.14 to 7.1.3; mended in 6.18.39 and 7.1.4)",
        "update OpenWrt where long connections break",
    )
    KERNEL_PPPOE = Form(
        Severity.PROBLEM,
        "on kernel {release} downloads through PPPoE are slow where a flowtable lists {devices} (mended in 5.15.157, "
        "6.1.88, 6.6.29 and 6.8.8)",
        "list {devices} as exclude_device in config globals of /etc/config/offload, or update OpenWrt",
        "flowtables leave {devices} out: flows are offloaded at the PPPoE device",
    )
    KERNEL_HALF = Form(
        Severity.NOTICE,
        "kernel {release} may give hardware only one direction of a flow (mended in 6.1.191, 6.6.18 and 6.7.6): the "
        "other is fast in software",
        "update OpenWrt where the processor is busy with downloads",
    )
    KERNEL_FREED = Form(
        Severity.NOTICE,
        "kernel {release} may, rarely, crash when flows leave hardware (mended in 6.1.189, 6.6.159, 6.12.112 and "
        "6.18.54)",
        "update OpenWrt, or choose software, if the router restarts by itself",
    )

    def __call__(self, **words: object) -> Finding:
        """Make the Finding for a router where offload has done nothing about it, with severity, remedy and option.

        `words` fill the blanks of text and remedy. KeyError: a word is missing.
        """
        form: Form = self.value
        return Finding(self, form.severity, form.text.format(**words), "", form.remedy.format(**words), form.option)

    def done(self, **words: object) -> Finding:
        """Make the Finding for a router where offload has done what `done` of the Form says: a notice without remedy.

        `words` fill the blanks of text and `done`. KeyError: a word is missing.
        """
        form: Form = self.value
        return Finding(self, Severity.NOTICE, form.text.format(**words), form.done.format(**words))
