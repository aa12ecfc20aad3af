#!/usr/bin/python3
"""The pages against what they describe: commands, options, calls on the bus, settings, units, figures, links.

    test_pages.py VISAVIS     the program whose help is compared"""
import glob
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit"))
from checks import check, finish  # noqa: E402

VISAVIS = os.path.abspath(sys.argv[1])
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ["README.md", *sorted(glob.glob("docs/**/*.md", root_dir=REPOSITORY, recursive=True))]
KEYS_OF = {"authd": "authd/main.c", "cryptod": "cryptod/main.c", "relayd": "relayd/node/main.c", "hub": "relayd/hub/settings.c"}


def text(path):
    with open(f"{REPOSITORY}/{path}", encoding="utf-8") as f:
        return f.read()


def nothing(name, missing):
    missing = sorted(missing)
    check(name, not missing, ", ".join(map(str, missing)))


def help_of(*command):
    return subprocess.run([VISAVIS, *command, "--help"], capture_output=True, text=True, check=True).stdout


def rows(page):
    """The cells of each row of the page's tables."""
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.splitlines() if line.startswith("|")]


def commands():
    """{command: its help}, and the options that all have."""
    general = help_of()
    names = re.findall(r"^  ([a-z][a-z-]*) ", general.split("Commands:\n")[1].split("\n\n")[0], re.M)
    common = set(re.findall(r"^  (?:-o, )?(--[a-z-]+)", general, re.M))
    return {name: help_of(name) for name in names}, common


def actions(help_text):
    """The first words of the help's lines that name an action: `group list`, `file send` …"""
    described = help_text.split("\n\nOptions:")[0].split("\n\n", 2)[2]
    found = set()
    for line in described.splitlines():
        left, gap, _ = line.partition("  ")
        if gap and left[:1].islower():
            found |= {part.split()[0] for part in left.split(", ")}
    return found


def check_commands(page):
    helps, common = commands()
    table = [row for row in rows(page) if row[0].strip().startswith("`")]
    described = " ".join(re.findall(r"`([^`]*)`", " ".join(row[0] for row in table)))
    check("the program says what commands it has", len(helps) > 30 and {"login", "send", "hub"} <= set(helps), helps.keys())
    nothing("docs/cli.md has each command", {c for c in helps if not re.search(rf"(^|[ ,]){c}\b", described)})
    nothing("and each of its actions", {f"{c} {a}" for c, h in helps.items() if "ACTION" in h.splitlines()[0] or c in ("slots", "hubs")
                                        for a in actions(h) if not re.search(rf"\b{c} {a}\b", described)} - {"hubs list"})  # without a word it is the same
    nothing("and none that is not there", {word for row in table if len(row) == 3 for word in re.findall(r"`([a-z-]+)[ `]", row[0])
                                           if word not in helps})
    nothing("and each option", {f"{c} {o}" for c, h in helps.items() for o in set(re.findall(r"^  (?:-o, )?(--[a-z-]+)", h, re.M)) - common
                                if o not in page and not (o == "--output" and "`-o " in page)})


def check_calls():
    pages = {os.path.basename(p)[:-3]: text(p) for p in PAGES if p.startswith("docs/dbus/")}
    missing, examined = set(), 0
    for path in sorted(glob.glob("dbus/*.xml", root_dir=REPOSITORY)):
        interface = ElementTree.fromstring(text(path)).find("interface")
        name = interface.get("name")
        page = pages.get(name.split(".")[2].lower(), "")
        if name not in page:
            missing.add(f"{name} has no page")
        for member in interface:
            if member.tag in ("method", "signal", "property"):
                examined += 1
                if not re.search(rf"\b{member.get('name')}\b", page):
                    missing.add(f"{name}.{member.get('name')}")
    nothing(f"docs/dbus/ has each of the {examined} methods, signals and properties of dbus/", missing)


def settings(path):
    """(section, key, default) as a daemon declares them."""
    source = text(path) + text("authd/camera.h") if path.startswith("authd") else text(path)
    return re.findall(r'\{[\s\\]*"([a-z]+)", "([a-z-]+)",\s*("[^"]*"|\w+)[\s\\]*\}', source)


def check_settings(page):
    for daemon, path in KEYS_OF.items():
        part = page.split(f"### {daemon}.conf")[1].split("\n###")[0].split("\n## ")[0]
        described = {}
        for section, keys, default, *_ in rows(part):
            values = [d.strip() for d in default.split(",")]
            for number, key in enumerate(keys.split(",")):
                described[(section.split()[0] if section.split() else "", key.strip())] = values[min(number, len(values) - 1)]
        declared = {(section, key): default.strip('"') for section, key, default in settings(path)}
        check(f"{daemon}'s source declares settings", len(declared) > 4, declared)
        nothing(f"docs/admin.md has each setting of {daemon}.conf", {f"[{s}] {k}" for s, k in set(declared) - set(described)})
        nothing(f"and no other of {daemon}.conf", {f"[{s}] {k}" for s, k in set(described) - set(declared) - {("section", "key"), ("---", "---")}})
        nothing(f"with the defaults of {daemon}.conf", {f"[{s}] {k}: {described[s, k]}, not {declared[s, k]}" for s, k in set(described) & set(declared)
                                                        if re.fullmatch(r"[0-9a-z.:/-]+", declared[s, k]) and described[s, k] not in (declared[s, k], "none")})


def check_administration(page):
    units = {os.path.basename(p).removesuffix(".in") for p in glob.glob(f"{REPOSITORY}/systemd/visavis-*")}
    nothing("docs/admin.md has each unit", {u for u in units if u not in page and u.replace("visavis-", "").split(".")[0] not in page.split("| installed")[1].split("\n\n")[0]})
    nothing("and each of the hub's figures", {m for m in re.findall(r'"(?:# TYPE )?visavis_hub_(\w+?)(?:_total)?[ {"]', text("relayd/hub/metrics.c")) if m not in page})


def check_json(page):
    """What the command line prints with --json, by the names that its code gives it."""
    printed = set()
    for path in glob.glob("ui/cli/*.c", root_dir=REPOSITORY):
        printed |= set(re.findall(r'(?:json_object_object_add\(\s*\w+|print_value\(\s*[\w>-]+),\s*"(\w+)"', text(path)))
    said = page[page.index("What `--json` prints"):]
    check("--json has more than a few names", len(printed) > 60, len(printed))
    nothing("docs/cli.md has each name that --json prints", {name for name in printed if f"`{name}`" not in said})


def check_links():
    broken = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(page)):
            if not re.match(r"[a-z]+:", target) and not os.path.exists(os.path.normpath(f"{REPOSITORY}/{os.path.dirname(page)}/{target}")):
                broken.add(f"{page}: {target}")
        for target in re.findall(r"`((?:docs|dbus|tests|bench|systemd|authd|cryptod|relayd|services|ui)/[\w./-]+\w/?)(?<!\.a)`", text(page)):
            if not glob.glob(f"{REPOSITORY}/{target}*"):
                broken.add(f"{page}: {target}")
    nothing("each file that a page names is there", broken)
    readme = text("README.md")
    nothing("README.md leads to each page", {p for p in PAGES[1:] if os.path.dirname(p) == "docs" and p not in readme})


def check_run():
    said = subprocess.run(["bash", f"{REPOSITORY}/run", "help"], capture_output=True, text=True, check=True).stdout
    declared = set(re.findall(r"^cmd_(\w+)\(\)", text("run"), re.M)) - {"help"}
    nothing("./run help has each of its commands", {c for c in declared if not re.search(rf"^\./run {c} ", said, re.M)})
    nothing("README.md has each of them", {c for c in declared if f"./run {c}" not in text("README.md")})
    nothing("no page has another", {f"{p}: {c}" for p in PAGES for c in re.findall(r"\./run (\w+)", text(p)) if c not in declared | {"help"}})


if __name__ == "__main__":
    check_commands(text("docs/cli.md"))
    check_json(text("docs/cli.md"))
    check_calls()
    check_settings(text("docs/admin.md"))
    check_administration(text("docs/admin.md"))
    check_links()
    check_run()
    sys.exit(finish())
